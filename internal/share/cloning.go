package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// clonesAtOnce bounds how many copies are made from one share to another, or on
// one, at the same time. The others wait.
const clonesAtOnce = 16

// clonePatience is how long Cloned waits for a copy. Small ones are whole then.
const clonePatience = 250 * time.Millisecond

// A copy that has failed is begun again after as long as it took, within the first
// two limits, and each time that it fails again after twice as long, up to the
// third: it begins from the start.
const (
	briefestPause = 5 * time.Second
	longPause     = 10 * time.Minute
	longestPause  = 2 * time.Hour
)

// A cloning makes one volume's copy in the background. It stays known after its
// end until somebody has asked for the outcome.
type cloning struct {
	record Record
	began  time.Time
	files  atomic.Int64
	bytes  atomic.Int64
	copies atomic.Bool     // it has its place
	stop   context.Context //nolint:containedctx // the life of the work, not of a call
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when err, stays and ended are final
	err    error
	stays  bool // what was copied could not be taken away
	ended  time.Time
	failed int // copies for the volume that have failed before, one after the other
}

func (c *cloning) finished() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// A Clone says how far the copy for a volume is.
type Clone struct {
	Volume string
	Claim  Claim
	Began  time.Time
	Waits  bool  // for other copies
	Files  int64 // files and folders so far
	Bytes  int64 // of what is in them, without holes
	Ended  bool  // whoever calls Cloned now is told the outcome
}

// Clones lists what is being copied to this share, in the order of its beginning.
func (s *Share) Clones() []Clone {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Clone
	for volume, c := range s.clones {
		all = append(all, Clone{volume, c.record.Claim, c.began, !c.copies.Load(), c.files.Load(), c.bytes.Load(), c.finished()})
	}
	slices.SortFunc(all, func(a, b Clone) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Volume, b.Volume))
	})
	return all
}

func (s *Share) cloning(volume string) *cloning {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clones[volume]
}

func (s *Share) forgetClone(volume string, c *cloning) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clones[volume] == c {
		delete(s.clones, volume)
	}
}

// startClone starts to copy what is held, and lets go of it in the end.
func (s *Share) startClone(r Record, h *hold) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	failed := 0
	if before, known := s.clones[r.Volume]; known {
		if !before.finished() || before.err == nil {
			return fmt.Errorf("%w: a copy for volume %s was begun just now", ErrBusy, r.Volume)
		}
		failed = before.failed + 1
	}
	ctx, cancel := context.WithCancelCause(s.stop)
	c := &cloning{record: r, began: time.Now(), stop: ctx, cancel: cancel, done: make(chan struct{}), failed: failed}
	s.clones[r.Volume] = c
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		defer cancel(nil)
		defer close(c.done)
		defer h.release()
		c.err = s.copy(c, h)
		if h.share == s {
			s.judge(c.err)
		} else {
			s.failed(c.err) // it may say more of the other share
		}
		c.ended = time.Now()
	}()
	return nil
}

// copy makes a copy when one of the places for that is free. One that fails is
// taken away.
func (s *Share) copy(c *cloning, h *hold) error {
	leave, err := occupy(c.stop, s.copiersFrom(h.share))
	if err != nil {
		return err
	}
	defer leave()
	c.copies.Store(true)
	t, err := s.open()
	if err != nil {
		return err
	}
	err = s.copyInto(t, c, h)
	if err != nil && s.stop.Err() == nil {
		problem := s.discardCopy(t, c.record.Copy)
		c.stays = problem != nil
		err = errors.Join(err, problem)
	}
	return err
}

// copiersFrom are the places of copies of directories on a share: one that hangs
// keeps none from the copies of others.
func (s *Share) copiersFrom(source *Share) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.copiers[source] == nil {
		s.copiers[source] = make(chan struct{}, clonesAtOnce)
	}
	return s.copiers[source]
}

func (s *Share) copyInto(t *tree, c *cloning, h *hold) error {
	to, err := t.OpenDirectory(copyOf(c.record))
	if err != nil {
		return err
	}
	defer to.Close() //nolint:errcheck // a folder has nothing to write back
	w := &copying{
		ctx: c.stop, fence: t.fence, reads: h.share.pace(), writes: s.pace(), from: &mount{h.open}, to: &mount{to}, foreign: h.share != s,
		files: &c.files, bytes: &c.bytes, links: links{known: &s.linked},
	}
	if err := w.run(); err != nil {
		return err
	}
	if err := w.read(h.stands); err != nil {
		return err
	}
	// Another process may be the one that is asked for it. If this fails, it is tried
	// again when it becomes the directory.
	_ = w.write(func() error { _, err := markWhole(t, c.record); return err })
	return nil
}

// wait waits for the end of a copy, for a moment.
func (c *cloning) wait(ctx context.Context, atMost time.Duration) bool {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-c.done:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}

// mayTryAgain says whether it is worth to begin a copy again that has failed: not
// at once, and not while the share has less room than was too little.
func (s *Share) mayTryAgain(ctx context.Context, c *cloning) (bool, error) {
	if time.Since(c.ended) < c.pause() {
		return false, nil
	}
	if c.stays {
		// What it takes may be the room that is missing.
		_, err := do(ctx, s, cloneOf(c.record), nil, func(t *tree) (none struct{}, err error) {
			return none, s.discardCopy(t, c.record.Copy)
		})
		if err != nil {
			return false, err
		}
	}
	if !errors.Is(c.err, unix.ENOSPC) {
		return true, nil
	}
	space, err := do(ctx, s, "look at the space that is left", nil, s.lookAtSpace)
	return err == nil && c.fits(space), err
}

func (c *cloning) pause() time.Duration {
	pause := min(max(c.ended.Sub(c.began), briefestPause), longPause)
	for range c.failed {
		if pause >= longestPause {
			return longestPause
		}
		pause *= 2
	}
	return min(pause, longestPause)
}

// fits says whether there is more room than was copied when that was too much.
func (c *cloning) fits(space Space) bool {
	files := uint64(c.files.Load())
	bytes := uint64(c.bytes.Load()) + files*blockSize // each ends in a block that it does not fill
	return space.Free > bytes && (space.Inodes == 0 || space.FreeInodes > files)
}

// errStopped tells a copy that nobody wants it any more.
var errStopped = errors.New("the copy was given up")

// stopClone stops the copy for a volume, if there is one.
func (s *Share) stopClone(ctx context.Context, volume string) (*cloning, error) {
	c := s.cloning(volume)
	if c == nil {
		return nil, nil
	}
	c.cancel(errStopped)
	if !c.wait(ctx, s.options.Timeout) {
		return nil, errors.Join(ctx.Err(), fmt.Errorf("%w: the copy for volume %s has not stopped yet", ErrBusy, volume))
	}
	return c, nil
}

// removeCopy removes a copy that is of no use.
func (s *Share) removeCopy(name string, removed *atomic.Int64) error {
	return s.emptyInTurn(discardedFolder+"/"+name, removed, func(*tree) error { return nil })
}
