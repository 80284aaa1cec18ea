package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestProcessorTimeIsThatOfUserAndSystem(t *testing.T) {
	const stat = "42 (a (very) odd name) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 7 9 20 0 8 0 1000 1 1\n"
	if got, err := processorTime([]byte(stat)); err != nil || got != 2*time.Second {
		t.Errorf("got %v, %v", got, err)
	}
	for _, wrong := range []string{"", "42 (x) S 1", "42 (x) S a b c d e f g h i j k l m"} {
		if got, err := processorTime([]byte(wrong)); err == nil {
			t.Errorf("%q: got %v", wrong, got)
		}
	}
}

func TestMemoryIsReadInBytes(t *testing.T) {
	const status = "Name:\tx\nVmPeak:\t  999 kB\nVmHWM:\t  20 kB\nVmRSS:\t    10 kB\nThreads:\t3\n"
	if now, most := memoryLine([]byte(status), "VmRSS:"), memoryLine([]byte(status), "VmHWM:"); now != 10*1024 || most != 20*1024 {
		t.Errorf("got %v, %v", now, most)
	}
}

func TestAProcessThatEndsWithAnErrorSaysItsLastWords(t *testing.T) {
	p, err := launch("sh", filepath.Join(t.TempDir(), "logs", "log"), "sh", []string{"-c", "echo $WORD; echo it broke; exit 3"}, []string{"WORD=first"})
	if err != nil {
		t.Fatal(err)
	}
	err = p.wait(t.Context())
	if err == nil || !strings.Contains(err.Error(), "it broke") || !strings.Contains(err.Error(), "exit status 3") || p.end.Before(p.began) {
		t.Errorf("got %v", err)
	}
}

func TestAProcessIsStopped(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p, err := launch("sh", log, "sh", []string{"-c", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.says(t.Context(), "up"); err != nil {
		t.Fatal(err)
	}
	if now, most, err := p.resident(); err != nil || now <= 0 || most < now {
		t.Errorf("resident: %v, %v, %v", now, most, err)
	}
	if err := p.stop(); err != nil || p.err != nil || lastLine(log) != "bye" {
		t.Errorf("got %v, %v, %q", err, p.err, lastLine(log))
	}
	if err := p.stop(); err != nil {
		t.Errorf("stopped again: %v", err)
	}
}
