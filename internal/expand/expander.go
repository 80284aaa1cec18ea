package expand

import (
	"context"
	"errors"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Config is what an Expander needs to know of the world.
type Config struct {
	// Client changes claims and volumes.
	Client kubernetes.Interface
	// Cluster is the UID of the namespace kube-system.
	Cluster string
	// Claims are all claims. Of those that are Wanted it has the status and what
	// they ask for.
	Claims cache.SharedIndexInformer
	// Volume finds a volume of ours in a cache. It is nil for one that is somebody
	// else's, and ok is false for one that is not there, or not yet.
	Volume func(name string) (volume *v1.PersistentVolume, ok bool)
	// Locate says where such a volume is.
	Locate func(*v1.PersistentVolume) (*share.Share, share.Volume, error)
	// Ratio is the overcommitRatio of a class, nil for none. The error is
	// apierrors.IsNotFound when the class is gone, and else says which class.
	Ratio func(class string) (*capacity.Ratio, error)
	// Ledger knows what is promised.
	Ledger *capacity.Ledger
	// Events tell the owners of claims.
	Events record.EventRecorder
	// Open says whether work may be begun.
	Open func() bool
	// Fence is asked right before a volume is promised more. An error stops the
	// attempt. It is how a process that lost its leadership while it was stopped
	// learns of it.
	Fence func() error
	// Ended is told of the end of every attempt.
	Ended func(Outcome)
	// Workers are how many claims are worked on at once.
	Workers int
	// Timeout is how long one operation on a share may take.
	Timeout time.Duration
	// FirstRetry and LastRetry are the shortest and the longest time between two
	// attempts that fail.
	FirstRetry, LastRetry time.Duration
}

// An Outcome is what comes of an attempt to expand a claim.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "succeeded"
	Failed    Outcome = "failed"  // and will be tried again soon
	Refused   Outcome = "refused" // and will be looked at again now and then
)

// Reasons of events, as Kubernetes' own resizers give them.
const (
	reasonResizing  = "Resizing"
	reasonSucceeded = "VolumeResizeSuccessful"
	reasonFailed    = "VolumeResizeFailed"
	// ReasonMoreThanFree is that of the warning that a share may be full before
	// the volume is.
	ReasonMoreThanFree = "MoreThanFree"
)

// lookAgain is the time after which a refused size is looked at again: volumes
// may have been deleted, or the share enlarged.
const lookAgain = time.Minute

// requestTimeout is how long the requests of one attempt may take together.
const requestTimeout = time.Minute

// ahead bounds how many claims are remembered as our own patches left them,
// until the watch shows them.
const ahead = 1024

// Expander expands claims.
type Expander struct {
	Config
	queue  workqueue.TypedRateLimitingInterface[string] // of namespace/name
	latest cache.MutationCache
}

// New makes an Expander.
func New(c Config) *Expander { return &Expander{Config: c} }

// Run expands claims until ctx ends, and returns when nothing is in flight.
func (e *Expander) Run(ctx context.Context) {
	logger := klog.FromContext(ctx)
	e.queue = workqueue.NewTypedRateLimitingQueueWithConfig(
		workqueue.NewTypedItemExponentialFailureRateLimiter[string](e.FirstRetry, e.LastRetry),
		workqueue.TypedRateLimitingQueueConfig[string]{Name: "expansions"},
	)
	e.latest = cache.NewIntegerResourceVersionMutationCacheWithOptions(logger, e.Claims.GetStore(), cache.MutationCacheOptions{TTL: lookAgain, MaxCacheSize: ahead})
	// What is there is shown as if it were new, so nothing waits for a change.
	watching, err := e.Claims.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { e.look(nil, o) },
		UpdateFunc: e.look,
	})
	if err != nil {
		logger.Error(err, "Claims cannot be watched; none is expanded")
		return
	}
	var group sync.WaitGroup
	for range e.Workers {
		group.Go(func() {
			for e.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	if err := e.Claims.RemoveEventHandler(watching); err != nil {
		logger.Error(err, "Claims are still watched")
	}
	e.queue.ShutDown()
	group.Wait()
}

func (e *Expander) look(was, is any) {
	if now, ok := is.(runtime.Object); ok {
		e.latest.OnAddOrUpdate(now) // a claim, or what the cache keeps of it
	}
	if claim, ok := is.(*v1.PersistentVolumeClaim); ok && Wanted(claim) && !told(was, claim) {
		e.queue.Add(claim.Namespace + "/" + claim.Name)
	}
}

// next works on one claim. It is false when there will be no more.
func (e *Expander) next(ctx context.Context) bool {
	key, end := e.queue.Get()
	if end {
		return false
	}
	defer e.queue.Done(key)
	if ctx.Err() != nil || !e.Open() {
		e.queue.AddAfter(key, e.LastRetry)
		return true
	}
	attempt, cancel := context.WithTimeout(ctx, requestTimeout+e.Timeout)
	defer cancel()
	err := e.attempt(attempt, key)
	switch {
	case err == nil:
		e.queue.Forget(key)
	case errors.Is(err, capacity.ErrRefused):
		e.queue.Forget(key)
		e.queue.AddAfter(key, lookAgain)
	default:
		e.queue.AddRateLimited(key)
	}
	return true
}

// errNotYet: what was read has been changed since, or is not all there yet.
var errNotYet = errors.New("not yet")

// attempt looks at a claim and expands it if it asks for that.
func (e *Expander) attempt(ctx context.Context, key string) error {
	object, found, err := e.latest.GetByKey(key)
	claim, ok := object.(*v1.PersistentVolumeClaim)
	if err != nil || !found || !ok || !Wanted(claim) {
		return err
	}
	volume, ok := e.Volume(claim.Spec.VolumeName)
	if !ok {
		return errNotYet
	}
	if volume == nil || volume.Spec.ClaimRef == nil || volume.Spec.ClaimRef.UID != claim.UID {
		return nil
	}
	err = e.expand(ctx, claim, volume)
	if err != nil && e.current(claim) == nil {
		// It may have gone before room was taken for it, and nobody tells of that again.
		e.Ledger.Release(volume.Name)
	}
	logger := klog.FromContext(ctx).WithValues("claim", klog.KObj(claim), "volume", volume.Name)
	switch size := goal(claim, volume); {
	case err == nil:
		e.Ended(Succeeded)
		logger.Info("Expanded", "capacity", size.String())
	case apierrors.IsConflict(err):
		return errNotYet
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded), !e.Open(), e.Fence() != nil:
		return err // whoever leads next goes on
	case errors.Is(err, capacity.ErrRefused):
		e.Ended(Refused)
	default:
		e.Ended(Failed)
		e.Events.Event(claim, v1.EventTypeWarning, reasonFailed, err.Error())
		logger.Error(err, "A claim could not be expanded; trying again", "asked", size.String())
		if !lasts(err) {
			break
		}
		if problem := e.blame(ctx, e.current(claim), volume, err); problem != nil && !apierrors.IsConflict(problem) {
			logger.Error(problem, "What is wrong is not in the conditions of the claim; trying again")
		}
	}
	return err
}

// A lasting error does not pass by itself: somebody has to mend something.
type lasting struct{ error }

func (l lasting) Unwrap() error { return l.error }

func lasts(err error) bool {
	_, is := errors.AsType[lasting](err)
	return is || errors.Is(err, share.ErrOwned) || errors.Is(err, share.ErrRecordDamaged)
}

// current is a claim as it is by now, nil if it went.
func (e *Expander) current(claim *v1.PersistentVolumeClaim) *v1.PersistentVolumeClaim {
	object, _, err := e.latest.GetByKey(claim.Namespace + "/" + claim.Name)
	now, ok := object.(*v1.PersistentVolumeClaim)
	if err != nil || !ok || now.UID != claim.UID {
		return nil
	}
	return now
}

// blame puts what does not pass by itself into the conditions of a claim.
func (e *Expander) blame(ctx context.Context, claim *v1.PersistentVolumeClaim, volume *v1.PersistentVolume, reason error) error {
	if claim == nil || !Wanted(claim) || says(claim, reason) {
		return nil
	}
	_, err := e.patchStatus(ctx, claim, stuck(claim, goal(claim, volume), reason))
	return err
}

// expand gives a claim, and before it its volume, what it asks for.
func (e *Expander) expand(ctx context.Context, claim *v1.PersistentVolumeClaim, volume *v1.PersistentVolume) error {
	on, data, err := e.Locate(volume)
	if err != nil {
		return lasting{err}
	}
	size, has := goal(claim, volume), volume.Spec.Capacity[v1.ResourceStorage]
	if size.Cmp(has) > 0 {
		if err := e.reserve(ctx, claim, volume, on); err != nil {
			return err
		}
	} else {
		e.Ledger.Lower(volume.Name, has) // it may have asked for more before
	}
	noted := make(chan error, 1)
	go func() { noted <- on.Resize(ctx, volume.Name, e.Cluster, data.Directory, size.String()) }()
	claim, err = e.begin(ctx, claim, volume)
	if err := errors.Join(err, <-noted); err != nil {
		return err
	}
	if size.Cmp(has) > 0 {
		if err := e.Fence(); err != nil {
			return err
		}
		if err := e.patchCapacity(ctx, volume, size); err != nil {
			return err
		}
	}
	claim, err = e.patchStatus(ctx, claim, finished(claim, size))
	if err != nil {
		return err
	}
	e.Events.Event(claim, v1.EventTypeNormal, reasonSucceeded, "Resize volume succeeded")
	return nil
}

// begin tells the claim that its expansion has begun, if it has not been told.
func (e *Expander) begin(ctx context.Context, claim *v1.PersistentVolumeClaim, volume *v1.PersistentVolume) (*v1.PersistentVolumeClaim, error) {
	size := goal(claim, volume)
	if status(claim, size) == v1.PersistentVolumeClaimControllerResizeInProgress {
		return claim, nil
	}
	claim, err := e.patchStatus(ctx, claim, begun(claim, size))
	if err == nil {
		e.Events.Event(claim, v1.EventTypeNormal, reasonResizing, "External resizer is resizing volume "+volume.Name)
	}
	return claim, err
}

// reserve asks whether the share may promise the size, and tells the claim if it
// may not, once.
func (e *Expander) reserve(ctx context.Context, claim *v1.PersistentVolumeClaim, volume *v1.PersistentVolume, on *share.Share) error {
	size := goal(claim, volume)
	known := status(claim, size)
	ratio, err := e.Ratio(volume.Spec.StorageClassName)
	switch {
	case apierrors.IsNotFound(err) && known == v1.PersistentVolumeClaimControllerResizeInfeasible:
		// What a class has refused is not granted because it went.
		return capacity.ErrRefused
	case err != nil && !apierrors.IsNotFound(err):
		return lasting{err}
	}
	warning, err := e.Ledger.Reserve(capacity.Request{
		Volume: volume.Name, Share: on.Name, Space: on.Health().Space, Size: size, Now: volume.Spec.Capacity[v1.ResourceStorage], Ratio: ratio,
	})
	switch {
	case errors.Is(err, capacity.ErrRefused) && !says(claim, err):
		if _, problem := e.patchStatus(ctx, claim, refused(claim, size, err)); problem != nil {
			return problem
		}
		if known == v1.PersistentVolumeClaimControllerResizeInfeasible {
			break // there are other numbers now, and the same end
		}
		e.Events.Event(claim, v1.EventTypeWarning, reasonFailed, err.Error())
		klog.FromContext(ctx).Info("Refused to expand a claim", "claim", klog.KObj(claim), "volume", volume.Name, "reason", err.Error())
	case warning != "" && known == "":
		e.Events.Event(claim, v1.EventTypeWarning, ReasonMoreThanFree, warning)
	}
	return err
}
