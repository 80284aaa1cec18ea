package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// placesPerWorker lets claims, deletions and what hangs from before have places
// on a share without waiting for each other.
const placesPerWorker = 2

// Limits between two tries of a claim or volume that failed.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = time.Minute
)

// Run serves claims and volumes until ctx ends; then it finishes what is in
// flight, releases the lease and returns nil. The configuration must be valid.
// It returns an error at once if a mount or a permission is wrong, and, with
// work undone and the lease not released, if the lease is lost (ErrLeaseLost)
// or what is in flight does not end in time.
func Run(ctx context.Context, c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	connections, err := newClients(c)
	if err != nil {
		return err
	}
	r := &runner{Config: c, clients: connections}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	return r.run(ctx)
}

// runner is one Run.
type runner struct {
	Config
	clients
	caches   *caches
	election *election // nil without leader election
	// term is how long this process wants the lease. Only an orderly end
	// resigns; else the lease expires by itself.
	term    context.Context
	resign  context.CancelFunc
	shares  []*share.Share
	cluster string // its identity
	gate    *gate
	library *lib.ProvisionController
	forget  workqueue.TypedInterface[*v1.PersistentVolume]
}

// prepare checks everything that can be checked before there is work, and
// builds what does it.
func (r *runner) prepare(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	fence := func() error { return nil }
	if r.LeaderElect {
		var err error
		if r.election, err = newElection(r.lease, r.Config); err != nil {
			return err
		}
		fence = r.election.fence
	}
	problems := []error{checkAccess(ctx, r.main, r.Config)}
	for _, location := range r.Shares {
		s := share.New(location, share.Options{
			Timeout: r.OperationTimeout, Places: placesPerWorker * r.Workers, Fence: fence,
		})
		r.shares = append(r.shares, s)
		err := s.Check(ctx)
		if errors.Is(err, share.ErrTimeout) {
			logger.Error(err, "A share does not answer; its claims wait until it does")
			continue
		}
		problems = append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	system, err := r.main.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read the identity of the cluster from namespace %s: %w", metav1.NamespaceSystem, err)
	}
	r.cluster = string(system.UID)
	if r.caches, err = newCaches(r.main); err != nil {
		return fmt.Errorf("set up caches: %w", err)
	}
	r.gate = newGate(provision.New(provision.Config{
		Shares:     r.shares,
		Cluster:    r.cluster,
		Claim:      r.liveClaim,
		Volume:     r.volumeExists,
		Class:      r.caches.class,
		Unrecorded: r.caches.overlapping,
	}), r.caches.volume)
	r.forget = workqueue.NewTyped[*v1.PersistentVolume]()
	r.library = r.newLibrary(logger)
	if _, err := r.caches.volumes.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { r.volumeShown(o) },
		UpdateFunc: func(_, o any) { r.volumeShown(o) },
		DeleteFunc: r.volumeGone,
	}); err != nil {
		return fmt.Errorf("watch volumes: %w", err)
	}
	return nil
}

// newLibrary configures sig-storage-lib: no leader election, no giving up, no
// deletion of what could not be saved, and a finalizer, so that a volume
// deleted by hand takes its directory with it.
func (r *runner) newLibrary(logger klog.Logger) *lib.ProvisionController {
	return lib.NewProvisionController(logger, r.main, r.Provisioner, r.gate,
		lib.AdditionalProvisionerNames(r.Additional),
		lib.LeaderElection(false),
		lib.Threadiness(r.Workers),
		lib.ClaimsInformer(r.caches.claims),
		lib.VolumesInformer(r.caches.volumes),
		lib.ClassesInformer(r.caches.classes),
		lib.FailedProvisionThreshold(0),
		lib.FailedDeleteThreshold(0),
		lib.RateLimiter(workqueue.NewTypedItemExponentialFailureRateLimiter[any](firstRetry, lastRetry)),
		lib.CreateProvisionedPVLimiter(workqueue.NewTypedItemExponentialFailureRateLimiter[any](firstRetry, lastRetry)),
		lib.AddFinalizer(true),
	)
}

func (r *runner) liveClaim(ctx context.Context, namespace, name string) (*v1.PersistentVolumeClaim, error) {
	return r.main.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
}

func (r *runner) volumeExists(ctx context.Context, name string) (bool, error) {
	_, err := r.main.CoreV1().PersistentVolumes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
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
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	volume, ok := object.(*v1.PersistentVolume)
	if !ok {
		return
	}
	r.gate.Settled(volume.Name)
	if r.gate.holds(volume.Name) {
		r.forget.Add(volume)
	}
	r.gate.leave(volume.Name)
}

// run works until ctx ends or the lease is lost.
func (r *runner) run(ctx context.Context) error {
	// Requests to stop end the intake, not the work that is in flight.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	r.term, r.resign = context.WithCancel(context.WithoutCancel(ctx))
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
	if r.ListenAddress != "" {
		server, err := newHealth(ctx, r.ListenAddress, r.live(), r.ready())
		if err != nil {
			return err
		}
		start(server.run)
	}
	start(r.caches.start)
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
		return err
	case <-r.usurped():
		return ErrLeaseLost
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
	if !r.caches.await(ctx) {
		return
	}
	var group sync.WaitGroup
	for _, s := range r.shares {
		group.Go(func() {
			if err := s.Sweep(ctx, r.cluster, r.caches.volume); err != nil {
				logger.Error(err, "Leftovers of earlier runs stay on the share", "share", s.Name)
			}
		})
	}
	group.Go(func() {
		for {
			volume, shut := r.forget.Get()
			if shut {
				return
			}
			if err := r.gate.Forget(ctx, volume); err != nil {
				logger.Error(err, "The proof that a volume's data was removed stays on the share", "volume", volume.Name)
			}
			r.forget.Done(volume)
		}
	})
	r.library.Run(ctx)
	r.forget.ShutDown()
	group.Wait()
}

// drain takes no new work and finishes what is in flight.
func (r *runner) drain(ctx context.Context) error {
	klog.FromContext(ctx).Info("Stopping; finishing what is in flight")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.DrainTimeout)
	defer cancel()
	problems := []error{r.gate.drain(last)}
	for _, s := range r.shares {
		problems = append(problems, s.Close(last))
	}
	return errors.Join(problems...)
}

func (r *runner) live() []check {
	if r.election == nil {
		return nil
	}
	return []check{{"lease", r.election.healthy}}
}

func (r *runner) ready() []check {
	return append(r.live(), check{"caches", func() error {
		if !r.caches.synced() {
			return errors.New("claims, volumes and classes have not all been read yet")
		}
		return nil
	}})
}
