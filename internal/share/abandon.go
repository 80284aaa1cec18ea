package share

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"syscall"
)

// Abandon takes back what Make did for a volume that nobody ever got: the
// record, and the directory if it is empty. If the directory has content, or
// was there before, it is kept as Retain would. A copy that Clone has not
// finished is stopped, and removed in the background.
//
// Errors: ErrRecordDamaged, ErrTimeout, ErrBusy, or the file system's.
func (s *Share) Abandon(ctx context.Context, r Record) error {
	stopped, err := s.stopClone(ctx, r.Volume)
	if err != nil {
		return s.fail("abandon directory "+quote(r.Directory.path), err)
	}
	_, err = do(ctx, s, "abandon directory "+quote(r.Directory.path), keysOf(r.Volume, r.Directory), func(t *tree) (struct{}, error) {
		return struct{}{}, s.abandon(t, r)
	})
	if err == nil && stopped != nil {
		s.forgetClone(r.Volume, stopped) // until then Clones names it, and whoever follows those asks again
	}
	return err
}

func (s *Share) abandon(t *tree, r Record) error {
	owner, err := readRecord(t, r.Directory)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrOwned) {
		return nil
	}
	if err != nil || owner.State != Active || owner.Cluster != r.Cluster {
		return err
	}
	if owner.Shared {
		alone, last, err := part(t, owner, r.Volume)
		if err != nil || !last {
			return err
		}
		owner = alone
	}
	if !owner.names(r.Volume, r.Cluster) {
		return nil
	}
	if shared, err := shareAgain(t, owner); shared || err != nil {
		return err
	}
	if err := unshare(t, owner); err != nil {
		return err
	}
	if unfinished, err := s.isUnfinished(t, owner); err != nil {
		return err
	} else if unfinished {
		if err := s.discardCopies(t, owner.Volume); err != nil {
			return err
		}
		return removeRecord(t, owner)
	}
	switch {
	case owner.Returned:
		return release(t, owner)
	case !owner.Existing:
		err := removeEmpty(t, r.Directory)
		if notEmpty(err) {
			return release(t, owner)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return removeRecord(t, owner)
}

// removeEmpty removes a directory that is empty. It is moved aside first, which
// is taken back if the lease was lost: by then the directory may be that of
// another volume, and just as empty.
func removeEmpty(t *tree, d Directory) error {
	empty, err := isEmpty(t, d)
	if err != nil {
		return err
	}
	if !empty {
		return &fs.PathError{Op: "rmdir", Path: d.path, Err: syscall.ENOTEMPTY}
	}
	aside := temporary + "/" + rand.Text()
	nobodys := func() bool { return t.isNobodys(d) }
	if err := t.into(aside, func() error { return t.Move(d.path, aside, nobodys) }); err != nil {
		return err
	}
	if err := t.Rmdir(aside); err != nil {
		return errors.Join(err, t.Move(aside, d.path, func() bool { return !nobodys() }))
	}
	return nil
}
