package controller

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"
)

func TestWorkFailsWhenCallsNeitherBeginNorEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &work{}
		time.Sleep(time.Hour)
		if _, err := w.check(time.Minute); err != nil {
			t.Errorf("without a call: %v", err)
		}
		w.begin()
		w.begin()
		time.Sleep(time.Minute)
		w.end()
		time.Sleep(time.Minute)
		if detail, err := w.check(time.Minute); err != nil || detail != "1 calls are under way; turned 1m0s ago" {
			t.Errorf("in time: %q, %v", detail, err)
		}
		time.Sleep(time.Second)
		_, err := w.check(time.Minute)
		expectWords(t, err, "1 calls", "1m1s ago")
	})
}

func TestAClaimFailsUntilItSucceedsOrGoes(t *testing.T) {
	waits := true
	w := &work{waits: func(*v1.PersistentVolumeClaim) bool { return waits }}
	for _, c := range []struct {
		what  string
		err   error
		waits bool
		count float64
	}{
		{"it succeeds", nil, true, 0},
		{"it is ignored", &lib.IgnoredError{Reason: "has its volume"}, true, 0},
		{"it fails", errors.New("no space"), true, 1},
		{"it fails again", errors.New("no space"), true, 1},
		{"it succeeds at last", nil, true, 0},
		{"it fails once more", errors.New("no space"), true, 1},
		{"it is gone", errors.New("no space"), false, 0},
	} {
		waits = c.waits
		w.begin()
		w.provisioned("pv-1", claimOf("a"), c.err)
		if got := w.claims.count(); got != c.count {
			t.Errorf("%s: %v claims fail, want %v", c.what, got, c.count)
		}
	}
	if n := w.calls.Load(); n != 0 {
		t.Errorf("%d calls are under way", n)
	}
}

func TestADeletionFailsUntilItsVolumeIsGone(t *testing.T) {
	w, there := &work{}, true
	exists := func(string) bool { return there }
	w.begin()
	w.deleted("pv-1", &lib.IgnoredError{Reason: "removal goes on"}, exists)
	if got := w.deletions.count(); got != 0 {
		t.Errorf("a removal under way: %v deletions fail", got)
	}
	w.begin()
	w.deleted("pv-1", errors.New("busy"), exists)
	if got := w.deletions.count(); got != 1 {
		t.Errorf("%v deletions fail, want 1", got)
	}
	there = false
	if got := w.deletions.count(); got != 0 {
		t.Errorf("the volume is gone, and %v deletions fail", got)
	}
}

func TestAClaimWaitsWhileTheCacheHasItWithoutVolume(t *testing.T) {
	c := cachesOf(t)
	wants, bound, again := claimOf("wants"), claimOf("bound"), claimOf("again")
	bound.Spec.VolumeName = "pv-1"
	for _, claim := range []*v1.PersistentVolumeClaim{wants, bound, again} {
		if err := c.claims.GetStore().Add(claim); err != nil {
			t.Fatal(err)
		}
	}
	before := again.DeepCopy()
	before.UID = "of the one before"
	for claim, want := range map[*v1.PersistentVolumeClaim]bool{wants: true, bound: false, before: false, claimOf("gone"): false} {
		if got := c.waits(claim); got != want {
			t.Errorf("%s waits: %v, want %v", claim.Name, got, want)
		}
	}
}
