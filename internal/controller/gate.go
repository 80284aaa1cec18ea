package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"

	v1 "k8s.io/api/core/v1"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
)

// gate stands between the library's queues and the provisioner. It knows what
// is in flight, from the call until the API server has shown us the result,
// and lets nothing new in once it is shut. The library itself forgets its
// workers when it is stopped.
type gate struct {
	*provision.Provisioner
	exists func(volume string) bool // in the cache of volumes
	work   *work

	mu       sync.Mutex
	shut     bool
	inFlight map[string]struct{} // names of volumes
	idle     chan struct{}       // closed when shut and nothing is in flight
}

var (
	_ lib.BlockProvisioner = (*gate)(nil)
	_ lib.Qualifier        = (*gate)(nil)
	_ lib.DeletionGuard    = (*gate)(nil)
)

func newGate(p *provision.Provisioner, exists func(volume string) bool, w *work) *gate {
	return &gate{Provisioner: p, exists: exists, work: w, inFlight: map[string]struct{}{}, idle: make(chan struct{})}
}

// ShouldProvision says no once the gate is shut, before the library tells the
// claim's owner that it has begun.
func (g *gate) ShouldProvision(context.Context, *v1.PersistentVolumeClaim) bool { return g.open() }

// ShouldDelete is ShouldProvision for volumes.
func (g *gate) ShouldDelete(context.Context, *v1.PersistentVolume) bool { return g.open() }

func (g *gate) Provision(ctx context.Context, o lib.ProvisionOptions) (*v1.PersistentVolume, lib.ProvisioningState, error) {
	if !g.enter(o.PVName) {
		return nil, lib.ProvisioningNoChange, errShut()
	}
	g.work.begin()
	volume, state, err := g.Provisioner.Provision(ctx, o)
	g.work.provisioned(o.PVName, o.PVC, err)
	return volume, state, g.ended(err, o.PVName, g.exists(o.PVName))
}

func (g *gate) Delete(ctx context.Context, volume *v1.PersistentVolume) error {
	if !g.enter(volume.Name) {
		return errShut()
	}
	g.work.begin()
	err := g.Provisioner.Delete(ctx, volume)
	g.work.deleted(volume.Name, err, g.exists)
	return g.ended(err, volume.Name, !g.exists(volume.Name))
}

func errShut() error { return &lib.IgnoredError{Reason: "the provisioner is stopping"} }

func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.shut
}

func (g *gate) enter(volume string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.inFlight[volume] = struct{}{}
	}
	return !g.shut
}

// ended lets a volume leave whose call has failed, or whose result has been in
// the cache before the call was over: nobody would tell of it any more.
func (g *gate) ended(err error, volume string, shown bool) error {
	if err != nil || shown {
		g.leave(volume)
	}
	return err
}

// leave says that a volume has got its result: an error, or an object that the
// API server has made or removed.
func (g *gate) leave(volume string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.inFlight, volume)
	g.settle()
}

func (g *gate) settle() {
	if !g.shut || len(g.inFlight) > 0 {
		return
	}
	select {
	case <-g.idle:
	default:
		close(g.idle)
	}
}

// passing counts what is in flight.
func (g *gate) passing() float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return float64(len(g.inFlight))
}

// drain shuts the gate and waits for what is in flight, at most until ctx ends.
func (g *gate) drain(ctx context.Context) error {
	g.mu.Lock()
	g.shut = true
	g.settle()
	g.mu.Unlock()
	select {
	case <-g.idle:
		return nil
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		return errors.Join(ctx.Err(), fmt.Errorf("%d volumes are still in flight; they will be finished by the next leader", len(g.inFlight)))
	}
}
