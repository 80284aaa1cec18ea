package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var someStart = start{
	provisioner: "bench.invalid", server: "nas", path: "/export", directory: "/share", kubeconfig: "/config", namespace: "space",
	workers: 16, lease: 15 * time.Second, listen: "127.0.0.1:1",
}

func TestEveryProfileOfOursIsFilledInWhole(t *testing.T) {
	for _, name := range profileNames() {
		p, err := readProfile(name)
		if err != nil {
			t.Fatal(err)
		}
		all := append(append(p.arguments(someStart), p.environment(someStart)...), someStart.fill(p.Ready))
		if text := strings.Join(all, " "); strings.ContainsAny(text, "{}") || !strings.Contains(text, "bench.invalid") {
			t.Errorf("%s: got %s", name, text)
		}
	}
}

func TestTheProductIsToldWhatItNeeds(t *testing.T) {
	p, err := readProfile("nfs-provisioner")
	if err != nil {
		t.Fatal(err)
	}
	got := p.arguments(someStart)
	for _, want := range []string{
		"--share=name=bench,server=nas,path=/export,mount=/share", "--kubeconfig=/config", "--workers=16",
		"--leader-election-lease-duration=15s", "--leader-election-namespace=space", "--listen-address=127.0.0.1:1",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q has no %s", got, want)
		}
	}
}

func TestAProfileCanBeAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(file, []byte("args: ['--threads={workers}']\nenv: {B: '2', A: '{path}'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := readProfile(file)
	if err != nil || !slices.Equal(p.arguments(someStart), []string{"--threads=16"}) || !slices.Equal(p.environment(someStart), []string{"A=/export", "B=2"}) {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestAProfileThatIsWrongIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(file, []byte("arguments: [x]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, "no-such-profile"} {
		if p, err := readProfile(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %+v, %v", p, err)
		}
	}
}
