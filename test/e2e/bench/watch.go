package main

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// sight is the one clock of everything that happens to volumes: the moment at
// which this process hears of it by its watch, whoever did it.
type sight struct {
	watch watch.Interface
}

// A seen is one event of a volume.
type seen struct {
	kind   watch.EventType
	volume *v1.PersistentVolume
	at     time.Time
}

// look begins to watch volumes, from now on.
func look(ctx context.Context, client kubernetes.Interface) (*sight, error) {
	list, err := client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("watch volumes: %w", err)
	}
	// The API server ends watches when it likes to.
	volumes := client.CoreV1().PersistentVolumes()
	w, err := watchtools.NewRetryWatcherWithContext(ctx, list.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) { return volumes.Watch(ctx, o) },
	})
	if err != nil {
		return nil, fmt.Errorf("watch volumes: %w", err)
	}
	return &sight{w}, nil
}

func (s *sight) stop() { s.watch.Stop() }

// next waits for the next event of a volume, at most until the process ends that
// should cause it (nil: none) or ctx does.
func (s *sight) next(ctx context.Context, from *process) (seen, error) {
	var ended chan struct{}
	if from != nil {
		ended = from.ended
	}
	select {
	case e, ok := <-s.watch.ResultChan():
		at := time.Now()
		volume, is := e.Object.(*v1.PersistentVolume)
		if !ok || !is {
			return seen{}, fmt.Errorf("the watch of volumes has ended: %v %v", e.Type, e.Object)
		}
		return seen{e.Type, volume, at}, nil
	case <-ended:
		if from.err != nil {
			return seen{}, from.died()
		}
		return s.next(ctx, nil) // a bare loop ends before all that it did is seen
	case <-ctx.Done():
		return seen{}, context.Cause(ctx)
	}
}

// A span is the time between the first and the last of some events.
type span struct {
	count       int
	first, last time.Time
}

func (s *span) add(at time.Time) {
	if s.count == 0 {
		s.first = at
	}
	s.last = at
	s.count++
}

// rate is how many events came in a second, the first of them being the
// beginning.
func (s span) rate() float64 { return float64(s.count-1) / s.last.Sub(s.first).Seconds() }

// made waits until n volumes of claims of a namespace were made.
func (s *sight) made(ctx context.Context, from *process, namespace string, n int) (span, error) {
	var all span
	for all.count < n {
		e, err := s.next(ctx, from)
		if err != nil {
			return all, fmt.Errorf("%d of %d volumes were made: %w", all.count, n, err)
		}
		if e.kind == watch.Added && loops.Of(e.volume, namespace) {
			all.add(e.at)
		}
	}
	return all, nil
}

// served waits until n volumes of claims of a namespace were made, and are Bound.
func (s *sight) served(ctx context.Context, from *process, namespace string, n int) (made, bound span, err error) {
	seen := map[string]bool{}
	for bound.count < n {
		e, err := s.next(ctx, from)
		if err != nil {
			return made, bound, fmt.Errorf("of %d volumes %d were made and %d are Bound: %w", n, made.count, bound.count, err)
		}
		if !loops.Of(e.volume, namespace) {
			continue
		}
		if e.kind == watch.Added {
			made.add(e.at)
		}
		if e.volume.Status.Phase == v1.VolumeBound && !seen[e.volume.Name] {
			seen[e.volume.Name] = true
			bound.add(e.at)
		}
	}
	return made, bound, nil
}

// madeFor waits until the volume of a claim was made and says when.
func (s *sight) madeFor(ctx context.Context, from *process, claim string) (seen, error) {
	for {
		e, err := s.next(ctx, from)
		if err != nil {
			return e, fmt.Errorf("the volume of claim %s was not made: %w", claim, err)
		}
		if e.kind == watch.Added && loops.Of(e.volume, namespace) && e.volume.Spec.ClaimRef.Name == claim {
			return e, nil
		}
	}
}

// gone waits until n volumes of a namespace are no more.
func (s *sight) gone(ctx context.Context, from *process, namespace string, n int) error {
	for count := 0; count < n; {
		e, err := s.next(ctx, from)
		if err != nil {
			return fmt.Errorf("%d of %d volumes are gone: %w", count, n, err)
		}
		if e.kind == watch.Deleted && loops.Of(e.volume, namespace) {
			count++
		}
	}
	return nil
}
