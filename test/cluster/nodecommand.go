package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
)

// runNode runs a command outside of all pods, as a login to a real node would.
func runNode(c *cluster, args []string) error {
	if len(args) < 2 {
		return errUsage
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return errUsage
	}
	if args = args[1:]; args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return errUsage
	}
	if _, ok := inode(namespaceFile); !ok {
		return c.mustRun()
	}
	code, err := c.agent(n).run(context.Background(), args, os.Stdout)
	if err != nil {
		return fmt.Errorf("run on node %d: %w", n, err)
	}
	os.Exit(code)
	return nil
}
