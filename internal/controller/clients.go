package controller

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/nfs-provisioner/nfs-provisioner/internal/events"
)

// clients are the connections to the API server. Each has limits of its own,
// so that neither a burst of claims nor one of events can keep the lease from
// being renewed, or an event a claim from its volume.
type clients struct {
	main   kubernetes.Interface // its events go to the queue
	watch  kubernetes.Interface
	lists  rest.Interface // of the core group
	events *events.Queue
	lease  kubernetes.Interface
	// closeIdle closes connections of main that are not in use.
	closeIdle func()
	// contact sees the requests of all of them.
	contact *contact
}

func newClients(c Config) (clients, error) {
	config, err := apiConfig(c.Kubeconfig)
	if err != nil {
		return clients{}, err
	}
	config.UserAgent = "nfs-provisioner/" + c.Version
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	// The API server compresses even watches for who accepts it: work for both, an
	// event at a time, that the network between them does not need.
	config.DisableCompression = true
	config.QPS, config.Burst = c.QPS, c.Burst
	seen := &contact{}
	config.Wrap(seen.watch)

	client := func(purpose string, config *rest.Config) *kubernetes.Clientset {
		made, problem := kubernetes.NewForConfig(config)
		if problem != nil && err == nil {
			err = fmt.Errorf("make the API client for %s: %w", purpose, problem)
		}
		return made
	}
	listing := rest.CopyConfig(config)
	listing.DisableCompression = false // a list says nearly the same of each object
	requests := rest.CopyConfig(config)
	closeIdle := separately(requests, c.requests())
	leasing := rest.CopyConfig(config)
	leasing.QPS = -1
	leasing.Timeout = c.RenewDeadline / 2

	watch, lists, main := client("watches", config), client("lists", listing), client("requests", requests)
	forEvents, lease := client("events", config), client("the lease", leasing)
	if err != nil {
		return clients{}, err
	}
	queue := events.New(forEvents.CoreV1().Events(metav1.NamespaceAll))
	return clients{main: queuedEvents{main, queue}, events: queue, watch: watch, lists: lists.CoreV1().RESTClient(), lease: lease, closeIdle: closeIdle, contact: seen}, nil
}

func apiConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig != "" {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return nil, fmt.Errorf("--kubeconfig %q: %w", kubeconfig, err)
		}
		return config, nil
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w; outside a cluster set --kubeconfig or KUBECONFIG", err)
	}
	return config, nil
}

// queuedEvents is a client whose events go to a queue. The library makes its
// event recorder from the client that it is given.
type queuedEvents struct {
	kubernetes.Interface
	queue *events.Queue
}

func (c queuedEvents) CoreV1() typedcorev1.CoreV1Interface {
	return queuedEventsCore{c.Interface.CoreV1(), c.queue}
}

type queuedEventsCore struct {
	typedcorev1.CoreV1Interface
	queue *events.Queue
}

func (c queuedEventsCore) Events(string) typedcorev1.EventInterface { return c.queue }
