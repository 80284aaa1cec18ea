package share

import (
	"context"
	"errors"
	"io/fs"
	"slices"
)

// Reclaim takes back what a crash left of a volume that never came to be: the
// one of r, or one that shares its directory. Record and directory go if the
// directory is empty or was never made, or was there before the volume. A
// directory that has content stays as it is, record included, and reclaimed is
// false: it is for a person to look at.
//
// Errors: ErrRecordDamaged, ErrTimeout, ErrBusy, or the file system's.
func (s *Share) Reclaim(ctx context.Context, r Record, volume string) (reclaimed bool, err error) {
	return do(ctx, s, "reclaim directory "+quote(r.Directory.path), keysOf(volume, r.Directory), func(t *tree) (bool, error) {
		owner, err := readRecord(t, r.Directory)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrOwned) {
			return false, nil
		}
		if err != nil || owner.State != Active || owner.Cluster != r.Cluster || !owner.Shared && owner.Volume != volume {
			return false, err
		}
		keep, err := worthKeeping(t, owner)
		if err != nil || keep && !owner.Shared {
			return false, err
		}
		if keep {
			others, err := sharersOf(t, owner)
			if err != nil || !slices.ContainsFunc(others, func(o Sharer) bool { return o.Volume != volume }) {
				return false, err
			}
		}
		r.Volume = volume
		return true, s.abandon(t, r)
	})
}

// worthKeeping says whether the directory of a record has content that no rule
// keeps where it is anyway.
func worthKeeping(t *tree, owner Record) (bool, error) {
	if owner.Existing || owner.Returned || owner.Copying() {
		return false, nil
	}
	exists, err := lookAt(t, owner.Directory)
	if err != nil || !exists {
		return false, err
	}
	empty, err := isEmpty(t, owner.Directory)
	return !empty, err
}
