package share

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// parentMode is the mode of folders between the share's root and a directory.
// Everybody may pass through them to what a class has opened to them.
const parentMode = 0o755

// MakeOptions say how a directory is made and what may stand in its place.
type MakeOptions struct {
	// Mode is applied exactly, whatever the umask. Setuid, setgid and sticky
	// are fs.ModeSetuid, fs.ModeSetgid and fs.ModeSticky.
	Mode fs.FileMode
	// UID and GID are applied unless nil.
	UID, GID *uint32
	// AllowExisting takes a directory that exists and that no record names.
	AllowExisting bool
	// AllowShared lets the volume share its directory with others of the same
	// cluster that allow it too.
	AllowShared bool
}

// Make makes r.Directory for r.Volume and the record that says so, and returns
// the record as it is on the share. Done again, for the same volume, it
// finishes what an earlier call began.
//
// A directory that was there before (AllowExisting), or that the same claim
// takes back after it was released, keeps its content, its mode and its owner;
// Existing of the returned record says that it was there before any volume.
//
// Errors: OwnedError (ErrOwned), ErrExists, ErrOwnership, ErrRecordDamaged,
// ErrTimeout, ErrBusy, or the file system's. After an error the share is as it
// was before, unless the file system refused that too.
func (s *Share) Make(ctx context.Context, r Record, o MakeOptions) (Record, error) {
	r.State, r.Shared = Active, o.AllowShared
	return doAlone(ctx, s, "make directory "+quote(r.Directory.path), r.Volume, func(root *os.Root) (Record, error) {
		for range attempts {
			made, err := s.make(root, r, o)
			if !errors.Is(err, errRecordAppeared) {
				return made, err
			}
		}
		return Record{}, fmt.Errorf("record of %q: %w", r.Directory, ErrBusy)
	})
}

// errRecordAppeared: between the look and the step, somebody made a record.
var errRecordAppeared = errors.New("a record appeared")

func (s *Share) make(root *os.Root, r Record, o MakeOptions) (Record, error) {
	owner, err := readRecord(root, r.Directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.makeNew(root, r, o)
	case err != nil:
		return Record{}, err
	case owner.State == Active && owner.names(r.Volume, r.Cluster):
		return s.settle(root, owner, o)
	case owner.State == Active && owner.Shared && o.AllowShared && owner.Cluster == r.Cluster:
		return owner, join(root, r.Directory, r.Volume)
	case owner.returnable(r):
		r.Existing, r.Returned = owner.Existing, true
		return s.record(root, r, o, replaceRecord)
	default:
		return Record{}, &OwnedError{Directory: r.Directory.path, Owned: r.Directory.path, Owner: owner}
	}
}

// makeNew makes record and directory where no record was.
func (s *Share) makeNew(root *os.Root, r Record, o MakeOptions) (Record, error) {
	exists, err := lookAt(root, r.Directory)
	if err != nil {
		return Record{}, err
	}
	if exists && !o.AllowExisting {
		return Record{}, fmt.Errorf("%w: %q", ErrExists, r.Directory)
	}
	r.Existing = exists
	return s.record(root, r, o, createRecord)
}

// record puts the record into place and then makes what it says.
func (s *Share) record(root *os.Root, r Record, o MakeOptions, put func(*os.Root, Record) error) (Record, error) {
	if err := s.options.Fence(); err != nil {
		return Record{}, err
	}
	if r.Shared {
		if err := foundSharers(root, r.Directory, r.Volume); err != nil {
			return Record{}, err
		}
	}
	if err := put(root, r); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return Record{}, errRecordAppeared
		}
		return Record{}, err
	}
	return s.settle(root, r, o)
}

// settle makes the directory that the record in place promises, or finds it.
// If that fails, what it made and the record are taken back.
func (s *Share) settle(root *os.Root, r Record, o MakeOptions) (Record, error) {
	older := r.Existing || r.Returned || r.Shared
	exists, err := lookAt(root, r.Directory)
	if err == nil && exists && older {
		return r, nil
	}
	if err == nil {
		err = s.makeDirectory(root, r.Directory, o)
	}
	switch {
	case err == nil:
		return r, nil
	case r.Existing || r.Returned:
		// The record is older than this attempt and guards data.
		return Record{}, err
	}
	if !errors.Is(err, ErrExists) {
		if left := root.Remove(r.Directory.path); left != nil && !errors.Is(left, fs.ErrNotExist) {
			// The record stays for as long as something of ours may be there.
			return Record{}, errors.Join(err, left)
		}
	}
	if r.Shared {
		if last, left := leave(root, r.Directory, r.Volume); left != nil || !last {
			return Record{}, errors.Join(err, left)
		}
	}
	return Record{}, errors.Join(err, removeRecord(root, r.Directory))
}

// lookAt says whether something usable is at d. A symlink there or above, or
// anything that is not a directory, is an error that wraps ErrExists.
func lookAt(root *os.Root, d Directory) (exists bool, err error) {
	for _, place := range append(d.ancestors(), d.path) {
		info, err := root.Lstat(place)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return false, nil
		case err != nil:
			return false, err
		case !info.IsDir():
			return false, fmt.Errorf("%w: %q is a %s, not a directory", ErrExists, place, kind(info))
		}
	}
	return true, nil
}

func kind(info fs.FileInfo) string {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return "symbolic link"
	case info.Mode().IsRegular():
		return "file"
	default:
		return "special file"
	}
}

func isEmpty(root *os.Root, d Directory) (bool, error) {
	f, err := root.Open(d.path)
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // opened to read
	_, err = f.ReadDir(1)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}

// makeDirectory makes d with its exact mode and owner. An empty directory in
// its place is what an earlier attempt of ours left; one that has content was
// made by somebody else after our record, for no pod has seen the volume yet,
// and is refused with ErrExists.
func (s *Share) makeDirectory(root *os.Root, d Directory, o MakeOptions) error {
	for _, above := range d.ancestors() {
		err := root.Mkdir(above, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = dress(root, above, parentMode, nil, nil)
		}
		if err != nil {
			return err
		}
	}
	if err := root.Mkdir(d.path, 0o700); errors.Is(err, fs.ErrExist) {
		empty, err := isEmpty(root, d)
		if err != nil {
			return err
		}
		if !empty {
			return fmt.Errorf("%w: %q has content that this volume did not write", ErrExists, d)
		}
	} else if err != nil {
		return err
	}
	err := dress(root, d.path, o.Mode, o.UID, o.GID)
	if errors.Is(err, syscall.EPERM) && (o.UID != nil || o.GID != nil) {
		return fmt.Errorf("%w of %q to %s on export %s:%s; the export probably has root_squash: %w", ErrOwnership, d, ids(o), s.Server, s.Path, err)
	}
	return err
}

func ids(o MakeOptions) string {
	switch {
	case o.GID == nil:
		return fmt.Sprintf("uid %d", *o.UID)
	case o.UID == nil:
		return fmt.Sprintf("gid %d", *o.GID)
	default:
		return fmt.Sprintf("uid %d and gid %d", *o.UID, *o.GID)
	}
}

// dress gives a folder owner and mode through an open handle, so that nothing
// put in its place meanwhile can receive them.
func dress(root *os.Root, place string, mode fs.FileMode, uid, gid *uint32) (err error) {
	f, err := root.OpenFile(place, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	const unchanged = -1
	owner, group := unchanged, unchanged
	if uid != nil {
		owner = int(*uid)
	}
	if gid != nil {
		group = int(*gid)
	}
	if owner != unchanged || group != unchanged {
		if err := f.Chown(owner, group); err != nil {
			return err
		}
	}
	// After chown, which clears setuid and setgid.
	return f.Chmod(mode)
}
