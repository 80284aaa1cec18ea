package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestMarkedRole(t *testing.T) {
	environ := []byte("PATH=/bin\x00" + marker + "=/state:kube-apiserver\x00HOME=/\x00")
	if role, ok := markedRole(environ, "/state"); !ok || role != "kube-apiserver" {
		t.Errorf("markedRole = %q, %v", role, ok)
	}
	for _, dir := range []string{"/stat", "/state2", "/"} {
		if role, ok := markedRole(environ, dir); ok {
			t.Errorf("markedRole finds %q for the state directory %s", role, dir)
		}
	}
}

func TestAncestors(t *testing.T) {
	found := ancestors()
	if !found[os.Getpid()] || !found[os.Getppid()] {
		t.Errorf("ancestors = %v lack %d or %d", found, os.Getpid(), os.Getppid())
	}
}

func TestPoll(t *testing.T) {
	notYet := errors.New("not yet")
	calls := 0
	err := poll(t.Context(), nil, func(context.Context) error {
		if calls++; calls < 3 {
			return notYet
		}
		return nil
	})
	if err != nil || calls != 3 {
		t.Errorf("poll = %v after %d calls", err, calls)
	}

	ended := make(chan struct{})
	close(ended)
	if err := poll(t.Context(), ended, func(context.Context) error { return notYet }); !errors.Is(err, errEnded) {
		t.Errorf("poll of what has ended = %v", err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := poll(ctx, nil, func(context.Context) error { return notYet }); !errors.Is(err, notYet) {
		t.Errorf("poll out of time = %v, want the last error in it", err)
	}
}

func TestDaemonsInheritNoOpenFile(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	// As our caller leaves it to us.
	inherited, err := syscall.Dup(int(writer.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(writer.Close(), keepOpenFiles()); err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command("sleep", "600")
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(daemon.Process.Kill(), daemon.Wait()) }()
	if err := errors.Join(syscall.Close(inherited), reader.SetReadDeadline(time.Now().Add(10*time.Second))); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read from a pipe that nobody has open any more = %v", err)
	}
}
