package controller

import (
	"os"
	"path/filepath"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestEventsGoThroughAClientOfTheirOwn(t *testing.T) {
	main, events := fake.NewClientset(), fake.NewClientset()
	client := separateEvents{main, events}
	event := &v1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "default"}}
	if _, err := client.CoreV1().Events("default").Create(t.Context(), event, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().PersistentVolumes().Create(t.Context(), nfsVolume("pv-1", "nas", "/export/a"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if did := events.Actions(); len(did) != 1 || !did[0].Matches("create", "events") {
		t.Errorf("the client of events did %v", did)
	}
	if did := main.Actions(); len(did) != 1 || !did[0].Matches("create", "persistentvolumes") {
		t.Errorf("the main client did %v", did)
	}
}

func TestAKubeconfigThatCannotBeReadIsNamed(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/does/not/exist", broken} {
		_, err := newClients(Config{Kubeconfig: path})
		expectWords(t, err, "--kubeconfig", path)
	}
}

func TestOutsideAClusterTheKubeconfigIsAskedFor(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	_, err := newClients(Config{})
	expectWords(t, err, "--kubeconfig", "KUBECONFIG")
}
