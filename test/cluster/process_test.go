package main

import (
	"context"
	"errors"
	"os"
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
