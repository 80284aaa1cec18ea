package main

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// guestScripts are what the nodes run, beginning with init.sh.
//
//go:embed guest
var guestScripts embed.FS

// installGuest writes the scripts and this program where the guests find them.
func (c *cluster) installGuest() error {
	if err := os.RemoveAll(c.run("guest")); err != nil {
		return err
	}
	if err := os.CopyFS(c.run(), guestScripts); err != nil {
		return err
	}
	if err := os.Chmod(c.run("guest", "init.sh"), 0o755); err != nil {
		return err
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	return writeFile(c.bin("cluster"), self, 0o755)
}

// startNode boots node n: user-mode Linux on a CPU of its own, since switching
// CPUs makes each fork in the guest four times as expensive. The last node also
// is an NFS server.
func (c *cluster) startNode(n int, s settings) (*daemon, error) {
	name := nodeName(n)
	disk := c.run(name + ".ext4")
	if err := errors.Join(c.makeDirs(c.run("logs", name), runtimeDir), makeSparse(disk, 16<<30)); err != nil {
		return nil, err
	}
	if err := quietly("mkfs.ext4", "-q", "-O", "^has_journal", "-E", "lazy_itable_init=1", disk); err != nil {
		return nil, err
	}
	k := c.kernel()
	args := append(slices.Clone(k.command), "mem="+s.Memory, "quiet",
		"root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "init="+c.run("guest", "init.sh"),
		"CLUSTER_DIR="+c.dir, "CLUSTER_NODE="+strconv.Itoa(n), "CLUSTER_NODES="+strconv.Itoa(s.Nodes),
		"CLUSTER_MODULES="+k.modules,
		fmt.Sprintf("vec0:transport=tap,ifname=%s,mac=%s,gro=1", tapName(n), nodeMAC(n)),
		"uml_dir="+runtimeDir+"/", "umid="+name,
		"con=null", "con0=fd:0,fd:1", "ubda="+disk)
	if n == s.Nodes {
		exported := c.run("nfsd.xfs")
		if err := makeSparse(exported, 16<<30); err != nil {
			return nil, err
		}
		if err := quietly("mkfs.xfs", "-q", "-f", exported); err != nil {
			return nil, err
		}
		args = append(args, "ubdb="+exported)
	}
	cpus, err := allowedCPUs()
	if err != nil {
		return nil, err
	}
	pinned := append([]string{"taskset", "-c", strconv.Itoa(cpus[n%len(cpus)])}, args...)
	return c.start(name, pinned, func(cmd *exec.Cmd) {
		cmd.Dir = k.dir
		cmd.Env = append(cmd.Env, "TMPDIR="+c.memoryDir(s))
		if k.preload != "" {
			cmd.Env = append(cmd.Env, "LD_PRELOAD="+k.preload)
		}
	})
}

// keepTime reminds a node of its clock every few seconds, for as long as it
// lives. User-mode Linux sets its timer at each tick for the next; now and then,
// under load, one was lost, and the time of the node stood still.
func (c *cluster) keepTime(node *daemon) error {
	const remind = `while sleep 5 && kill -ALRM "$0"; do :; done 2>/dev/null`
	_, err := c.start("clock-of-"+node.role, []string{"sh", "-c", remind, strconv.Itoa(node.pid)})
	return err
}

// memoryDir is where a guest's memory is kept, as a file without a name:
// in memory, if it fits.
func (c *cluster) memoryDir(s settings) string {
	const shm = "/dev/shm"
	var st syscall.Statfs_t
	size, err := parseMemory(s.Memory)
	if err == nil && syscall.Statfs(shm, &st) == nil && st.Bavail*uint64(st.Bsize) >= size*uint64(s.Nodes) {
		return shm
	}
	return c.run()
}

// parseMemory reads a size as the kernel does: 2560M, 3G.
func parseMemory(s string) (uint64, error) {
	number, isM := strings.CutSuffix(s, "M")
	shift := 20
	if !isM {
		var isG bool
		if number, isG = strings.CutSuffix(s, "G"); !isG {
			number = ""
		}
		shift = 30
	}
	size, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("--memory %q is not a size; write it as 2560M or 3G", s)
	}
	return size << shift, nil
}

// makeSparse makes an empty file of that size, which takes no space.
func makeSparse(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// allowedCPUs are the CPUs that this process may use.
func allowedCPUs() ([]int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(status)) {
		if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			return parseCPUs(strings.TrimSpace(list))
		}
	}
	return nil, errors.New("/proc/self/status does not list the allowed CPUs")
}

// parseCPUs reads a list as the kernel writes it: 0-2,5.
func parseCPUs(list string) ([]int, error) {
	var cpus []int
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("list of CPUs %q: %w", list, err)
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}
