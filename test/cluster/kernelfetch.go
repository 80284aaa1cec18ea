package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

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
	if errors.Is(err, errNoRepository) {
		if err := apt("update", "-qq"); err != nil {
			return err
		}
		repository, err = debianRepository()
	}
	if err != nil {
		return err
	}
	if err := c.download(work, repository); err != nil {
		return err
	}
	return c.unpack(work)
}

// download gets the packages of the newer kernel into a folder, which also has all
// that apt knows of that Debian.
func (c *cluster) download(work, repository string) error {
	folder := func(elements ...string) string { return filepath.Join(append([]string{work}, elements...)...) }
	if err := c.makeDirs(folder("lists", "partial"), folder("cache", "archives", "partial")); err != nil {
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
	return nil
}

// unpack makes newerDir of the packages in a folder: all of it, or nothing.
func (c *cluster) unpack(work string) error {
	packages, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil {
		return err
	}
	unfinished := c.newerDir() + ".new"
	if err := errors.Join(os.RemoveAll(unfinished), c.makeDirs(unfinished)); err != nil {
		return err
	}
	for _, file := range packages {
		if err := quietly("dpkg-deb", "--extract", file, unfinished); err != nil {
			return err
		}
	}
	if err := os.Symlink(filepath.Join(newerLibs, "ld-linux-x86-64.so.2"), filepath.Join(unfinished, newerLinker)); err != nil {
		return err
	}
	if err := loadedBy(filepath.Join(unfinished, "usr/bin/linux.uml"), newerLinker); err != nil {
		return err
	}
	return os.Rename(unfinished, c.newerDir())
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
	return "", errNoRepository
}

var errNoRepository = errors.New("apt knows no repository of Debian")

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
		_, err = out.WriteAt(name, int64(part.Off))
		return errors.Join(err, out.Close())
	}
	return fmt.Errorf("%s names no dynamic linker", program)
}
