package controller

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	clientgotesting "k8s.io/client-go/testing"
)

// candidate is a process that campaigns for the lease.
type candidate struct {
	*election
	stop  context.CancelFunc
	ended chan error
}

func campaign(t *testing.T, client kubernetes.Interface) candidate {
	t.Helper()
	e, err := newElection(client, valid())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := candidate{e, cancel, make(chan error, 1)}
	go func() { c.ended <- e.run(ctx) }()
	synctest.Wait()
	return c
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// leaseServer is an API server whose leases can be cut off.
type leaseServer struct {
	*fake.Clientset
	away   atomic.Bool                   // every request for a lease fails
	silent atomic.Pointer[chan struct{}] // every request for a lease hangs until this is closed
	late   atomic.Pointer[chan struct{}] // every update is done, and its answer hangs until this is closed
	taken  atomic.Bool                   // somebody has written the lease, so that our updates conflict
}

func newLeaseServer() *leaseServer {
	s := &leaseServer{Clientset: fake.NewClientset()}
	s.PrependReactor("*", "leases", func(action clientgotesting.Action) (bool, runtime.Object, error) {
		if silent := s.silent.Load(); silent != nil {
			<-*silent
		}
		if s.away.Load() {
			return true, nil, errors.New("the API server is away")
		}
		if s.taken.Load() && action.GetVerb() == "update" {
			return true, nil, apierrors.NewConflict(coordinationv1.Resource("leases"), valid().LeaseName, errors.New("the lease has changed"))
		}
		if late := s.late.Load(); late != nil && action.GetVerb() == "update" {
			lease := action.(clientgotesting.UpdateAction).GetObject()
			err := s.Tracker().Update(coordinationv1.SchemeGroupVersion.WithResource("leases"), lease, action.GetNamespace())
			<-*late
			return true, lease, err
		}
		return false, nil, nil
	})
	return s
}

// usurp writes another holder into the lease.
func usurp(t *testing.T, client *leaseServer) {
	t.Helper()
	leases := client.CoordinationV1().Leases(valid().LeaseNamespace)
	lease, err := leases.Get(t.Context(), valid().LeaseName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other, now := "somebody", metav1.NowMicro()
	lease.Spec.HolderIdentity, lease.Spec.RenewTime = &other, &now
	if _, err := leases.Update(t.Context(), lease, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	client.taken.Store(true)
}

func holder(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	lease, err := client.CoordinationV1().Leases(valid().LeaseNamespace).Get(t.Context(), valid().LeaseName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

func TestOnlyTheLeaderPassesTheFence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newLeaseServer()
		first := campaign(t, client)
		second := campaign(t, client)
		if !closed(first.started) || closed(second.started) {
			t.Fatal("want the first one to lead")
		}
		if err := first.fence(); err != nil {
			t.Errorf("the leader: %v", err)
		}
		if err := second.fence(); !errors.Is(err, errNotLeader) {
			t.Errorf("the other one: %v", err)
		}
		// Much later, the lease having been renewed all the time.
		time.Sleep(10 * valid().LeaseDuration)
		synctest.Wait()
		if err := first.fence(); err != nil {
			t.Error(err)
		}
		for e, word := range map[*election]string{first.election: "this process leads", second.election: "does not lead"} {
			if detail, err := e.healthy(); err != nil || !strings.Contains(detail, word) {
				t.Errorf("health is %q, %v; want %q", detail, err, word)
			}
		}
		first.stop()
		second.stop()
	})
}

func TestALeaderThatStopsHandsTheLeaseOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newLeaseServer()
		first := campaign(t, client)
		first.stop()
		if err := <-first.ended; err != nil {
			t.Error(err)
		}
		if err := first.fence(); !errors.Is(err, errNotLeader) {
			t.Errorf("whoever has released the lease: %v", err)
		}
		if h := holder(t, client); h != "" {
			t.Errorf("the lease is still held by %q", h)
		}
		second := campaign(t, client)
		time.Sleep(2 * valid().RetryPeriod)
		synctest.Wait()
		if !closed(second.started) {
			t.Error("the next one waits, although the lease was released")
		}
		second.stop()
	})
}

func TestALeaderThatCannotRenewIsFencedBeforeAnotherOneMayLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newLeaseServer()
		e := campaign(t, client)
		start := time.Now()
		client.away.Store(true)
		for e.fence() == nil {
			if time.Since(start) > valid().LeaseDuration {
				t.Fatal("the fence is still open when the lease has run out")
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err := <-e.ended; !errors.Is(err, ErrLeaseLost) {
			t.Errorf("the election ended with %v", err)
		}
		if took := time.Since(start); took > valid().LeaseDuration {
			t.Errorf("the leader noticed after %v, the lease was for %v", took, valid().LeaseDuration)
		}
	})
}

func TestALeaderThatIsUsurpedIsFencedAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newLeaseServer()
		e := campaign(t, client)
		usurp(t, client)
		time.Sleep(valid().RetryPeriod + time.Second)
		synctest.Wait()
		if err := e.fence(); !errors.Is(err, errNotLeader) {
			t.Errorf("the fence says %v", err)
		}
		if err := <-e.ended; !errors.Is(err, ErrLeaseLost) {
			t.Errorf("the election ended with %v", err)
		}
		if h := holder(t, client); h != "somebody" {
			t.Errorf("the lease of another one was overwritten by %q", h)
		}
	})
}

func TestALeaderThatWasFrozenIsFencedWhenItThaws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newLeaseServer()
		e := campaign(t, client)
		// Frozen: no goroutine of ours runs, the clock does. The fence is the
		// first thing that does when the process thaws.
		block := make(chan struct{})
		client.silent.Store(&block)
		time.Sleep(valid().RenewDeadline + valid().RetryPeriod + time.Second)
		if err := e.fence(); !errors.Is(err, errNotLeader) {
			t.Errorf("after %v of silence the fence says %v", valid().RenewDeadline, err)
		}
		close(block)
		e.stop()
	})
}

// The answer to the last renewal was on its way when the process was frozen.
func TestALeaderThatThawsWithAnOldAnswerIsFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newLeaseServer()
		e := campaign(t, client)
		answer := make(chan struct{})
		client.late.Store(&answer)
		time.Sleep(2 * valid().RetryPeriod) // a renewal is asked for
		synctest.Wait()
		if err := e.fence(); err != nil {
			t.Errorf("before it is frozen: %v", err)
		}
		time.Sleep(valid().LeaseDuration)
		client.late.Store(nil)
		client.silent.Store(new(make(chan struct{}))) // no further one succeeds
		close(answer)
		synctest.Wait()
		if err := e.fence(); !errors.Is(err, errNotLeader) {
			t.Errorf("with the answer to a renewal that has run out the fence says %v", err)
		}
		close(*client.silent.Load())
		e.stop()
	})
}

func TestALeaderThatIsUsurpedStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newLeaseServer()
		e := campaign(t, client)
		usurp(t, client)
		time.Sleep(2 * valid().RetryPeriod)
		synctest.Wait()
		if !closed(e.usurped) {
			t.Error("another one has held the lease for two retry periods, and the process goes on")
		}
		e.stop()
		if err := <-e.ended; err != nil {
			t.Errorf("the campaign ended with %v", err)
		}
	})
}

func TestACandidateIsHealthyWhileItTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newLeaseServer()
		leader, e := campaign(t, client), campaign(t, client)
		leader.stop()
		client.away.Store(true)
		time.Sleep(10 * valid().LeaseDuration)
		if _, err := e.healthy(); err != nil {
			t.Errorf("while the API server is away: %v", err)
		}
		block := make(chan struct{})
		client.silent.Store(&block)
		time.Sleep(3 * valid().LeaseDuration)
		_, err := e.healthy()
		expectWords(t, err, "nobody tries", "it last turned")
		client.silent.Store(nil)
		close(block)
		e.stop()
		if err := <-e.ended; err != nil {
			t.Error(err)
		}
		if _, err := e.healthy(); err != nil {
			t.Errorf("after an orderly end: %v", err)
		}
	})
}
