package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxArchives bounds the search for a name that is not taken. The name holds
// the volume's, which Kubernetes makes unique, so the first is free unless
// somebody took it on purpose.
const maxArchives = 100

// Archive moves the data of a deleted volume to archived-<directory>-<volume>
// beside it, with a suffix if that name is taken, and returns the name. The
// archive has a record of its own, so no claim can have it.
//
// If there is nothing to archive, because an earlier call did it or other
// volumes share the directory, the zero Directory and no error are returned.
//
// Errors: OwnedError (ErrOwned), ErrNotOurs, ErrRecordDamaged, ErrTimeout,
// ErrBusy, or the file system's; the data is then where it was.
func (s *Share) Archive(ctx context.Context, v Volume) (Directory, error) {
	return doAlone(ctx, s, "archive directory "+quote(v.Directory.path), v.Name, func(root *os.Root) (Directory, error) {
		owner, owned, err := s.prove(root, v)
		if errors.Is(err, ErrOwned) {
			if archived, found := s.archived(root, v); found {
				return archived, nil
			}
		}
		if err != nil {
			return Directory{}, err
		}
		exists, err := lookAt(root, v.Directory)
		if err != nil {
			return Directory{}, err
		}
		if !exists {
			// Archived before, or removed by hand; what is left is the record.
			if !owned {
				return Directory{}, nil
			}
			return Directory{}, removeRecord(root, v.Directory)
		}
		if !owned {
			return Directory{}, nil
		}
		return s.archive(root, v, owner)
	})
}

func (s *Share) archive(root *os.Root, v Volume, owner Record) (Directory, error) {
	for n := range maxArchives {
		place := archivePlace(v.Directory, v.Name, n)
		owner.Directory, owner.Origin = place, v.Directory.path
		owner.Volume, owner.State, owner.Changed = v.Name, Archived, now()
		err := createRecord(root, owner)
		if errors.Is(err, fs.ErrExist) || errors.Is(err, ErrOwned) {
			other, err := readRecord(root, place)
			if err != nil || other.State != Archived || !other.names(v.Name, v.Cluster) || other.Origin != v.Directory.path {
				continue
			}
		} else if err != nil {
			return Directory{}, err
		}
		taken, err := lookAt(root, place)
		if taken || errors.Is(err, ErrExists) {
			if err := removeRecord(root, place); err != nil {
				return Directory{}, err
			}
			continue
		}
		if err == nil {
			err = s.move(root, v.Directory.path, place)
		}
		if err != nil {
			return Directory{}, errors.Join(err, removeRecord(root, place))
		}
		return place, removeRecord(root, v.Directory)
	}
	return Directory{}, fmt.Errorf("%w: no name is free for the archive of %q", ErrExists, v.Directory)
}

// move renames a directory to a place that was free a moment ago.
func (s *Share) move(root *os.Root, from string, to Directory) error {
	if above := to.parent(); above != "." {
		if err := root.MkdirAll(above, parentMode); err != nil {
			return err
		}
	}
	if err := s.options.Fence(); err != nil {
		return err
	}
	return root.Rename(from, to.path)
}

// archived finds the archive that an earlier call made of v.
func (s *Share) archived(root *os.Root, v Volume) (Directory, bool) {
	for n := range maxArchives {
		place := archivePlace(v.Directory, v.Name, n)
		r, err := readRecord(root, place)
		if errors.Is(err, fs.ErrNotExist) {
			return Directory{}, false
		}
		if err == nil && r.State == Archived && r.names(v.Name, v.Cluster) {
			return place, true
		}
	}
	return Directory{}, false
}

// archivePlace is the nth name for the archive of d. Segments that would be
// too long lose their middle part; the volume's name at the end is kept whole.
func archivePlace(d Directory, volume string, n int) Directory {
	suffix := "-" + volume
	if n > 0 {
		suffix += "-" + strconv.Itoa(n+1)
	}
	segments := d.Segments()
	last := len(segments) - 1
	room := MaxSegment - len(suffix)
	if last == 0 {
		segments[0] = "archived-" + cut(segments[0], room-len("archived-")) + suffix
	} else {
		segments[0] = "archived-" + cut(segments[0], MaxSegment-len("archived-"))
		segments[last] = cut(segments[last], room) + suffix
	}
	return Directory{path: path.Join(segments...)}
}

// cut shortens s to at most n bytes without cutting a character in two.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.TrimSuffix(s[:n], "/")
}
