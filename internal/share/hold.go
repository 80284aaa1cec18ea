package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"
)

// A hold is a directory that is open to be copied. Until it is released the
// directory is neither removed nor archived by this process.
type hold struct {
	share *Share
	of    Volume
	open  *os.File
}

// hold opens the directory of a volume, if it is the volume's. The error wraps
// ErrSourceGone if it is not there.
func (s *Share) hold(ctx context.Context, v Volume) (*hold, error) {
	var late handover
	h, err := do(ctx, s, "hold directory "+quote(v.Directory.path), keysOf(v.Name, v.Directory), func(t *tree) (*hold, error) {
		h, err := s.take(t, v)
		if err == nil {
			late.give(h)
		}
		return h, err
	})
	if err != nil {
		late.leave()
	}
	return h, err
}

// A handover lets go of a hold that comes when nobody waits for it any more.
type handover struct {
	mu   sync.Mutex
	left bool
	held *hold
}

func (o *handover) give(h *hold) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.left {
		h.release()
		return
	}
	o.held = h
}

func (o *handover) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.left = true
	if o.held != nil {
		o.held.release()
	}
}

func (s *Share) take(t *tree, v Volume) (*hold, error) {
	if err := belongs(t, v); err != nil {
		return nil, err
	}
	exists, err := lookAt(t, v.Directory)
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, fmt.Errorf("%w: %q", ErrSourceGone, v.Directory)
	}
	open, err := t.mount.openCurrent(v.Directory.path, os.O_RDONLY|syscall.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(errClosed, open.Close())
	}
	s.held[v.Directory.path]++
	s.running.Add(1)
	return &hold{s, v, open}, nil
}

// belongs says why a directory is not to be read as that of a volume.
func belongs(t *tree, v Volume) error {
	owner, err := readRecord(t, v.Directory)
	switch {
	case errors.Is(err, fs.ErrNotExist) && v.Adopted:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		exists, err := lookAt(t, v.Directory)
		if err == nil && exists {
			err = fmt.Errorf("%w: %q", ErrNotOurs, v.Directory)
		} else if err == nil {
			err = fmt.Errorf("%w: %q", ErrSourceGone, v.Directory)
		}
		return err
	case err != nil:
		return err
	case owner.State != Active || owner.Cluster != v.Cluster || owner.Copying():
		return &OwnedError{Directory: v.Directory.path, Owned: v.Directory.path, Owner: owner}
	case owner.names(v.Name, v.Cluster):
		return nil
	case !owner.Shared:
		return &OwnedError{Directory: v.Directory.path, Owned: v.Directory.path, Owner: owner}
	}
	others, err := sharersOf(t, owner)
	if err == nil && !slices.ContainsFunc(others, func(o Sharer) bool { return o.Volume == v.Name }) {
		err = &OwnedError{Directory: v.Directory.path, Owned: v.Directory.path, Owner: owner}
	}
	return err
}

// release ends the hold. It may be called while the share hangs.
func (h *hold) release() {
	h.share.mu.Lock()
	if h.share.held[h.of.Directory.path]--; h.share.held[h.of.Directory.path] <= 0 {
		delete(h.share.held, h.of.Directory.path)
	}
	h.share.mu.Unlock()
	_ = h.open.Close() // opened to read
	h.share.running.Done()
}

// stands says whether the directory is still in its place: what was copied of one
// that somebody removed meanwhile is no copy.
func (h *hold) stands() error {
	t, err := h.share.open()
	if err != nil {
		return err
	}
	var now fs.FileInfo
	missing, err := t.mount.isMissing(h.of.Directory.path)
	if missing {
		err = fs.ErrNotExist
	}
	if err == nil {
		now, err = t.Lstat(h.of.Directory.path)
	}
	if err == nil {
		var was fs.FileInfo
		was, err = h.open.Stat()
		if err == nil && os.SameFile(was, now) {
			return nil
		}
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ESTALE) {
		return fmt.Errorf("%w: %q was removed or exchanged while it was copied", ErrSourceGone, h.of.Directory)
	}
	return err
}

// notHeld fails with ErrHeld while a copy of d is made.
func (s *Share) notHeld(d Directory) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[d.path] > 0 {
		return fmt.Errorf("%w: %q", ErrHeld, d)
	}
	return nil
}
