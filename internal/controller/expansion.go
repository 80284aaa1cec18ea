package controller

import (
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
	"github.com/nfs-provisioner/nfs-provisioner/internal/expand"
	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
)

// firstExpansionRetry is short: most often it is only the watch that is late.
const firstExpansionRetry = 50 * time.Millisecond

func (r *runner) newExpander() *expand.Expander {
	return expand.New(expand.Config{
		Client:     r.main,
		Cluster:    r.cluster,
		Claims:     r.caches.claims,
		Volume:     r.ownVolume,
		Locate:     r.gate.Locate,
		Ratio:      r.overcommitRatio,
		Ledger:     r.promises.Ledger,
		Events:     r.recorder,
		Open:       r.gate.open,
		Fence:      r.fence,
		Ended:      r.metrics.expanded,
		Workers:    r.threads(),
		Timeout:    r.OperationTimeout,
		FirstRetry: firstExpansionRetry,
		LastRetry:  lastRetry,
	})
}

// ownVolume finds a volume in the cache. It is nil if somebody else made it.
func (r *runner) ownVolume(name string) (*v1.PersistentVolume, bool) {
	object, found, err := r.caches.volumes.GetStore().GetByKey(name)
	if err != nil || !found {
		return nil, false
	}
	volume, ok := object.(*v1.PersistentVolume)
	if !ok || !r.caches.owns(volume) {
		return nil, true
	}
	return volume, true
}

// overcommitRatio is that of a class.
func (r *runner) overcommitRatio(class string) (*capacity.Ratio, error) {
	found, err := r.caches.class(class)
	if err != nil {
		return nil, err
	}
	return provision.OvercommitRatio(found)
}

// newRecorder makes what tells the owners of claims of what the library does not
// know. It sends by the queue of events.
func (r *runner) newRecorder() record.EventRecorder {
	r.broadcaster = record.NewBroadcaster()
	r.broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: r.main.CoreV1().Events("")})
	return r.broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{Component: r.Provisioner})
}

// warn tells the owner of a claim what he may not have thought of.
func (r *runner) warn(claim *v1.PersistentVolumeClaim, reason, message string) {
	r.recorder.Event(claim, v1.EventTypeWarning, reason, message)
}
