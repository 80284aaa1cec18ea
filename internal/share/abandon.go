package share

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// Abandon takes back what Make did for a volume that nobody ever got: the
// record, and the directory if it is empty. Anything else is left alone.
func (s *Share) Abandon(ctx context.Context, r Record) error {
	_, err := doAlone(ctx, s, "abandon directory "+quote(r.Directory.path), r.Volume, func(root *os.Root) (struct{}, error) {
		owner, err := readRecord(root, r.Directory)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrOwned) {
			return struct{}{}, nil
		}
		if err != nil || !owner.names(r.Volume, r.Cluster) || owner.State != Active {
			return struct{}{}, err
		}
		if err := s.options.Fence(); err != nil {
			return struct{}{}, err
		}
		if owner.Returned {
			owner.State, owner.Changed = Released, now()
			return struct{}{}, replaceRecord(root, owner)
		}
		if owner.Shared {
			if last, err := leave(root, r.Directory, r.Volume); err != nil || !last {
				return struct{}{}, err
			}
		}
		if !owner.Existing {
			if err := root.Remove(r.Directory.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return struct{}{}, err
			}
		}
		return struct{}{}, removeRecord(root, r.Directory)
	})
	return err
}
