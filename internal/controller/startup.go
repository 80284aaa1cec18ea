package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"
	libmetrics "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller/metrics"

	"github.com/nfs-provisioner/nfs-provisioner/internal/clone"
	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// placesPerWorker lets claims and deletions have places on a share without
// waiting for each other.
const placesPerWorker = 2

// threads are how many claims, and as many volumes, the library works on at
// once: enough that a share which hangs with all of its places taken leaves as
// many to each of the others.
func (c Config) threads() int { return c.Workers * (1 + len(c.Shares)) }

// requests are how many the library can make at once.
func (c Config) requests() int { return 2 * c.threads() }

// remember is far longer than lastRetry, after which nobody asks again for what
// was asked for before.
const remember = time.Hour

// Limits between two tries of a claim or volume that failed.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 20 * time.Second // nobody waits longer for a share that is well again
)

// apiRetry is the time between two tries to reach the API server at first.
const apiRetry = 2 * time.Second

// build makes what needs neither the API server nor a share.
func (r *runner) build() error {
	r.fence = func() error { return nil }
	var err error
	if r.LeaderElect {
		if r.election, err = newElection(r.lease, r.Config); err != nil {
			return err
		}
		r.fence = r.election.fence
	}
	r.caches = newCaches(r.watch, r.lists, append([]string{r.Provisioner}, r.Additional...)...)
	r.work = &work{waits: r.caches.waits}
	r.promises = newPromises(r.Shares)
	if err := r.buildMetrics(); err != nil {
		return fmt.Errorf("set up metrics: %w", err)
	}
	for _, location := range r.Shares {
		s := share.New(location, share.Options{
			Timeout: r.OperationTimeout, Places: placesPerWorker * r.Workers, Fence: r.fence, Remember: remember,
			Observer: r.metrics.shares.observer(location.Name),
		})
		r.shares, r.loops = append(r.shares, s), append(r.loops, &loops{on: s})
	}
	return r.metrics.register(shareCollector{r.shares, r.leads})
}

// checkMounts looks at all mounts, and reports each that is wrong. A server that
// does not answer, or does not know its export yet, is no mistake of whoever
// configured it: to end would only be to come back later each time.
func (r *runner) checkMounts(ctx context.Context) error {
	problems := make([]error, len(r.shares))
	var group sync.WaitGroup
	for i, s := range r.shares {
		group.Go(func() {
			err := s.Check(ctx)
			if errors.Is(err, share.ErrUnfit) {
				problems[i] = err
			} else if err != nil {
				klog.FromContext(ctx).Error(err, "A share does not answer as it should; its claims wait until it does")
			}
		})
	}
	group.Wait()
	return errors.Join(problems...)
}

// awaitAPI waits for the API server, checks our permissions and learns which
// cluster this is. An API server that is away is no reason to end: the process
// would only be started again, later each time.
func (r *runner) awaitAPI(ctx context.Context) error {
	err := wait.PollUntilContextCancel(ctx, apiRetry, true, func(ctx context.Context) (bool, error) {
		err := r.greet(ctx)
		if errors.Is(err, ErrNoPermission) {
			return false, err
		}
		if err != nil {
			klog.FromContext(ctx).Error(err, "The API server cannot be used yet; trying again", "every", apiRetry)
		}
		return err == nil, nil
	})
	if errors.Is(err, ErrNoPermission) {
		return err
	}
	return nil // it can be used, or ctx has ended
}

func (r *runner) greet(ctx context.Context) (err error) {
	if err := checkAccess(ctx, r.main, r.Config); err != nil {
		return err
	}
	r.cluster, err = r.identity(ctx)
	return err
}

// identity is what tells the cluster from all others.
func (c clients) identity(ctx context.Context) (string, error) {
	system, err := c.main.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("read the identity of the cluster from namespace %s: %w", metav1.NamespaceSystem, err)
	}
	return string(system.UID), nil
}

// prepare checks the mounts, waits until the API server can be used, and
// connects what does the work. It returns no error when ctx ends first.
func (r *runner) prepare(ctx context.Context) error {
	if err := r.checkMounts(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	if err := r.awaitAPI(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	r.recorder = r.newRecorder()
	provisioner := provision.New(provision.Config{
		Shares:      r.shares,
		Cluster:     r.cluster,
		Claim:       r.liveClaim,
		Volume:      r.liveVolume,
		Class:       r.caches.class,
		Overlapping: r.caches.overlapping,
		Ledger:      r.promises.Ledger,
		Warn:        r.warn,
		Tell:        r.tell,
	})
	provisioner.Clone = clone.New(clone.Config{
		Claim: r.liveClaim, Volume: r.liveVolume, Ours: r.caches.owns, Locate: provisioner.Locate,
	}).Clone
	r.gate = newGate(provisioner, r.caches.volume, r.work)
	if err := r.metrics.ask("volumes_in_flight", "Volumes that are being made or deleted, until the API server has shown the result.", r.gate.passing); err != nil {
		return fmt.Errorf("set up metrics: %w", err)
	}
	r.library = r.newLibrary(klog.FromContext(ctx))
	return nil
}

// newLibrary configures sig-storage-lib: no leader election, no giving up, no
// deletion of what could not be saved, and a finalizer, so that a volume
// deleted by hand takes its directory with it.
func (r *runner) newLibrary(logger klog.Logger) *lib.ProvisionController {
	return lib.NewProvisionController(logger, r.main, r.Provisioner, r.gate,
		lib.AdditionalProvisionerNames(r.Additional),
		lib.LeaderElection(false),
		lib.Threadiness(r.threads()),
		lib.ClaimsInformer(watchedClaims{r.caches.claims, r.caches.serves, audience{inTurn{r.promises.claims()}, r.hearsOfClaims}}),
		lib.VolumesInformer(watchedVolumes{r.caches.volumes, r.caches.owns, audience{inTurn{r.promises.volumes(), r.results()}, r.hearsOfVolumes}}),
		lib.ClassesInformer(r.caches.classes),
		lib.NodesLister(anyNode{}),
		lib.FailedProvisionThreshold(0),
		lib.FailedDeleteThreshold(0),
		lib.RateLimiter(workqueue.NewTypedItemExponentialFailureRateLimiter[any](firstRetry, lastRetry)),
		lib.CreateProvisionedPVLimiter(workqueue.NewTypedItemExponentialFailureRateLimiter[any](firstRetry, lastRetry)),
		lib.AddFinalizer(true),
		lib.MetricsInstance(libmetrics.Metrics(r.metrics.library)),
	)
}

func (r *runner) hearsOfClaims(library cache.ResourceEventHandler, _ cache.ResourceEventHandlerRegistration) {
	r.claims = library
}

func (r *runner) hearsOfVolumes(library cache.ResourceEventHandler, all cache.ResourceEventHandlerRegistration) {
	r.volumes, r.promises.shown = library, all.HasSyncedChecker()
}

func (r *runner) liveClaim(ctx context.Context, namespace, name string) (*v1.PersistentVolumeClaim, error) {
	return r.main.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
}

func (r *runner) liveVolume(ctx context.Context, name string) (*v1.PersistentVolume, error) {
	return r.main.CoreV1().PersistentVolumes().Get(ctx, name, metav1.GetOptions{})
}
