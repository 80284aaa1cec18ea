package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"time"
)

// removalsAtOnce bounds how many volumes' trash is emptied at the same time. It
// is far above the places that their steps share, so that a few giants leave
// room for all others.
const removalsAtOnce = 256

// A removal empties one volume's trash in the background. It stays known after
// its end until somebody has asked for the outcome.
type removal struct {
	began   time.Time
	removed atomic.Int64
	done    chan struct{} // closed when err is final
	err     error
}

func (r *removal) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// A Removal says how far the removal of a volume's data is.
type Removal struct {
	Volume  string
	Began   time.Time
	Removed int64 // files and folders so far
	Ended   bool  // whoever calls Remove now is told the outcome
}

// Removals lists what is being removed, in the order of its beginning.
func (s *Share) Removals() []Removal {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Removal
	for volume, r := range s.removals {
		all = append(all, Removal{volume, r.began, r.removed.Load(), r.ended()})
	}
	slices.SortFunc(all, func(a, b Removal) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Volume, b.Volume))
	})
	return all
}

// empty starts the removal of a volume's trash, or finds the one that was
// started before.
func (s *Share) empty(volume string) (*removal, error) { return s.remove(volume, s.removeBin) }

// remove starts a removal under a name, or finds the one that was started
// before.
func (s *Share) remove(volume string, how func(volume string, removed *atomic.Int64) error) (*removal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if r, ok := s.removals[volume]; ok {
		return r, nil
	}
	r := &removal{began: time.Now(), done: make(chan struct{})}
	s.removals[volume] = r
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		defer close(r.done)
		r.err = how(volume, &r.removed)
		s.judge(r.err)
	}()
	return r, nil
}

// crowd is how many calls wait for a removal at most. Of a caller that has more to
// delete the others are better used to free the next paths.
const crowd = 4

// await waits for the end of a removal, for a moment. Small ones end in it.
func (s *Share) await(ctx context.Context, r *removal) error {
	if r.ended() {
		return nil
	}
	if time.Since(r.began) >= s.patience || !s.joinCrowd() {
		return ErrRemoving
	}
	defer s.leaveCrowd()
	wait := time.NewTimer(min(s.patience, s.options.Timeout))
	defer wait.Stop()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return ErrRemoving
	}
}

func (s *Share) joinCrowd() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == crowd {
		return false
	}
	s.waiting++
	return true
}

func (s *Share) leaveCrowd() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
}

// outcome forgets a removal that has ended and returns what came of it.
func (s *Share) outcome(volume string, r *removal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removals[volume] == r {
		delete(s.removals, volume)
	}
	return r.err
}

// drop forgets a removal that has ended well, of which nothing is left to ask.
func (s *Share) drop(volume string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.removals[volume]; ok && r.ended() {
		delete(s.removals, volume)
	}
}

// removeBin removes a volume's trash when one of the places for that is free.
func (s *Share) removeBin(volume string, removed *atomic.Int64) error {
	return s.emptyInTurn(binOf(volume), removed, func(t *tree) error {
		// From here on nothing in the trash is this volume's any more.
		return retire(t, volume)
	})
}

// emptyInTurn removes a folder of ours when one of the places for that is free,
// and does then what is left to do.
func (s *Share) emptyInTurn(place string, removed *atomic.Int64, then func(*tree) error) error {
	leave, err := occupy(s.stop, s.bins)
	if err != nil {
		return err
	}
	defer leave()
	t, err := s.open()
	if err != nil {
		return err
	}
	if err := emptyPlace(s, t, place, removed); err != nil {
		return err
	}
	return then(t)
}

// occupy waits for a place, and returns what gives it back. The error is why ctx
// has ended before.
func occupy(ctx context.Context, places chan struct{}) (leave func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// retire keeps the proof of a volume whose data is gone, where it proves
// nothing about what may come into the trash.
func retire(t *tree, volume string) error {
	err := t.into(removedOf(volume), func() error { return t.Rename(proofOf(volume), removedOf(volume)) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process has done it
	}
	return err
}

func emptyPlace(s *Share, t *tree, place string, removed *atomic.Int64) error {
	info, err := t.Lstat(place)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is a %s", ErrNotOurs, place, kind(info))
	}
	e := newEmptying(s.stop, t.fence, s.restingPace(), removed, s.options.Observer.Removed)
	for {
		progress, err := e.pass(t, place)
		if err != nil {
			return err
		}
		err = t.Rmdir(place)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		// Some servers skip names when a directory shrinks under a reader.
		if progress == 0 {
			return err
		}
	}
}
