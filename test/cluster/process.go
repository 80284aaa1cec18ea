package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// marker is the environment variable by which a process of a cluster is known.
// Its value is the state directory, a colon, and the role of the process. With
// it and with the namespace no pid file is needed, which could be lost.
const marker = "NFS_PROVISIONER_CLUSTER"

// A process is one that runs, of this cluster.
type process struct {
	pid  int
	role string // "" if it was started by "exec", or by another process
}

// processes finds the cluster's processes: those that carry the marker and
// those in the cluster's network namespace, or in a namespace with one that
// carries the marker. This process and its ancestors are not among them.
func (c *cluster) processes() ([]process, error) {
	pids, err := allPIDs()
	if err != nil {
		return nil, err
	}
	own := ancestors()
	namespaces := map[uint64]bool{}
	if ino, ok := inode(namespaceFile); ok {
		namespaces[ino] = true
	}
	host, _ := inode("/proc/1/ns/net")
	mine, _ := inode("/proc/self/ns/net")
	roles := map[int]string{}
	for _, pid := range pids {
		role, ok := c.role(pid)
		if !ok || own[pid] {
			continue
		}
		roles[pid] = role
		if ino, ok := inode(fmt.Sprintf("/proc/%d/ns/net", pid)); ok && ino != host && ino != mine {
			namespaces[ino] = true
		}
	}
	var found []process
	for _, pid := range pids {
		role, marked := roles[pid]
		ino, ok := inode(fmt.Sprintf("/proc/%d/ns/net", pid))
		if !own[pid] && (marked || ok && namespaces[ino]) {
			found = append(found, process{pid, role})
		}
	}
	return found, nil
}

// role is what the marker in a process's environment says.
func (c *cluster) role(pid int) (string, bool) {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return "", false
	}
	return markedRole(environ, c.dir)
}

// markedRole finds the role in the content of an environ file.
func markedRole(environ []byte, dir string) (string, bool) {
	prefix := marker + "=" + dir + ":"
	for variable := range bytes.SplitSeq(environ, []byte{0}) {
		if role, ok := strings.CutPrefix(string(variable), prefix); ok {
			return role, true
		}
	}
	return "", false
}

// findRole returns the process that was started in a role, not its children.
func (c *cluster) findRole(role string) (process, bool) {
	all, err := c.processes()
	if err != nil {
		return process{}, false
	}
	for _, p := range all { // ascending: the oldest first
		if p.role == role {
			return p, true
		}
	}
	return process{}, false
}

func allPIDs() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// ancestors is this process and those it descends from.
func ancestors() map[int]bool {
	found := map[int]bool{}
	for pid := os.Getpid(); pid > 0 && !found[pid]; pid = parent(pid) {
		found[pid] = true
	}
	return found
}

func parent(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// pid (name) state ppid …; the name may hold blanks and parentheses.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	ppid, _ := strconv.Atoi(fields[1])
	return ppid
}

// inode is what the file is, behind all links.
func inode(name string) (uint64, bool) {
	var st syscall.Stat_t
	if err := syscall.Stat(name, &st); err != nil {
		return 0, false
	}
	return st.Ino, true
}

// killAll ends every process of the cluster, and waits until they are gone.
func (c *cluster) killAll() error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		all, err := c.processes()
		if err != nil || len(all) == 0 {
			return err
		}
		for _, p := range all {
			_ = syscall.Kill(p.pid, syscall.SIGKILL) // it may be gone
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not end after SIGKILL; see /proc/%[1]d/stack", all[0].pid)
		}
	}
}

// A daemon is a process started by this one, which outlives it.
type daemon struct {
	role string
	log  string
	pid  int
	done chan struct{} // closed when it has ended
}

// start starts a program of the cluster in the cluster's namespace, in a
// session of its own, with its output in the log of its role. The options may
// change what is run.
func (c *cluster) start(role string, argv []string, options ...func(*exec.Cmd)) (*daemon, error) {
	d := &daemon{role: role, log: c.logFile(role), done: make(chan struct{})}
	if err := os.MkdirAll(filepath.Dir(d.log), 0o755); err != nil {
		return nil, err
	}
	output, err := os.OpenFile(d.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	if err := keepOpenFiles(); err != nil {
		return nil, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Dir = c.run()
	cmd.Env = append(daemonEnvironment(), marker+"="+c.dir+":"+role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	for _, option := range options {
		option(cmd)
	}
	if err := inNamespace(cmd.Start); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	d.pid = cmd.Process.Pid
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(d.done)
	}()
	return d, nil
}

// keepOpenFiles keeps what our caller has left open, such as a lock that ends
// with the command, from the processes that outlive us.
func keepOpenFiles() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// daemonEnvironment is all that the daemons get: nothing of the user's shell
// shall change how the cluster behaves.
func daemonEnvironment() []string {
	return []string{"PATH=" + systemPath, "HOME=/root", "LANG=C.UTF-8"}
}

const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// await waits until ready returns nil. It gives up when the daemon ends or when
// the time is over, with the end of the daemon's log.
func (d *daemon) await(timeout time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := poll(ctx, d.done, ready)
	if err != nil {
		return fmt.Errorf("%s: %w\n%s(log: %s)", d.role, err, logTail(d.log, 10), d.log)
	}
	return nil
}

var errEnded = errors.New("it ended by itself")

// poll calls ready until it returns nil, done is closed or the context ends.
func poll(ctx context.Context, done <-chan struct{}, ready func(context.Context) error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := ready(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-done:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("not ready in time: %w", err)
		case <-tick.C:
		}
	}
}

// logTail is the end of a log, each line indented.
func logTail(name string, lines int) string {
	data, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	var b strings.Builder
	for _, line := range all[max(0, len(all)-lines):] {
		fmt.Fprintf(&b, "    %.400s\n", line)
	}
	return b.String()
}
