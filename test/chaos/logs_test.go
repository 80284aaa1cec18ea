//go:build e2e

package chaos

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// logFolder keeps what the replicas have said; a kubelet forgets it with the
// pod.
const logFolder = "../../out/logs/chaos"

// followScript prints the logs of all pods of the release on a node, those of
// pods to come too, and ends its children when it is killed.
const followScript = `seen=; while :; do
  for f in /var/log/pods/HOME_*/nfs-provisioner/*.log; do
    case "$f $seen" in *'*'*|*" $f "*) ;; *) seen="$seen $f "; tail --pid=$$ -n +1 -f "$f" & ;; esac
  done; sleep 1
done`

// followLogs writes the logs of the replicas to files until the test ends.
func (r *run) followLogs() {
	r.Helper()
	nodes, err := r.client.CoreV1().Nodes().List(r.Context(), metav1.ListOptions{})
	if err != nil {
		r.Fatal(err)
	}
	if err := os.MkdirAll(logFolder, 0o755); err != nil {
		r.Fatal(err)
	}
	for _, node := range nodes.Items {
		file, err := os.Create(filepath.Join(logFolder, node.Name+".log"))
		if err != nil {
			r.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
		arguments := r.cluster.arguments(node.Name, strings.ReplaceAll(followScript, "HOME", home))
		cmd := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
		cmd.Stdout = file
		if err := cmd.Start(); err != nil {
			r.Fatal(err)
		}
		r.Cleanup(func() {
			cancel()
			_ = cmd.Wait() // it was killed
			if err := file.Close(); err != nil {
				r.Error(err)
			}
		})
	}
}
