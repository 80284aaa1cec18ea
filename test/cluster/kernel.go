package main

import (
	"os"
	"path/filepath"
)

// A kernel of user-mode Linux, for the nodes.
type kernel struct {
	name    string   // for people
	dir     string   // the working directory that it is to be started in
	command []string // the program, with what comes before it and with options of its own
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
		command: []string{"env", "LD_LIBRARY_PATH=" + filepath.Join(dir, newerLibs), filepath.Join(dir, "usr/bin/linux.uml"), "seccomp=auto"}, // where it cannot it traces
		modules: filepath.Join(dir, "usr/lib/uml/modules"),
	}
}
