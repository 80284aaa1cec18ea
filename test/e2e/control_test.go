//go:build e2e

package e2e

import (
	"context"
	"os"
	"strings"
)

// controlVariable holds the command that controls the test cluster, as `cluster
// exec` sets it.
const controlVariable = "CLUSTER_CONTROL"

// needControl skips a test that has to harm the cluster, unless the cluster is
// one that was made to be harmed.
func (s *scene) needControl() {
	s.Helper()
	if os.Getenv(controlVariable) == "" {
		s.Skip("this test takes servers away, and " + controlVariable + " does not say how that is done in this cluster")
	}
}

// control runs a command of the test cluster's control program.
func control(ctx context.Context, arguments ...string) (string, error) {
	words := append(strings.Fields(os.Getenv(controlVariable)), arguments...)
	out, err := command(ctx, words[0], words[1:]...)
	return strings.TrimSpace(out), err
}

func (s *scene) control(arguments ...string) string {
	s.Helper()
	out, err := control(s.Context(), arguments...)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// restoreServers gives back what a run that was interrupted took away.
func restoreServers(ctx context.Context) error {
	if os.Getenv(controlVariable) == "" {
		return nil
	}
	for _, server := range []string{"api", "nfs"} {
		if _, err := control(ctx, server, "start"); err != nil {
			return err
		}
	}
	return nil
}
