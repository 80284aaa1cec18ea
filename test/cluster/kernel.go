package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A kernel of user-mode Linux, for the nodes.
type kernel struct {
	name    string   // for people
	dir     string   // the working directory that it is to be started in
	command []string // the program, and what comes before it
	options []string // on the kernel's command line
	modules string   // a folder, by release
	preload string   // a library that it needs, if any
}

// The nodes' kernel, of a Debian newer than that of this machine. Since Linux
// 6.16 user-mode Linux need not trace its processes: they tell it themselves of
// their system calls. A system call takes half the time, a fork and exec a third.
const (
	newerSuite   = "forky"
	newerPackage = "user-mode-linux"
	newerVersion = "7.2um1"
	newerLibc    = "libc6" // that program is linked with one newer than this machine's
	newerLibs    = "usr/lib/x86_64-linux-gnu"
	newerLinker  = "ld.so" // in newerDir
)

// newerDir is where the newer kernel is unpacked; "down" keeps it.
func (c *cluster) newerDir() string { return filepath.Join(c.dir, "kernel-"+newerVersion) }

// kernel is the newer one if there is one, else that of the package user-mode-linux.
func (c *cluster) kernel() kernel {
	dir := c.newerDir()
	if _, err := os.Stat(dir); err != nil {
		return kernel{
			name:    "of the package " + newerPackage,
			dir:     c.run(),
			command: []string{"linux.uml"},
			modules: "/usr/lib/uml/modules",
			preload: c.registers(),
		}
	}
	return kernel{
		name:    newerVersion,
		dir:     dir,
		command: []string{"env", "LD_LIBRARY_PATH=" + filepath.Join(dir, newerLibs), filepath.Join(dir, "usr/bin/linux.uml")},
		options: []string{"seccomp=auto"}, // where it cannot it traces
		modules: filepath.Join(dir, "usr/lib/uml/modules"),
	}
}

// fetchKernel gets the newer kernel, by apt and from where apt gets the packages
// of this machine, so that what it gets is signed by Debian. It is not installed.
func (c *cluster) fetchKernel() error {
	if _, err := os.Stat(c.newerDir()); err == nil {
		return nil
	}
	work, err := os.MkdirTemp("", "cluster-kernel-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	repository, err := debianRepository()
	if err != nil {
		return err
	}
	folder := func(elements ...string) string { return filepath.Join(append([]string{work}, elements...)...) }
	unpacked := folder("unpacked")
	if err := c.makeDirs(folder("lists", "partial"), folder("cache", "archives", "partial"), unpacked, c.dir); err != nil {
		return err
	}
	source := fmt.Sprintf("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n", repository, newerSuite)
	if err := os.WriteFile(folder("sources.list"), []byte(source), 0o644); err != nil {
		return err
	}
	options := []string{"-qq"}
	for key, value := range map[string]string{
		"Dir::Etc::SourceList": folder("sources.list"), "Dir::Etc::SourceParts": "/dev/null",
		"Dir::State::Lists": folder("lists"), "Dir::State::Status": "/dev/null", "Dir::Cache": folder("cache"),
		"APT::Sandbox::User": "root", "Acquire::Languages": "none",
	} {
		options = append(options, "-o", key+"="+value)
	}
	for _, args := range [][]string{{"update"}, {"download", newerPackage + "=" + newerVersion, newerLibc}} {
		cmd := exec.Command("apt-get", append(options, args...)...)
		cmd.Dir = work
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
		}
	}
	packages, err := filepath.Glob(folder("*.deb"))
	if err != nil {
		return err
	}
	for _, file := range packages {
		if err := quietly("dpkg-deb", "--extract", file, unpacked); err != nil {
			return err
		}
	}
	if err := os.Symlink(filepath.Join(newerLibs, "ld-linux-x86-64.so.2"), filepath.Join(unpacked, newerLinker)); err != nil {
		return err
	}
	if err := loadedBy(filepath.Join(unpacked, "usr/bin/linux.uml"), newerLinker); err != nil {
		return err
	}
	if err := os.RemoveAll(c.newerDir() + ".new"); err != nil {
		return err
	}
	if err := quietly("cp", "-a", unpacked, c.newerDir()+".new"); err != nil {
		return err
	}
	return os.Rename(c.newerDir()+".new", c.newerDir())
}

// debianRepository is where apt gets Debian itself from on this machine.
func debianRepository() (string, error) {
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)", "Created-By: Packages").Output()
	if err != nil {
		return "", fmt.Errorf("apt-get indextargets: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if uri, ok := strings.CutPrefix(strings.TrimSpace(line), "Debian Debian "); ok {
			return uri, nil
		}
	}
	return "", errors.New("apt knows no repository of Debian; apt-get update reads them")
}

// loadedBy has a program loaded by another dynamic linker than the system's. Its
// path begins in the folder that the program is started in: a whole one would not
// fit. The linker cannot be called with the program instead: user-mode Linux has its
// memory behind its own program.
func loadedBy(program, linker string) error {
	file, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("read %s: %w", program, err)
	}
	defer file.Close()
	for _, part := range file.Progs {
		if part.Type != elf.PT_INTERP {
			continue
		}
		name := make([]byte, part.Filesz)
		if copy(name, linker) >= len(name) {
			return fmt.Errorf("%s has %d bytes for the path of its dynamic linker, too few for %s", program, len(name), linker)
		}
		out, err := os.OpenFile(program, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.NewOffsetWriter(out, int64(part.Off)), bytes.NewReader(name))
		return errors.Join(err, out.Close())
	}
	return fmt.Errorf("%s names no dynamic linker", program)
}
