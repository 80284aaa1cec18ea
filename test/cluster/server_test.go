package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sleeper starts a process that has a role in the cluster c.
func sleeper(t *testing.T, c *cluster, role string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	cmd.Env = []string{marker + "=" + c.dir + ":" + role}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	go func() { _ = cmd.Wait() }() // killed, or told to end
	return cmd
}

// await waits for what the kernel does in its own time.
func await(t *testing.T, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := poll(ctx, nil, func(context.Context) error {
		if !condition() {
			return errors.New("not yet")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func stopped(t *testing.T, cmd *exec.Cmd) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(stat), ") T ")
}

func TestPausedServerIsContinuedAndOneThatEndedIsStarted(t *testing.T) {
	c := &cluster{dir: t.TempDir()}
	starts := 0
	v := server{"sleeper", func(*cluster, settings) error { starts++; return nil }}
	other, process := sleeper(t, c, "other"), sleeper(t, c, v.role)

	for _, step := range []struct {
		signal  syscall.Signal
		stopped bool
	}{{syscall.SIGSTOP, true}, {syscall.SIGCONT, false}, {syscall.SIGSTOP, true}} {
		if err := v.signal(c, step.signal); err != nil {
			t.Fatal(err)
		}
		await(t, func() bool { return stopped(t, process) == step.stopped })
	}
	if err := v.restore(c, settings{}); err != nil || starts != 0 {
		t.Errorf("restore of a paused server = %v, and started %d", err, starts)
	}
	await(t, func() bool { return !stopped(t, process) })

	if err := v.signal(c, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := v.awaitEnd(c); err != nil {
		t.Fatal(err)
	}
	if err := v.restore(c, settings{}); err != nil || starts != 1 {
		t.Errorf("restore of a server that has ended = %v, and started %d", err, starts)
	}
	if err := v.signal(c, syscall.SIGKILL); err != nil {
		t.Errorf("a signal to a server that has ended: %v", err)
	}
	if _, ok := c.findRole("other"); !ok || stopped(t, other) {
		t.Error("another process was touched")
	}
}

func TestRepairLeavesAloneWhatIsMoreThanAServer(t *testing.T) {
	c := &cluster{dir: t.TempDir()}
	if err := c.repair(settings{Nodes: 1}); err == nil || !strings.Contains(err.Error(), "etcd") {
		t.Errorf("repair of nothing = %v, want an error that names etcd", err)
	}
}
