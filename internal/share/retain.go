package share

import (
	"context"
	"errors"
	"os"
)

// Retain keeps the data of a deleted volume where it is. The record stays,
// marked released, so that only a claim of the same namespace and name can
// have the directory.
//
// Errors: ErrRecordDamaged, ErrTimeout, ErrBusy, or the file system's.
func (s *Share) Retain(ctx context.Context, v Volume) error {
	_, err := doAlone(ctx, s, "release directory "+quote(v.Directory.path), v.Name, func(root *os.Root) (struct{}, error) {
		owner, owned, err := s.prove(root, v)
		if errors.Is(err, ErrOwned) || errors.Is(err, ErrNotOurs) {
			// Nothing of it is ours to change, and nothing was to be changed.
			return struct{}{}, nil
		}
		if err != nil || !owned || v.Adopted || owner.State == Released {
			return struct{}{}, err
		}
		if err := s.options.Fence(); err != nil {
			return struct{}{}, err
		}
		owner.State, owner.Changed = Released, now()
		return struct{}{}, replaceRecord(root, owner)
	})
	return err
}
