package events

import (
	"context"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

const (
	requestTimeout = 10 * time.Second
	firstRetry     = 500 * time.Millisecond
	lastRetry      = time.Minute
	maxTries       = 12 // some six minutes
	// lastWords is how long the end waits for warnings that are still to be sent.
	lastWords = 2 * time.Second
)

// Run sends events until ctx ends, then the warnings that are left, in a short
// time.
func (q *Queue) Run(ctx context.Context) {
	var group sync.WaitGroup
	for range warners {
		group.Go(func() { q.work(ctx, q.warnings, func() bool { return true }) })
	}
	group.Go(func() {
		q.work(ctx, q.news, func() bool {
			return q.newsLimit.Wait(ctx) == nil && (!q.bursting() || q.burstLimit.Wait(ctx) == nil)
		})
	})
	group.Go(func() { q.release(ctx) })
	<-ctx.Done()
	q.warnings.ShutDown()
	q.news.ShutDown()
	group.Wait()
	q.end(ctx)
}

// release gives news their turn until ctx ends.
func (q *Queue) release(ctx context.Context) {
	for {
		next, ok := q.due()
		var over <-chan time.Time
		if ok {
			over = time.After(next)
		}
		select {
		case <-over:
		case <-q.more:
		case <-ctx.Done():
			return
		}
	}
}

// work sends what is pending under the names of a lane, each when it is its turn.
func (q *Queue) work(ctx context.Context, lane workqueue.TypedRateLimitingInterface[string], turn func() bool) {
	for {
		name, shutdown := lane.Get()
		if shutdown {
			return
		}
		q.handle(ctx, lane, name, turn)
		lane.Done(name)
	}
}

func (q *Queue) handle(ctx context.Context, lane workqueue.TypedRateLimitingInterface[string], name string, turn func() bool) {
	if ctx.Err() != nil || !q.waits(name) || !turn() {
		return
	}
	m, ok := q.next(name)
	if !ok {
		return
	}
	err := q.send(ctx, m)
	switch {
	case err == nil:
		lane.Forget(name)
	case final(err) || lane.NumRequeues(name) >= maxTries:
		lane.Forget(name)
		klog.FromContext(ctx).V(2).Info("Event not sent", "object", klog.KRef(m.event.InvolvedObject.Namespace, m.event.InvolvedObject.Name),
			"reason", m.event.Reason, "message", m.event.Message, "err", err)
	default:
		q.putBack(name, m)
		lane.AddRateLimited(name)
	}
}

// waits says whether something is pending under a name.
func (q *Queue) waits(name string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, ok := q.pending[name]
	return ok
}

func (q *Queue) send(ctx context.Context, m message) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if m.patch != nil {
		_, err := q.EventInterface.PatchWithEventNamespaceWithContext(ctx, m.event, m.patch)
		if !apierrors.IsNotFound(err) {
			return err
		}
	}
	created := m.event.DeepCopy()
	created.ResourceVersion = ""
	_, err := q.EventInterface.CreateWithEventNamespaceWithContext(ctx, created)
	if apierrors.IsAlreadyExists(err) {
		return nil // its answer was lost
	}
	return err
}

// final: to ask again would bring the same answer.
func final(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err)
}

// end sends the warnings that are left.
func (q *Queue) end(ctx context.Context) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.pending {
		if m.event.Type == v1.EventTypeNormal {
			continue
		}
		if err := q.send(last, m); err != nil {
			klog.FromContext(ctx).V(2).Info("Event not sent", "reason", m.event.Reason, "message", m.event.Message, "err", err)
		}
	}
}
