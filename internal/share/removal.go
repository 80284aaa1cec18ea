package share

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// A removal empties one volume's trash in the background.
type removal struct {
	done chan struct{} // closed when err is final
	err  error
}

// empty starts the removal of a volume's trash, or finds the one under way.
func (s *Share) empty(volume string) (*removal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if r, ok := s.removals[volume]; ok {
		return r, nil
	}
	r := &removal{done: make(chan struct{})}
	s.removals[volume] = r
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		defer close(r.done)
		r.err = s.removeBin(volume)
		s.judge(r.err)
		s.mu.Lock()
		delete(s.removals, volume)
		s.mu.Unlock()
	}()
	return r, nil
}

// removeBin removes a volume's trash when one of the places for that is free.
func (s *Share) removeBin(volume string) error {
	select {
	case s.bins <- struct{}{}:
		defer func() { <-s.bins }()
	case <-s.stop.Done():
		return context.Cause(s.stop)
	}
	t, err := s.open()
	if err != nil {
		return err
	}
	return removeTree(s.stop, t, binOf(volume))
}

// batch is how many names are read from a directory at a time.
const batch = 1024

// removeTree removes a directory and everything in it. It enters the directory
// through a root of its own, so that no symlink in it leads out of it, and
// looks at ctx before each entry.
func removeTree(ctx context.Context, t *tree, place string) error {
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
	inside, err := t.OpenRoot(place)
	if err != nil {
		return err
	}
	defer inside.Close() //nolint:errcheck // nothing was written through it
	for {
		removed, err := removeEntries(ctx, inside)
		if err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		err = t.Rmdir(place)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		// Some servers skip names when a directory shrinks under a reader.
		if removed == 0 {
			return err
		}
	}
}

// removeEntries removes all that one reading of a directory shows and counts
// it.
func removeEntries(ctx context.Context, inside *os.Root) (removed int, err error) {
	f, err := inside.Open(".")
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // opened to read
	for {
		entries, err := f.ReadDir(batch)
		for _, entry := range entries {
			if ctx.Err() != nil {
				return removed, context.Cause(ctx)
			}
			if err := inside.RemoveAll(entry.Name()); err != nil {
				return removed, err
			}
			removed++
		}
		if errors.Is(err, io.EOF) {
			return removed, nil
		}
		if err != nil {
			return removed, err
		}
	}
}
