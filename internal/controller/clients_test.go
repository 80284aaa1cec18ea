package controller

import (
	"os"
	"path/filepath"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/nfs-provisioner/nfs-provisioner/internal/events"
)

// connected are clients without the layers between fake ones and their users;
// informers must see that a client is fake.
func connected(main, lease kubernetes.Interface) clients {
	return clients{main: main, watch: main, events: events.New(main.CoreV1().Events("")), lease: lease, closeIdle: func() {}}
}

func TestEventsOfRecordersWaitInTheQueue(t *testing.T) {
	main, forEvents := fake.NewClientset(), fake.NewClientset()
	client := queuedEvents{main, events.New(forEvents.CoreV1().Events(""))}
	event := &v1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "default"}}
	if _, err := client.CoreV1().Events("").CreateWithEventNamespace(event); err != nil { //nolint:staticcheck // as client-go's recorder does
		t.Fatal(err)
	}
	if _, err := client.CoreV1().PersistentVolumes().Create(t.Context(), nfsVolume("pv-1", "nas", "/export/a"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if did := forEvents.Actions(); len(did) != 0 {
		t.Errorf("without a queue that runs, the client of events did %v", did)
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
