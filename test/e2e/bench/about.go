package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// describe says on what is measured, without the name of any machine.
func (b *bench) describe(ctx context.Context) (about, error) {
	version, err := b.client.Discovery().ServerVersion()
	if err != nil {
		return about{}, err
	}
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		return about{}, err
	}
	var memory unix.Sysinfo_t
	if err := unix.Sysinfo(&memory); err != nil {
		return about{}, err
	}
	nodes, err := b.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return about{}, err
	}
	var nodeKernel string
	for _, node := range nodes.Items {
		nodeKernel = node.Status.NodeInfo.KernelVersion
	}
	const gib = 1 << 30
	return about{
		Provisioner: b.versionOf(ctx), Kubernetes: version.GitVersion, Go: runtime.Version(),
		Kernel: unix.ByteSliceToString(kernel.Release[:]), NodeKernel: nodeKernel, CPUs: runtime.NumCPU(),
		MemoryGiB:  int(math.Round(float64(memory.Totalram) * float64(memory.Unit) / gib)),
		FileSystem: fileSystem(b.share.root), Quick: b.options.quick,
	}, nil
}

// versionOf is what the provisioner says of itself, or its file's name.
func (b *bench) versionOf(ctx context.Context) string {
	name := filepath.Base(b.options.provisioner)
	if b.options.profile != name {
		return name
	}
	out, err := exec.CommandContext(ctx, b.options.provisioner, "--version").Output()
	if err != nil {
		return name
	}
	line, _, _ := strings.Cut(string(bytes.TrimSpace(out)), "\n")
	return line
}

// fileSystem is the type of the file system of a directory, as Linux spells it.
func fileSystem(directory string) string {
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "unknown"
	}
	kind, longest := "unknown", -1
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 2 && len(fields[1]) > longest && (fields[1] == "/" || strings.HasPrefix(directory+"/", fields[1]+"/")) {
			kind, longest = fields[2], len(fields[1])
		}
	}
	return kind
}

func (a about) line() string {
	nodes := ""
	if a.NodeKernel != "" {
		nodes = fmt.Sprintf(" (nodes: user-mode Linux %s)", a.NodeKernel)
	}
	return fmt.Sprintf("%s; Kubernetes %s, Linux %s%s, %s, %d CPUs, %d GiB of memory, share on %s",
		a.Provisioner, a.Kubernetes, a.Kernel, nodes, a.Go, a.CPUs, a.MemoryGiB, a.FileSystem)
}
