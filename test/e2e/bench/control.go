package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// control asks the program that controls the test cluster for something.
func control(ctx context.Context, arguments ...string) error {
	words := strings.Fields(os.Getenv("CLUSTER_CONTROL"))
	if len(words) == 0 {
		return errors.New("CLUSTER_CONTROL is not set: only the nodes of the test cluster can be given an image, or a command")
	}
	if out, err := exec.CommandContext(ctx, words[0], append(words[1:], arguments...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(arguments, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// onNode runs a command of the shell on the first node, outside of all pods.
func onNode(ctx context.Context, command string) error {
	return control(ctx, "node", "1", "--", "sh", "-c", command)
}
