package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Expired says whether r is of an archive that is older than it was to be
// kept.
func (r Record) Expired(now time.Time) bool {
	return r.State == Archived && r.Retention > 0 && now.Sub(r.Changed) > time.Duration(r.Retention)
}

// Expire removes an archive that is older than it was to be kept. It goes the
// way of [Share.Remove], but nobody waits for it. An archive that is not old
// enough, by this machine's clock or by the server's, is left alone, and
// expired is false.
//
// Errors: ErrRecordDamaged, ErrNotOurs, ErrTimeout, ErrBusy, or the file
// system's.
func (s *Share) Expire(ctx context.Context, archive Record) (expired bool, err error) {
	expired, err = do(ctx, s, "remove archive "+quote(archive.Directory.path), keysOf(archive.Volume, archive.Directory), func(t *tree) (bool, error) {
		return expire(t, archive)
	})
	if err != nil || !expired {
		return false, err
	}
	_, err = s.empty(archive.Volume)
	return true, s.fail("empty the trash", err)
}

func expire(t *tree, archive Record) (bool, error) {
	r, err := readRecord(t, archive.Directory)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || r.State != Archived || !r.names(archive.Volume, archive.Cluster) || !r.Expired(time.Now()) {
		return false, err
	}
	theirs, err := serverTime(t)
	if err != nil || !r.Expired(theirs) {
		return false, err
	}
	taken, err := t.exists(proofOf(r.Volume))
	if err != nil {
		return false, err
	}
	if taken {
		return false, fmt.Errorf("%w: %s is of another directory", ErrNotOurs, proofOf(r.Volume))
	}
	return true, throwAway(t, r)
}

// serverTime is what the server's clock shows: ours may have been set wrong
// while no time server was at hand, and would make every archive look old.
func serverTime(t *tree) (time.Time, error) {
	name, err := writeTemporary(t, nil)
	if err != nil {
		return time.Time{}, err
	}
	info, err := t.Lstat(name)
	if err := errors.Join(err, t.Remove(name)); err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}
