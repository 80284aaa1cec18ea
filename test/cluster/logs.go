package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// runLogs copies the logs of all processes, of the nodes and of the pods. It
// takes what it gets, also of a cluster that is half-built or half-dead.
func runLogs(c *cluster, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	dir := args[0]
	if _, err := os.Stat(c.run("logs")); err != nil {
		return fmt.Errorf("no cluster has been started: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err := copyLogs(c.run("logs"), dir)
	nodes, _ := filepath.Glob(c.run("logs", "node?"))
	for i := range nodes {
		err = errors.Join(err, c.copyPodLogs(i+1, filepath.Join(dir, nodeName(i+1), "pods.tar")))
	}
	return err
}

// copyLogs copies a directory over what an earlier copy of it has left.
func copyLogs(from, to string) error {
	return filepath.WalkDir(from, func(name string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
}

func (c *cluster) copyPodLogs(node int, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return errors.Join(c.agent(node).podLogs(ctx, f), f.Close())
}
