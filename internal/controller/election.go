package controller

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// Errors of a process that is not, or no longer, the leader.
var (
	// ErrLeaseLost: another process may have taken over; this one must exit.
	ErrLeaseLost = errors.New("the lease was lost; exiting so that only one process writes")
	errNotLeader = errors.New("this process does not hold the lease")
)

// An election makes this process the only one that touches the shares.
type election struct {
	config  Config
	elector *leaderelection.LeaderElector
	leading atomic.Bool
	started chan struct{} // closed when this process has become the leader
	usurped chan struct{} // closed when another one has after that
}

func newElection(client kubernetes.Interface, c Config) (*election, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name this process for the lease: %w", err)
	}
	e := &election{config: c, started: make(chan struct{}), usurped: make(chan struct{})}
	identity := host + "_" + string(uuid.NewUUID())
	e.elector, err = leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Name: c.LeaseName,
		Lock: watchedLock{
			Interface: &resourcelock.LeaseLock{
				LeaseMeta:  metav1.ObjectMeta{Namespace: c.LeaseNamespace, Name: c.LeaseName},
				Client:     client.CoordinationV1(),
				LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
			},
			seen: e.holderSeen,
		},
		LeaseDuration:   c.LeaseDuration,
		RenewDeadline:   c.RenewDeadline,
		RetryPeriod:     c.RetryPeriod,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) {
				e.leading.Store(true)
				close(e.started)
			},
			OnStoppedLeading: func() { e.leading.Store(false) },
		},
	})
	if err != nil {
		return nil, fmt.Errorf("set up leader election: %w", err)
	}
	return e, nil
}

// holderSeen notices at once when another process holds the lease. The elector
// itself goes on trying until its deadline.
func (e *election) holderSeen(holder, self string) {
	if holder != "" && holder != self && e.leading.Swap(false) {
		close(e.usurped)
	}
}

// watchedLock tells who holds the lease whenever it is read.
type watchedLock struct {
	resourcelock.Interface
	seen func(holder, self string)
}

func (l watchedLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil {
		l.seen(record.HolderIdentity, l.Identity())
	}
	return record, raw, err
}

// run campaigns until ctx ends, and then releases the lease, or until the
// lease is lost.
func (e *election) run(ctx context.Context) error {
	e.elector.Run(ctx)
	if ctx.Err() == nil {
		return ErrLeaseLost
	}
	return nil
}

// fence fails unless this process holds the lease for certain. It goes by the
// clock, so it also fails right after the process was stopped for long.
func (e *election) fence() error {
	margin := e.config.LeaseDuration - e.config.RenewDeadline
	if !e.leading.Load() || !e.elector.IsLeader() {
		return errNotLeader
	}
	if err := e.elector.Check(-margin); err != nil {
		return errors.Join(errNotLeader, err)
	}
	return nil
}

// healthy fails when this process leads but its lease has not been renewed for
// so long that it should have ended by itself.
func (e *election) healthy() error { return e.elector.Check(e.config.LeaseDuration) }
