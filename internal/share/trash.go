package share

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// patience is how long Remove waits for the removal of what is in the trash. A
// longer wait would keep other deletions from freeing their paths. Tests of an
// outcome have more of it.
const patience = time.Second

// Remove deletes the data of a volume. The directory is moved into the trash,
// which frees its path at once; then it is emptied in the background. Remove
// waits for that for a moment, unless others do so already, and then returns
// ErrRemoving; [Share.Removals] tells how far it is and when it is worth calling
// again, which also another process may do after a crash. When it returns nil the
// data is gone; a small proof of that stays on the share for a while, for whoever
// asks again.
//
// Errors: ErrRemoving, ErrNotEmptied, ErrHeld, OwnedError (ErrOwned), ErrNotOurs,
// ErrRecordDamaged, ErrTimeout, ErrBusy, or the file system's.
func (s *Share) Remove(ctx context.Context, v Volume) error {
	operation := "delete directory " + quote(v.Directory.path)
	trashed, err := do(ctx, s, operation, keysOf(v.Name, v.Directory), func(t *tree) (bool, error) {
		return discard(s, t, v)
	})
	if err != nil {
		return err
	}
	if !trashed {
		s.drop(v.Name)
		return nil
	}
	r, err := s.empty(v.Name)
	if err != nil {
		return s.fail(operation, err)
	}
	if err := s.await(ctx, r); err != nil {
		return s.fail(operation, err)
	}
	return s.fail(operation, s.outcome(v.Name, r))
}

// discard moves directory and record of v into the trash, if it was not done
// before. It is not trashed, with no error, when there is nothing left of it.
func discard(s *Share, t *tree, v Volume) (trashed bool, err error) {
	trashed, err = proves(t, proofOf(v.Name), v)
	if trashed || err != nil {
		return trashed, err
	}
	if err := s.notHeld(v.Directory); err != nil {
		return false, err
	}
	if v.Adopted {
		// Nothing but the path says that it is the volume's, and that was so before.
		if err := neverRemoved(t, v); err != nil {
			return false, err
		}
	}
	owner, owned, err := s.prove(t, v)
	if errors.Is(err, ErrOwned) || errors.Is(err, ErrNotOurs) {
		gone, problem := proves(t, removedOf(v.Name), v)
		if gone || problem != nil {
			return false, problem
		}
	}
	if err != nil || !owned {
		return false, err
	}
	return true, throwAway(t, owner)
}

// neverRemoved fails if the data of v was removed a short while ago and there is
// a directory in its place all the same.
func neverRemoved(t *tree, v Volume) error {
	gone, err := proves(t, removedOf(v.Name), v)
	if err != nil || !gone {
		return err
	}
	exists, err := lookAt(t, v.Directory)
	if exists {
		err = fmt.Errorf("%w: %q was made again after the data of volume %s was removed", ErrNotOurs, v.Directory, v.Name)
	}
	return err
}

// throwAway moves directory and record of r into the trash, in this order: a
// directory without its record would be anybody's.
func throwAway(t *tree, r Record) error {
	exists, err := lookAtServer(t, r.Directory)
	if err != nil {
		return err
	}
	if exists {
		bin := binOf(r.Volume)
		taken, err := t.exists(bin)
		if err != nil {
			return err
		}
		if taken {
			return fmt.Errorf("%w: %q was made again after it was moved to %s; remove one of them by hand", ErrNotOurs, r.Directory, bin)
		}
		done := func() bool { return t.is(r) || t.isNobodys(r.Directory) }
		if err := t.into(bin, func() error { return t.Move(r.Directory.path, bin, done) }); err != nil {
			return err
		}
	}
	proof := proofOf(r.Volume)
	if err := t.into(proof, func() error { return t.Rename(recordPath(r.Directory), proof) }); err != nil {
		return err
	}
	if err := t.confirm(r, proof); err != nil {
		return err
	}
	pruneAbove(t, r.Directory)
	return nil
}
