package controller

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	v1 "k8s.io/api/core/v1"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"
)

// work is what becomes of the library's calls, for metrics and health.
type work struct {
	waits     func(*v1.PersistentVolumeClaim) bool // for a volume, as far as the caches know
	calls     atomic.Int64                         // under way
	turned    pulse                                // when the first of them began, or one ended last
	claims    failing
	deletions failing
}

func (w *work) begin() {
	if w.calls.Load() == 0 {
		w.turned.beat()
	}
	w.calls.Add(1)
}

func (w *work) end() {
	w.calls.Add(-1)
	w.turned.beat()
}

// check fails when calls are under way, and none has ended for longer than any of
// them can take.
func (w *work) check(longest time.Duration) (string, error) {
	calls := w.calls.Load()
	if calls == 0 {
		return "no call is under way", nil
	}
	turned, err := w.turned.check(longest)
	if err != nil {
		return "", fmt.Errorf("%d calls are under way, and none ends: %w", calls, err)
	}
	return fmt.Sprintf("%d calls are under way; %s", calls, turned), nil
}

// provisioned notes what came of an attempt to give a claim its volume.
func (w *work) provisioned(volume string, claim *v1.PersistentVolumeClaim, err error) {
	w.end()
	if failed(err) {
		w.claims.add(volume, func() bool { return w.waits(claim) })
	} else {
		w.claims.remove(volume)
	}
}

// deleted notes what came of an attempt to delete a volume.
func (w *work) deleted(volume string, err error, exists func(volume string) bool) {
	w.end()
	if failed(err) {
		w.deletions.add(volume, func() bool { return exists(volume) })
	} else {
		w.deletions.remove(volume)
	}
}

// failed says whether an attempt was in vain. One that is ignored is done, or
// goes on in the background.
func failed(err error) bool {
	var ignored *lib.IgnoredError
	return err != nil && !errors.As(err, &ignored)
}

// failing are the claims, or the deletions, whose last attempt was in vain.
type failing struct {
	mu    sync.Mutex
	again map[string]func() bool // by volume; says whether it will be tried again
}

func (f *failing) add(volume string, again func() bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.again == nil {
		f.again = map[string]func() bool{}
	}
	f.again[volume] = again
}

func (f *failing) remove(volume string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.again, volume)
}

// count drops those that nobody will try again, and counts the others. It is
// linear in them.
func (f *failing) count() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	for volume, again := range f.again {
		if !again() {
			delete(f.again, volume)
		}
	}
	return float64(len(f.again))
}
