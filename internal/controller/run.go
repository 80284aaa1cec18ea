package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Run serves claims and volumes until ctx ends; then it finishes what is in
// flight, releases the lease and returns nil. The configuration must be valid.
// It returns an error at once if a mount or a permission is wrong, and, with
// work undone and the lease not released, if the lease is lost (ErrLeaseLost)
// or what is in flight does not end in time.
func Run(ctx context.Context, c Config) error {
	connections, err := newClients(c)
	if err != nil {
		return err
	}
	r := &runner{Config: c, clients: connections}
	if err := r.build(); err != nil {
		return err
	}
	servers, err := r.listen(ctx)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	for _, s := range servers {
		group.Go(func() {
			if err := s.run(serving); err != nil {
				klog.FromContext(ctx).Error(err, "Nothing is served there any more")
			}
		})
	}
	defer group.Wait()
	defer stop()
	if err := r.prepare(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	return r.run(ctx)
}

// listen opens the listeners that the configuration asks for.
func (r *runner) listen(ctx context.Context) (servers []*server, err error) {
	add := func(s *server, err error) error {
		if err == nil {
			servers = append(servers, s)
		}
		return err
	}
	if r.ListenAddress != "" {
		err = add(newServer(ctx, r.ListenAddress, r.live(), r.ready(), r.metrics.handler()))
	}
	if r.PprofAddress != "" {
		err = errors.Join(err, add(newProfiler(ctx, r.PprofAddress)))
	}
	return servers, err
}

// runner is one Run.
type runner struct {
	Config
	clients
	caches   *caches
	election *election    // nil without leader election
	fence    func() error // its, or none
	// term is how long this process wants the lease. Only an orderly end
	// resigns; else the lease expires by itself.
	term    context.Context
	resign  context.CancelFunc
	shares  []*share.Share
	cluster string // its identity
	gate    *gate
	library *lib.ProvisionController
	metrics *metrics
	work    *work
	loops   []*loops

	promises    *promises
	broadcaster record.EventBroadcaster
	recorder    record.EventRecorder
	// claims and volumes are what the library does when one of them has changed.
	claims, volumes cache.ResourceEventHandler
}

// results hears what has become of volumes that were in flight.
func (r *runner) results() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    r.volumeShown,
		UpdateFunc: func(_, o any) { r.volumeShown(o) },
		DeleteFunc: r.volumeGone,
	}
}

// volumeShown: the API server has a volume that was in flight to it. One that
// is being deleted is in flight until it is gone.
func (r *runner) volumeShown(object any) {
	if volume, ok := object.(*v1.PersistentVolume); ok && volume.Status.Phase != v1.VolumeReleased {
		r.gate.leave(volume.Name)
		r.gate.Settled(volume.Name)
	}
}

func (r *runner) volumeGone(object any) {
	if volume, ok := shown(object).(*v1.PersistentVolume); ok {
		r.gate.Settled(volume.Name)
		r.gate.leave(volume.Name)
	}
}

// run works until ctx ends or the lease is lost.
func (r *runner) run(ctx context.Context) error {
	// Requests to stop end the intake, not the work that is in flight.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	r.term, r.resign = context.WithCancel(context.WithoutCancel(ctx))
	defer r.broadcaster.Shutdown()
	var group sync.WaitGroup
	failed := make(chan error, 1)
	start := func(f func(context.Context) error) {
		group.Go(func() {
			if err := f(work); err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	start(r.caches.start)
	start(func(work context.Context) error { r.events.Run(work); return nil })
	start(func(work context.Context) error { r.tidy(work); return nil })
	leading := make(chan struct{})
	if r.election != nil {
		leading = r.election.started
		start(func(context.Context) error { return r.election.run(r.term) }) //nolint:contextcheck // only an orderly end resigns
	} else {
		close(leading)
	}
	start(func(work context.Context) error {
		select {
		case <-leading:
			r.serve(work)
		case <-work.Done():
		}
		return nil
	})

	select {
	case err := <-failed:
		return r.halt(ctx, stop, err)
	case <-r.usurped():
		return r.halt(ctx, stop, ErrLeaseLost)
	case <-ctx.Done():
	}
	if err := r.drain(ctx); err != nil {
		// The lease is left to expire: what is in flight may still be writing.
		return fmt.Errorf("stop: %w", err)
	}
	stop()
	r.resign()
	group.Wait()
	r.caches.factory.Shutdown()
	klog.FromContext(ctx).Info("Stopped; the lease is released")
	return nil
}

func (r *runner) usurped() <-chan struct{} {
	if r.election == nil {
		return nil
	}
	return r.election.usurped
}

// serve does the leader's work until ctx ends.
func (r *runner) serve(ctx context.Context) {
	logger := klog.FromContext(ctx)
	logger.Info("Serving", "provisioner", r.Provisioner, "additional", r.Additional, "shares", len(r.shares))
	// What is promised has to be known before more is.
	if !r.caches.await(ctx) || !cache.WaitFor(ctx, "", r.promises.shown) {
		return
	}
	var group sync.WaitGroup
	group.Go(func() { r.newExpander().Run(ctx) })
	if r.measures() {
		group.Go(func() { r.newMeter().Run(ctx) })
	}
	for _, l := range r.loops {
		group.Go(func() { r.rounds(ctx, l.on) })
		group.Go(func() { r.watchOver(ctx, l.on, &l.checks) })
		group.Go(func() { r.follow(ctx, l.on, &l.removals) })
		group.Go(func() { r.followClones(ctx, l.on, &l.clones) })
	}
	r.library.Run(ctx)
	group.Wait()
}

// lastSteps is how long operations may take to end once the lease is lost.
const lastSteps = 10 * time.Second

// halt ends the work at once. Nothing passes the fence any more, but a step that
// passed it before, and took what is another's by now, is put back.
func (r *runner) halt(ctx context.Context, stop context.CancelFunc, reason error) error {
	stop()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSteps)
	defer cancel()
	if err := r.closeShares(last); err != nil {
		klog.FromContext(ctx).Error(err, "Ending with operations that have not come back")
	}
	return reason
}

// drain takes no new work and finishes what is in flight.
func (r *runner) drain(ctx context.Context) error {
	klog.FromContext(ctx).Info("Stopping; finishing what is in flight")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.DrainTimeout)
	defer cancel()
	return errors.Join(r.gate.drain(last), r.closeShares(last))
}

// closeShares closes all of them at once: each waits for its own operations.
func (r *runner) closeShares(ctx context.Context) error {
	problems := make([]error, len(r.shares))
	var group sync.WaitGroup
	for i, s := range r.shares {
		group.Go(func() { problems[i] = s.Close(ctx) })
	}
	group.Wait()
	return errors.Join(problems...)
}
