package controller

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
)

// draining starts to drain a gate and returns what comes of it.
func draining(t *testing.T, g *gate, timeout time.Duration) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		result <- g.drain(ctx)
	}()
	synctest.Wait()
	return result
}

func TestAGateWithNothingInFlightDrainsAtOnce(t *testing.T) {
	g := newGate(nil, func(string) bool { return false }, &work{})
	for range 2 {
		if err := g.drain(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestDrainWaitsForEachVolumeInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(nil, func(string) bool { return false }, &work{})
		for _, volume := range []string{"pv-1", "pv-2", "pv-1"} {
			if !g.enter(volume) {
				t.Fatal("the gate is shut")
			}
		}
		drained := draining(t, g, time.Hour)
		for _, volume := range []string{"pv-1", "pv-2"} {
			select {
			case err := <-drained:
				t.Fatalf("drained (%v) with %s in flight", err, volume)
			default:
			}
			g.leave(volume)
			synctest.Wait()
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
	})
}

func TestDrainGivesUpAndCountsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(nil, func(string) bool { return false }, &work{})
		g.enter("pv-1")
		g.enter("pv-2")
		err := <-draining(t, g, time.Minute)
		expectWords(t, err, "2 volumes", "next leader")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		g.leave("pv-1")
		g.leave("pv-2") // late, and harmless
	})
}

func TestAShutGateLetsNothingIn(t *testing.T) {
	g := newGate(nil, func(string) bool { return false }, &work{})
	claim, volume := &v1.PersistentVolumeClaim{}, &v1.PersistentVolume{}
	if !g.ShouldProvision(t.Context(), claim) || !g.ShouldDelete(t.Context(), volume) {
		t.Error("a gate is shut from the beginning")
	}
	if err := g.drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g.ShouldProvision(t.Context(), claim) || g.ShouldDelete(t.Context(), volume) || g.enter("pv-1") {
		t.Error("a shut gate lets work in")
	}
	// The library drops what is ignored without an event and without a retry.
	_, _, err := g.Provision(t.Context(), lib.ProvisionOptions{PVName: "pv-1"})
	var ignored *lib.IgnoredError
	if !errors.As(err, &ignored) {
		t.Errorf("Provision: %v", err)
	}
	if err := g.Delete(t.Context(), volume); !errors.As(err, &ignored) {
		t.Errorf("Delete: %v", err)
	}
}

// The library may ask to delete a volume once more when the news of its end is
// already past; a stop must not wait for news that never comes.
func TestWhatTheCacheHasSeenEndIsNotInFlight(t *testing.T) {
	for name, c := range map[string]struct {
		exists bool
		held   bool
	}{"deleted, and gone from the cache": {false, false}, "deleted, and still in the cache": {true, true}} {
		t.Run(name, func(t *testing.T) {
			g := newGate(provision.New(provision.Config{Ledger: capacity.NewLedger()}), func(string) bool { return c.exists }, &work{})
			g.enter("pv-1")
			if err := g.ended(nil, "pv-1", !g.exists("pv-1")); err != nil {
				t.Fatal(err)
			}
			if _, held := g.inFlight["pv-1"]; held != c.held {
				t.Errorf("in flight: %v, want %v", held, c.held)
			}
		})
	}
}
