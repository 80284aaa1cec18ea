package share

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// A removal empties one volume's trash in the background.
type removal struct {
	done chan struct{} // closed when err is final
	err  error
}

// Remove deletes the data of a volume. The directory is moved into the trash,
// which frees its path at once; then it is emptied in the background. Remove
// waits for that until ctx ends or the operation's deadline has passed and
// then returns ErrRemoving; called again, also by another process after a
// crash, it goes on. When it returns nil the data is gone; a small proof of
// that stays on the share until [Share.Forget].
//
// Errors: ErrRemoving, OwnedError (ErrOwned), ErrNotOurs, ErrRecordDamaged,
// ErrTimeout, ErrBusy, or the file system's.
func (s *Share) Remove(ctx context.Context, v Volume) error {
	trashed, err := doAlone(ctx, s, "delete directory "+quote(v.Directory.path), v.Name, func(root *os.Root) (bool, error) {
		return s.discard(root, v)
	})
	if err != nil || !trashed {
		return err
	}
	r := s.empty(v.Name)
	timeout := time.NewTimer(s.options.Timeout)
	defer timeout.Stop()
	select {
	case <-r.done:
		return s.fail("empty trash", r.err)
	case <-ctx.Done():
	case <-timeout.C:
	}
	return s.fail("delete directory "+quote(v.Directory.path), ErrRemoving)
}

// discard moves directory and record of v into the trash, in this order: a
// directory without its record would be anybody's.
func (s *Share) discard(root *os.Root, v Volume) (trashed bool, err error) {
	bin, proof := trashFolder+"/"+v.Name, trashFolder+"/"+v.Name+".record"
	if data, err := root.ReadFile(proof); err == nil {
		r, err := decodeRecord(data)
		if err != nil {
			return false, fmt.Errorf("%s: %w", proof, err)
		}
		if r.names(v.Name, v.Cluster) {
			return true, nil
		}
		return false, &OwnedError{Directory: v.Directory.path, Owned: v.Directory.path, Owner: r}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	owner, owned, err := s.prove(root, v)
	if err != nil || !owned {
		return false, err
	}
	exists, err := lookAt(root, v.Directory)
	if err != nil {
		return false, err
	}
	if err := root.MkdirAll(trashFolder, 0o700); err != nil {
		return false, err
	}
	if err := s.options.Fence(); err != nil {
		return false, err
	}
	if exists {
		if _, err := root.Lstat(bin); !errors.Is(err, fs.ErrNotExist) {
			return false, errors.Join(err, fmt.Errorf("%w: %q was made again after it was moved to %s; remove one of them by hand", ErrNotOurs, v.Directory, bin))
		}
		if err := root.Rename(v.Directory.path, bin); err != nil {
			return false, err
		}
	}
	if owner.names(v.Name, v.Cluster) && !v.Adopted {
		err = root.Rename(recordPath(v.Directory), proof)
	} else {
		// The record of an adopted volume was never written, and the one of a
		// shared directory names the volume that came first.
		err = s.testify(root, owner, v.Name, proof)
	}
	if err != nil {
		return false, err
	}
	pruneAbove(root, v.Directory)
	return true, nil
}

// testify writes the proof for a volume whose name the record does not carry.
func (s *Share) testify(root *os.Root, owner Record, volume, proof string) error {
	owner.Volume = volume
	written, err := writeRecord(root, owner)
	if err != nil {
		return err
	}
	if err := root.Rename(written, proof); err != nil {
		return errors.Join(err, root.Remove(written))
	}
	return removeRecord(root, owner.Directory)
}

// Forget drops the proof that the data of a volume was removed, once the
// PersistentVolume is gone too and nobody will ask again.
func (s *Share) Forget(ctx context.Context, volume string) error {
	_, err := doAlone(ctx, s, "forget volume "+volume, volume, func(root *os.Root) (struct{}, error) {
		bin := trashFolder + "/" + volume
		if _, err := root.Lstat(bin); !errors.Is(err, fs.ErrNotExist) {
			return struct{}{}, err
		}
		err := root.Remove(bin + ".record")
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return struct{}{}, err
	})
	return err
}

// empty starts the removal of a volume's trash, or finds the one under way.
func (s *Share) empty(volume string) *removal {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.removals[volume]; ok {
		return r
	}
	r := &removal{done: make(chan struct{})}
	s.removals[volume] = r
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		defer close(r.done)
		root, err := s.open()
		if err == nil {
			err = removeTree(s.stop, root, trashFolder+"/"+volume)
		}
		s.judge(err)
		r.err = err
		s.mu.Lock()
		delete(s.removals, volume)
		s.mu.Unlock()
	}()
	return r
}

// batch is how many names are read from a directory at a time.
const batch = 1024

// removeTree removes a directory and everything in it. It enters the directory
// through a root of its own, so that no symlink in it leads out of it, and
// looks at ctx after each entry.
func removeTree(ctx context.Context, root *os.Root, place string) error {
	info, err := root.Lstat(place)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is a %s", ErrNotOurs, place, kind(info))
	}
	inside, err := root.OpenRoot(place)
	if err != nil {
		return err
	}
	defer inside.Close() //nolint:errcheck // nothing was written through it
	for {
		removed, err := removeEntries(ctx, inside)
		if err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		err = root.Remove(place)
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
			if err := errors.Join(ctx.Err(), inside.RemoveAll(entry.Name())); err != nil {
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
