package share

import (
	"context"
	"errors"
	"io/fs"
)

// Resize notes in the record of a directory what its volume promises from now
// on: a quantity, as Record.Capacity has it. A directory without a record stays
// without one. The record of a shared directory tells the size of the volume
// that it names, and stays as it is for the others.
//
// Errors: OwnedError, ErrRecordDamaged, ErrTimeout, ErrBusy, or the file
// system's.
func (s *Share) Resize(ctx context.Context, volume, cluster string, d Directory, capacity string) error {
	_, err := do(ctx, s, "resize directory "+quote(d.path), keysOf(volume, d), func(t *tree) (struct{}, error) {
		owner, err := readRecord(t, d)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return struct{}{}, nil
		case err != nil:
			return struct{}{}, err
		case owner.State != Active || !owner.names(volume, cluster):
			if owner.State == Active && owner.Shared && owner.Cluster == cluster {
				return struct{}{}, nil
			}
			return struct{}{}, &OwnedError{Directory: d.path, Owned: d.path, Owner: owner}
		case owner.Capacity == capacity:
			return struct{}{}, nil
		}
		resized := owner
		resized.Capacity = capacity
		return struct{}{}, changeRecord(t, owner, resized)
	})
	return err
}
