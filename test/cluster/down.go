package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func runDown(c *cluster, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	if err := checkMachine(); err != nil {
		return err
	}
	if err := lock(); err != nil {
		return err
	}
	if err := c.checkOwner(); err != nil {
		return err
	}
	if err := c.clean(); err != nil {
		return err
	}
	if err := os.RemoveAll(c.run()); err != nil {
		return err
	}
	fmt.Println("the cluster is down")
	return nil
}

// anythingLeft says whether clean has something to do.
func (c *cluster) anythingLeft() bool {
	_, namespace := inode(namespaceFile)
	_, pki := inode(c.run("pki"))
	all, err := c.processes()
	return namespace || pki || len(all) > 0 || err != nil
}

// clean ends all that runs and deletes what the next cluster shall not see, in
// whatever state things are. The images that were loaded stay.
func (c *cluster) clean() error {
	if err := c.killAll(); err != nil {
		return err
	}
	if err := unmountBelow(c.run()); err != nil {
		return err
	}
	if err := deleteNamespace(); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.run())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == "loaded" {
			continue
		}
		if err := os.RemoveAll(c.run(entry.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(runtimeDir)
}

// deleteNamespace deletes the network namespace, with its bridge and taps.
func deleteNamespace() error {
	if _, err := os.Lstat(namespaceFile); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := quietly("ip", "netns", "delete", namespace); err != nil {
		// What a crash in "ip netns add" leaves is a file without a namespace.
		if err := os.Remove(namespaceFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete the network namespace: %w", err)
		}
	}
	// With its first namespace ip mounts their directory on itself. That is
	// taken back if no others are there; if it can not be, it harms nobody.
	dir := filepath.Dir(namespaceFile)
	if entries, err := os.ReadDir(dir); err == nil && len(entries) == 0 {
		_ = syscall.Unmount(dir, 0)
	}
	return nil
}

// unmountBelow unmounts whatever is mounted inside of a directory, so that
// deleting the directory does not delete what is in the mounts.
func unmountBelow(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for _, point := range slices.Backward(mountPoints(string(mounts), dir)) {
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", point, err)
		}
	}
	return nil
}

// mountPoints are those in a mountinfo file that lie inside of a directory.
func mountPoints(mountinfo, dir string) []string {
	var points []string
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			points = append(points, fields[4])
		}
	}
	return points
}
