package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// packages are the Debian packages that a cluster needs.
var packages = []string{
	"busybox-static",              // the test pods' image
	"containerd",                  // on the nodes
	"containernetworking-plugins", // the pods' network
	"e2fsprogs",                   // the nodes' disks
	"gcc",                         // a library for the nodes
	"iproute2",                    // the cluster's network
	"kmod",                        // modules of the guests' kernel
	"libc6-dev",                   // likewise
	"nfs-common",                  // mount.nfs on the nodes
	"nfs-ganesha",                 // one NFS server
	"nfs-ganesha-vfs",             // and how it exports directories
	"nfs-kernel-server",           // the other one's programs
	"rpcbind",                     // version 3 of NFS
	"runc",                        // on the nodes
	"user-mode-linux",             // the nodes, where its newer version cannot be had
	"util-linux",                  // taskset
	"xfsprogs",                    // the disk that the kernel's NFS server exports
}

// imagePackages are not needed by the cluster but by those who build an image
// for it where no container engine is.
var imagePackages = []string{"buildah"}

func runPackages(c *cluster, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	if err := checkMachine(); err != nil {
		return err
	}
	missing, err := missingPackages(append(slices.Clone(packages), imagePackages...))
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		fmt.Println("installing", strings.Join(missing, " "))
		if err := apt("update", "-qq"); err != nil {
			return err
		}
		if err := apt(append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)...); err != nil {
			return err
		}
	}
	if err := c.fetchKernel(); err != nil {
		fmt.Printf("no newer kernel for the nodes: %v; they will have the installed one, and take twice as long for most things\n", err)
	}
	fmt.Println("all packages are there; the nodes' kernel is", c.kernel().name)
	return nil
}

func apt(args ...string) error {
	cmd := exec.Command("apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("apt-get %s: %w", args[0], err)
	}
	return nil
}

// missingPackages are those of the wanted that are not installed.
func missingPackages(wanted []string) ([]string, error) {
	query := exec.Command("dpkg-query", append([]string{"--show", "--showformat", "${Package} ${db:Status-Status}\n"}, wanted...)...)
	out, err := query.Output()
	if _, unknown := errors.AsType[*exec.ExitError](err); err != nil && !unknown {
		return nil, fmt.Errorf("a cluster needs Debian or what descends from it: %w", err)
	}
	return notInstalled(wanted, string(out)), nil
}

// notInstalled reads the "name status" lines of dpkg-query, which leaves out
// the packages that it has never heard of.
func notInstalled(wanted []string, status string) []string {
	installed := map[string]bool{}
	for line := range strings.Lines(status) {
		if name, state, _ := strings.Cut(strings.TrimSpace(line), " "); state == "installed" {
			installed[name] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return installed[name] })
}
