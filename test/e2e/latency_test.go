//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// timedClaims is how many claims a measurement makes, and timedAtOnce how many
// of them at a time.
const (
	timedClaims = 20
	timedAtOnce = 4
)

// p99 makes claims of a class and returns the 99th percentile of the time from
// making a claim until it is Bound.
func (s *scene) p99(class, prefix string) time.Duration {
	s.Helper()
	watch, err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Watch(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	defer watch.Stop()
	bound := map[string]chan struct{}{}
	for i := range timedClaims {
		bound[fmt.Sprintf("%s-%d", prefix, i)] = make(chan struct{})
	}
	go func() {
		for event := range watch.ResultChan() {
			c, ok := event.Object.(*v1.PersistentVolumeClaim)
			if !ok || c.Status.Phase != v1.ClaimBound {
				continue
			}
			if done, ours := bound[c.Name]; ours {
				select {
				case <-done:
				default:
					close(done)
				}
			}
		}
	}()

	var (
		mu    sync.Mutex
		times []time.Duration
		group sync.WaitGroup
	)
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	for first := range timedAtOnce {
		group.Go(func() {
			for i := first; i < timedClaims; i += timedAtOnce {
				name := fmt.Sprintf("%s-%d", prefix, i)
				from := time.Now()
				if _, err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Create(ctx, claim(name, class), metav1.CreateOptions{}); err != nil {
					s.Error(err)
					return
				}
				select {
				case <-bound[name]:
				case <-ctx.Done():
					s.Errorf("claim %s is not Bound after %v", name, time.Since(from))
					return
				}
				mu.Lock()
				times = append(times, time.Since(from))
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if s.Failed() {
		s.FailNow()
	}
	slices.Sort(times)
	return times[(len(times)*99+99)/100-1].Round(time.Millisecond)
}
