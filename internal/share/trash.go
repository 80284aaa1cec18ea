package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// patience is how long Remove waits for the removal of what is in the trash. A
// longer wait would keep other deletions from freeing their paths.
const patience = 5 * time.Second

// Remove deletes the data of a volume. The directory is moved into the trash,
// which frees its path at once; then it is emptied in the background. Remove
// waits for that for a few seconds and then returns ErrRemoving; called again,
// also by another process after a crash, it goes on. When it returns nil the
// data is gone; a small proof of that stays on the share until [Share.Forget].
//
// Errors: ErrRemoving, OwnedError (ErrOwned), ErrNotOurs, ErrRecordDamaged,
// ErrTimeout, ErrBusy, or the file system's.
func (s *Share) Remove(ctx context.Context, v Volume) error {
	operation := "delete directory " + quote(v.Directory.path)
	trashed, err := do(ctx, s, operation, keysOf(v.Name, v.Directory), func(t *tree) (bool, error) {
		return discard(s, t, v)
	})
	if err != nil || !trashed {
		return err
	}
	r, err := s.empty(v.Name)
	if err != nil {
		return s.fail(operation, err)
	}
	wait := time.NewTimer(min(patience, s.options.Timeout))
	defer wait.Stop()
	select {
	case <-r.done:
		return s.fail("empty the trash", r.err)
	case <-ctx.Done():
		return s.fail(operation, ctx.Err())
	case <-wait.C:
		return s.fail(operation, ErrRemoving)
	}
}

// binOf and proofOf are where the data of a volume goes, and the record that
// says that it was the volume's.
func binOf(volume string) string   { return trashFolder + "/" + fileName(volume) }
func proofOf(volume string) string { return binOf(volume) + proofSuffix }

const proofSuffix = ".record"

// discard moves directory and record of v into the trash, in this order: a
// directory without its record would be anybody's.
func discard(s *Share, t *tree, v Volume) (trashed bool, err error) {
	bin, proof := binOf(v.Name), proofOf(v.Name)
	if data, err := t.ReadFile(proof); err == nil {
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
	owner, owned, err := s.prove(t, v)
	if err != nil || !owned {
		return false, err
	}
	exists, err := lookAt(t, v.Directory)
	if err != nil {
		return false, err
	}
	if err := t.MkdirAll(trashFolder, 0o700); err != nil {
		return false, err
	}
	if exists {
		taken, err := t.exists(bin)
		if err != nil {
			return false, err
		}
		if taken {
			return false, fmt.Errorf("%w: %q was made again after it was moved to %s; remove one of them by hand", ErrNotOurs, v.Directory, bin)
		}
		if err := t.Move(v.Directory.path, bin); err != nil {
			return false, err
		}
	}
	if err := t.Rename(recordPath(owner.Directory), proof); err != nil {
		return false, err
	}
	pruneAbove(t, v.Directory)
	return true, nil
}

// Forget drops the proof that the data of a volume was removed, once the
// PersistentVolume is gone too and nobody will ask again.
func (s *Share) Forget(ctx context.Context, volume string) error {
	_, err := do(ctx, s, "forget volume "+volume, []string{"volume " + volume}, func(t *tree) (struct{}, error) {
		if left, err := t.exists(binOf(volume)); left || err != nil {
			return struct{}{}, err
		}
		err := t.Remove(proofOf(volume))
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return struct{}{}, err
	})
	return err
}
