package share

import (
	"context"
	"errors"
)

// Retain keeps the data of a deleted volume where it is. The record stays,
// marked released, so that only a claim of the same namespace and name can
// have the directory.
//
// Errors: ErrRecordDamaged, ErrTimeout, ErrBusy, or the file system's.
func (s *Share) Retain(ctx context.Context, v Volume) error {
	_, err := do(ctx, s, "release directory "+quote(v.Directory.path), keysOf(v.Name, v.Directory), func(t *tree) (struct{}, error) {
		owner, owned, err := s.prove(t, v)
		if errors.Is(err, ErrOwned) || errors.Is(err, ErrNotOurs) {
			// Nothing of it is ours to change, and nothing was to be changed.
			return struct{}{}, nil
		}
		if err != nil || !owned || owner.State == Released {
			return struct{}{}, err
		}
		return struct{}{}, release(t, owner)
	})
	return err
}

// release marks a record as that of a directory whose volume is gone.
func release(t *tree, owner Record) error {
	released := owner
	released.State, released.Changed = Released, now()
	return changeRecord(t, owner, released)
}
