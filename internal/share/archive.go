package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxArchives bounds the search for a name that is not taken. The name holds
// the volume's, which Kubernetes makes unique, so the first is free unless
// somebody took it on purpose.
const maxArchives = 20

// Archive moves the data of a deleted volume to archived-<directory>-<volume>
// beside it, with a number if that name is taken, and returns the name. The
// archive has a record of its own, so no claim can have it.
//
// If there is nothing to archive, because an earlier call did it or other
// volumes share the directory, the zero Directory and no error are returned.
//
// Errors: ErrHeld, OwnedError (ErrOwned), ErrNotOurs, ErrRecordDamaged, ErrTimeout,
// ErrBusy, or the file system's; the data is then where it was.
func (s *Share) Archive(ctx context.Context, v Volume) (Directory, error) {
	return do(ctx, s, "archive directory "+quote(v.Directory.path), keysOf(v.Name, v.Directory), func(t *tree) (Directory, error) {
		if err := s.notHeld(v.Directory); err != nil {
			return Directory{}, err
		}
		owner, owned, err := s.prove(t, v)
		if errors.Is(err, ErrOwned) || errors.Is(err, ErrNotOurs) {
			// The path may have a new owner since an earlier call was done.
			if place, found, unread := findArchive(t, v); found || unread != nil {
				return place, unread
			}
		}
		if err != nil || !owned {
			return Directory{}, err
		}
		exists, err := lookAtServer(t, v.Directory)
		if err != nil {
			return Directory{}, err
		}
		if !exists {
			// Archived before, or removed by hand; what is left is the record.
			return Directory{}, removeRecord(t, owner)
		}
		return s.archive(t, v, owner)
	})
}

// archive moves the data, which v owns and which is there.
func (s *Share) archive(t *tree, v Volume, owner Record) (Directory, error) {
	archive := owner
	archive.Origin, archive.Retention = v.Directory.path, Age(v.ArchiveRetention)
	archive.Volume, archive.State, archive.Changed = v.Name, Archived, now()
	for n := range maxArchives {
		place := archivePlace(v.Directory, v.Name, n)
		archive.Directory = place
		err := createRecord(t, archive)
		if errors.Is(err, fs.ErrExist) || errors.Is(err, ErrOwned) {
			var is bool
			if is, err = isArchiveOf(t, place, v); err == nil && !is {
				continue
			}
		}
		if err != nil {
			return Directory{}, err
		}
		taken, err := lookAt(t, place)
		if taken {
			// Perhaps by the data itself: by an earlier rename that is done only now.
			left, err := t.exists(v.Directory.path)
			if err != nil {
				return Directory{}, err
			}
			if !left {
				return place, removeRecord(t, owner)
			}
		}
		if taken || errors.Is(err, ErrExists) {
			if err := removeRecord(t, archive); err != nil {
				return Directory{}, err
			}
			continue
		}
		if err == nil {
			err = move(t, owner, place)
		}
		if errors.Is(err, errUnknown) {
			return Directory{}, err // who tries again goes on from the archive's record
		}
		if err != nil {
			return Directory{}, errors.Join(err, removeRecord(t, archive))
		}
		return place, removeRecord(t, owner)
	}
	return Directory{}, fmt.Errorf("%w: no name is free for the archive of %q", ErrExists, v.Directory)
}

// move renames the directory of r to a place that was free a moment ago. An error
// is none if the data is there all the same, as when an NFS server's first answer
// was lost.
func move(t *tree, r Record, to Directory) error {
	if above := to.parent(); above != "." {
		if err := t.MkdirAll(above, parentMode); err != nil {
			return err
		}
	}
	from := r.Directory
	err := t.Move(from.path, to.path, func() bool { return t.is(r) || t.isNobodys(from) })
	if err == nil {
		return nil
	}
	left, problem := t.exists(from.path)
	arrived, other := t.exists(to.path)
	switch {
	case problem != nil || other != nil:
		return fmt.Errorf("%w: %w", errUnknown, errors.Join(err, problem, other))
	case !left && arrived:
		return nil
	}
	return err
}

// errUnknown: a directory was moved, or it was not.
var errUnknown = errors.New("whether the directory was moved is not known")

// findArchive finds the archive that an earlier call made of v.
func findArchive(t *tree, v Volume) (Directory, bool, error) {
	for n := range maxArchives {
		place := archivePlace(v.Directory, v.Name, n)
		if found, err := isArchiveOf(t, place, v); found || err != nil {
			return place, found, err
		}
	}
	return Directory{}, false, nil
}

// isArchiveOf says whether an earlier call has made the record of this archive. A
// record that cannot be read at the moment is no answer: it may be that one.
func isArchiveOf(t *tree, place Directory, v Volume) (bool, error) {
	r, err := readRecord(t, place)
	switch {
	case err == nil:
		return r.State == Archived && r.names(v.Name, v.Cluster) && r.Origin == v.Directory.path, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrOwned), errors.Is(err, ErrRecordDamaged):
		return false, nil
	default:
		return false, err
	}
}

// archivePlace is the nth name for the archive of d. Segments that would be
// too long lose their end; the volume's name is kept whole. The number is in
// the first segment, so that a folder of archives that is taken is avoided too.
func archivePlace(d Directory, volume string, n int) Directory {
	const prefix = "archived-"
	suffix, number := "-"+fileName(volume), ""
	if n > 0 {
		number = "-" + strconv.Itoa(n+1)
	}
	segments := d.Segments()
	last := len(segments) - 1
	if last == 0 {
		suffix += number
	} else {
		segments[last] = cut(segments[last], MaxSegment-len(suffix)) + suffix
		suffix = number
	}
	segments[0] = prefix + cut(segments[0], MaxSegment-len(prefix)-len(suffix)) + suffix
	return Directory{path: strings.Join(segments, "/")}
}

// cut shortens s to at most n bytes without cutting a character in two.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
