//go:build e2e

package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// cluster is the command that controls the test cluster.
type cluster struct{ control []string }

// do runs one of its subcommands.
func (c cluster) do(ctx context.Context, arguments ...string) (string, error) {
	return command(ctx, c.control[0], append(slices.Clone(c.control[1:]), arguments...)...)
}

// on runs a shell script on a node, as root and outside of all pods.
func (c cluster) on(ctx context.Context, node, script string) (string, error) {
	arguments := c.arguments(node, script)
	return command(ctx, arguments[0], arguments[1:]...)
}

// arguments are those of the command that runs a script on a node.
func (c cluster) arguments(node, script string) []string {
	return append(slices.Clone(c.control), "node", strings.TrimPrefix(node, "node"), "--", "sh", "-c", script)
}

// command runs a program and returns what it printed; an error carries that
// too.
func command(ctx context.Context, name string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, arguments...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s%s", strings.Join(arguments, " "), err, out.String(), complaints.String())
	}
	return out.String(), nil
}

// exitCode is that of a program that failed, and 0 otherwise.
func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return 0
}
