package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAProgramIsLoadedByTheLinkerOfItsFolder(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "true")
	data, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	start := func() error {
		cmd := exec.Command(program)
		cmd.Dir = dir
		return cmd.Run()
	}
	if err := loadedBy(program, "ld.so"); err != nil {
		t.Fatal(err)
	}
	if err := start(); err == nil {
		t.Error("the program started without the linker")
	}
	if err := os.Symlink("/lib64/ld-linux-x86-64.so.2", filepath.Join(dir, "ld.so")); err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Errorf("with the linker in its folder: %v", err)
	}
	if err := loadedBy(program, strings.Repeat("x", 100)); err == nil {
		t.Error("a linker's path that does not fit was accepted")
	}
	if err := loadedBy("kernel_test.go", "ld.so"); err == nil {
		t.Error("a file that is no program was accepted")
	}
}

func TestTheNewerKernelIsTakenWhereItIs(t *testing.T) {
	c := &cluster{dir: t.TempDir()}
	if k := c.kernel(); k.command[0] != "linux.uml" || k.preload == "" {
		t.Errorf("without a newer kernel: %+v, want that of the package", k)
	}
	if err := os.Mkdir(c.newerDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	if k := c.kernel(); k.name != newerVersion || k.dir != c.newerDir() || k.preload != "" {
		t.Errorf("with a newer kernel: %+v", k)
	}
}
