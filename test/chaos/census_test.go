//go:build e2e

package chaos

import (
	"context"
	"maps"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// label marks claims and what else is made here, for cleaning up.
const label = "nfs-provisioner-chaos"

// provisioner is what the release under test answers to.
const (
	release     = "chaos"
	home        = "nfs-provisioner-chaos"
	provisioner = "cluster.local/chaos-nfs-provisioner"
	leaseName   = "cluster.local-chaos-nfs-provisioner"
)

// A census knows the claims of the run, as the API server last told. It asks
// instead of watching: an API server that comes and goes is asked again at
// once.
type census struct {
	client kubernetes.Interface

	mu      sync.Mutex
	claims  map[string]v1.PersistentVolumeClaim // by uid
	changed chan struct{}                       // closed with the next news
}

func newCensus(client kubernetes.Interface) *census {
	return &census{client: client, claims: map[string]v1.PersistentVolumeClaim{}, changed: make(chan struct{})}
}

// interval between two questions.
const interval = 100 * time.Millisecond

func (c *census) run(ctx context.Context) {
	for ctx.Err() == nil {
		list, err := c.client.CoreV1().PersistentVolumeClaims("").List(ctx, metav1.ListOptions{LabelSelector: label, ResourceVersion: "0"})
		if err == nil {
			now := map[string]v1.PersistentVolumeClaim{}
			for _, claim := range list.Items {
				now[string(claim.UID)] = claim
			}
			c.mu.Lock()
			c.claims = now
			close(c.changed)
			c.changed = make(chan struct{})
			c.mu.Unlock()
		}
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
}

// await waits until a claim is as wanted; thereIs is false for one that is not
// in the API.
func (c *census) await(ctx context.Context, uid string, wanted func(claim v1.PersistentVolumeClaim, thereIs bool) bool) error {
	for {
		c.mu.Lock()
		claim, thereIs := c.claims[uid]
		changed := c.changed
		c.mu.Unlock()
		if wanted(claim, thereIs) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// replicas knows the pods of the release and which of them leads, as far as
// the API server last told.
type replicas struct {
	client kubernetes.Interface

	mu     sync.Mutex
	pods   map[string]v1.Pod
	leader string
}

func (p *replicas) run(ctx context.Context) {
	for ctx.Err() == nil {
		p.look(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(5 * interval):
		}
	}
}

func (p *replicas) look(ctx context.Context) {
	list, err := p.client.CoreV1().Pods(home).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=" + release})
	if err != nil {
		return
	}
	lease, err := p.client.CoordinationV1().Leases(home).Get(ctx, leaseName, metav1.GetOptions{})
	if err != nil {
		return
	}
	pods := map[string]v1.Pod{}
	for _, pod := range list.Items {
		pods[pod.Name] = pod
		// The kubelet waits longer each time before it starts again what was
		// killed. The next kill would find nobody.
		if waits(pod) && pod.DeletionTimestamp == nil {
			_ = p.client.CoreV1().Pods(home).Delete(ctx, pod.Name, metav1.DeleteOptions{}) // or the next time
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pods = pods
	if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
		p.leader = hostOf(*holder)
	}
}

func waits(pod v1.Pod) bool {
	for _, c := range pod.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil && w.Reason == "CrashLoopBackOff" {
			return true
		}
	}
	return false
}

// now are the pods there are, and the one that leads.
func (p *replicas) now() (leader v1.Pod, leads bool, all map[string]v1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	leader, leads = p.pods[p.leader]
	return leader, leads, maps.Clone(p.pods)
}
