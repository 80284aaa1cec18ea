package controller

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

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
	renewed atomic.Pointer[time.Time] // when the last renewal that succeeded was asked for
	started chan struct{}             // closed when this process has become the leader
	usurped chan struct{}             // closed when another one has after that
	turns   pulse                     // of campaigning and of renewing
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
			asks:    e.turns.beat,
			seen:    e.holderSeen,
			renewed: func(asked time.Time) { e.renewed.Store(&asked) },
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

// watchedLock tells who holds the lease whenever it is read, and since when it
// is certain that we do. The elector itself counts from the answer: a process
// that was stopped between the API server's answer and its own reading of it
// would think that it had just renewed a lease that ran out long ago.
type watchedLock struct {
	resourcelock.Interface
	asks    func()
	seen    func(holder, self string)
	renewed func(asked time.Time)
}

func (l watchedLock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.write(r, func() error { return l.Interface.Create(ctx, r) })
}

func (l watchedLock) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.write(r, func() error { return l.Interface.Update(ctx, r) })
}

func (l watchedLock) write(r resourcelock.LeaderElectionRecord, request func() error) error {
	l.asks()
	asked := time.Now()
	err := request()
	if err == nil && r.HolderIdentity == l.Identity() {
		l.renewed(asked)
	}
	return err
}

func (l watchedLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	l.asks()
	record, raw, err := l.Interface.Get(ctx)
	if err == nil {
		l.seen(record.HolderIdentity, l.Identity())
	}
	return record, raw, err
}

// run campaigns until ctx ends, and then releases the lease, or until the
// lease is lost.
func (e *election) run(ctx context.Context) error {
	defer e.turns.stop()
	e.elector.Run(ctx)
	if ctx.Err() == nil {
		return ErrLeaseLost
	}
	return nil
}

// fence fails unless this process holds the lease for certain, with a margin for
// the step that follows: nobody else can have it before LeaseDuration has passed
// since the last renewal was asked for. It goes by the clock, so it also fails
// right after the process was stopped for long.
func (e *election) fence() error {
	renewed := e.renewed.Load()
	if renewed == nil || !e.leading.Load() || !e.elector.IsLeader() {
		return errNotLeader
	}
	if ago := time.Since(*renewed); ago >= e.config.RenewDeadline {
		return fmt.Errorf("%w for certain: it was last renewed %v ago", errNotLeader, ago)
	}
	return nil
}

// healthy fails when this process leads but its lease has not been renewed for
// so long that it should have ended by itself, and when it does not even try to
// get or to renew it.
func (e *election) healthy() (string, error) {
	if err := e.elector.Check(e.config.LeaseDuration); err != nil {
		return "", err
	}
	turned, err := e.turns.check(2 * e.config.LeaseDuration)
	if err != nil {
		return "", fmt.Errorf("nobody tries to get or to renew it: %w", err)
	}
	if renewed := e.renewed.Load(); renewed != nil && e.leading.Load() {
		return fmt.Sprintf("this process leads; renewed %v ago", round(time.Since(*renewed))), nil
	}
	return "this process does not lead; trying: " + turned, nil
}
