package main

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// sources is this module as far as the programs need it: they can be built
// wherever this program is.
//
//go:embed go.mod go.sum kubebox/*.go pause/*.go
var sources embed.FS

// kubeboxPrograms are the names that kubebox is called by.
var kubeboxPrograms = []string{
	"coredns", "etcd", "helm", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kubelet",
}

func runBuild(c *cluster, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	p := newProgress()
	return c.build(p)
}

// build builds the programs, unless they are there and up to date.
func (c *cluster) build(p *progress) error {
	goVersion, err := goCommand("version").Output()
	if err != nil {
		return fmt.Errorf("go version: %w; Go builds the cluster's programs, install it from https://go.dev/dl", err)
	}
	stamp, err := sourceStamp(sources, string(goVersion))
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(c.bin("stamp")); err == nil && string(old) == stamp {
		p.say("the programs are up to date")
		return nil
	}
	module := c.run("source")
	if err := errors.Join(os.RemoveAll(module), c.makeDirs(module, c.bin(""))); err != nil {
		return err
	}
	if err := os.CopyFS(module, sources); err != nil {
		return err
	}
	ldflags, err := kubernetesFlags(sources)
	if err != nil {
		return err
	}
	for _, program := range []struct{ name, ldflags string }{{"pause", "-s -w"}, {"kubebox", ldflags}} {
		if err := c.compile(p, module, program.name, program.ldflags); err != nil {
			return err
		}
	}
	for _, name := range kubeboxPrograms {
		if err := os.Remove(c.bin(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Symlink("kubebox", c.bin(name)); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(c.imageFile("pause")); err != nil { // made of an older program
		return err
	}
	return writeFile(c.bin("stamp"), []byte(stamp), 0o644)
}

// compile builds one package of the module into bin, with progress.
func (c *cluster) compile(p *progress, module, name, ldflags string) error {
	p.say("building %s (up to 15 minutes the first time, with 2 CPUs)", name)
	target := c.bin(name)
	cmd := goCommand("build", "-v", "-buildvcs=false", "-tags", "kubebox", "-ldflags", ldflags, "-o", target+".new", "./"+name)
	cmd.Dir = module
	// If this process is killed, the build shall not go on and meet the next.
	// The kernel counts the end of the thread as the end of the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			lines <- scanner.Text()
		}
		_, _ = io.Copy(io.Discard, output) // after a line too long to scan
	}()
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	var compiled []string
	for open := true; open; {
		select {
		case line, ok := <-lines:
			if open = ok; ok {
				compiled = append(compiled, line)
			}
		case <-tick.C:
			current := "the packages are up to date, linking"
			if len(compiled) > 0 {
				current = fmt.Sprintf("%d packages begun, the latest %s", len(compiled), compiled[len(compiled)-1])
			}
			p.say("building %s: %s", name, current)
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("go build ./%s: %w\n%s", name, err, strings.Join(compiled[max(0, len(compiled)-20):], "\n"))
	}
	return os.Rename(target+".new", target)
}

// goCommand is the go command with an environment in which it builds static
// programs of this module only.
func goCommand(args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOOS=linux", "GOARCH=amd64")
	if os.Getenv("HOME") == "" {
		if home, err := homeDir(); err == nil {
			cmd.Env = append(cmd.Env, "HOME="+home) // it keeps its caches there
		}
	}
	return cmd
}

// sourceStamp tells builds apart: by every source file and the version of Go.
func sourceStamp(files fs.FS, goVersion string) (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, goVersion)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		fmt.Fprintf(hash, "%s %d\n%s", name, len(data), data)
		return err
	})
	return fmt.Sprintf("%x\n", hash.Sum(nil)), err
}

var requiredVersion = regexp.MustCompile(`(?m)^\s*(\S+) v((\d+)\.(\d+)\.\S+)`)

// kubernetesFlags are linker flags that tell Kubernetes and Helm their
// versions, which they would else believe to be 0.0.0. They are those that
// go.mod requires.
func kubernetesFlags(files fs.FS) (string, error) {
	mod, err := fs.ReadFile(files, "go.mod")
	if err != nil {
		return "", err
	}
	flags := "-s -w"
	for _, match := range requiredVersion.FindAllStringSubmatch(string(mod), -1) {
		module, version, major, minor := match[1], match[2], match[3], match[4]
		switch module {
		case "k8s.io/kubernetes":
			for _, variable := range []string{"component-base/version", "client-go/pkg/version"} {
				flags += fmt.Sprintf(" -X k8s.io/%s.gitVersion=v%s -X k8s.io/%[1]s.gitMajor=%[3]s -X k8s.io/%[1]s.gitMinor=%[4]s", variable, version, major, minor)
			}
		case "helm.sh/helm/v4":
			flags += " -X helm.sh/helm/v4/internal/version.version=v" + version
		}
	}
	if !strings.Contains(flags, "gitVersion") {
		return "", errors.New("go.mod does not require k8s.io/kubernetes")
	}
	return flags, nil
}
