package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
// ErrTimeout, ErrBusy, or the file system's. After an error nothing is left of
// what the call made, except folders above the directory, unless the file
// system refused that too or the fence did.
func (s *Share) Make(ctx context.Context, r Record, o MakeOptions) (Record, error) {
	r.State = Active
	if o.AllowShared {
		r.share()
	}
	return do(ctx, s, "make directory "+quote(r.Directory.path), keysOf(r.Volume, r.Directory), func(t *tree) (Record, error) {
		made, err := s.makeUnseen(t, r, o)
		for range attempts {
			if !errors.Is(err, errRecordAppeared) {
				return made, err
			}
			made, err = s.make(t, r, o)
		}
		if errors.Is(err, errRecordAppeared) {
			err = fmt.Errorf("record of %q: %w", r.Directory, ErrBusy)
		}
		return made, err
	})
}

// errRecordAppeared: between the look and the step, somebody made a record.
var errRecordAppeared = errors.New("a record appeared")

// makeUnseen is make for what nearly all directories are: not there, and of nobody.
// It asks for no record, for the step that makes one says if there is one; then
// the error is errRecordAppeared. Over NFS that is one round trip of ten.
func (s *Share) makeUnseen(t *tree, r Record, o MakeOptions) (Record, error) {
	if exists, err := lookAt(t, r.Directory); exists || err != nil {
		return Record{}, errRecordAppeared // or something else that make has words for
	}
	return s.makeOwned(t, r, o, false)
}

func (s *Share) make(t *tree, r Record, o MakeOptions) (Record, error) {
	owner, err := readRecord(t, r.Directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.makeNew(t, r, o)
	case err != nil:
		return Record{}, err
	case owner.State == Active && owner.names(r.Volume, r.Cluster),
		owner.State == Active && owner.Shared && o.AllowShared && owner.Cluster == r.Cluster:
		return owner, s.settle(t, owner, sharer(r), o, false)
	case owner.returnable(r):
		r.Existing, r.Returned = owner.Existing, true
		if err := replaceRecord(t, r); err != nil {
			return Record{}, err
		}
		return r, s.settle(t, r, sharer(r), o, false)
	default:
		return Record{}, &OwnedError{Directory: r.Directory.path, Owned: r.Directory.path, Owner: owner}
	}
}

// makeNew makes record and directory where no record was. If it fails, it
// takes back what it made.
func (s *Share) makeNew(t *tree, r Record, o MakeOptions) (Record, error) {
	exists, err := lookAt(t, r.Directory)
	if exists {
		exists, err = t.existsAtServer(r.Directory)
	}
	if err != nil {
		return Record{}, err
	}
	return s.makeOwned(t, r, o, exists)
}

// makeOwned is makeNew for who knows whether the directory exists.
func (s *Share) makeOwned(t *tree, r Record, o MakeOptions, exists bool) (Record, error) {
	if err := outsideOtherShares(t, r.Directory, exists); err != nil {
		return Record{}, err
	}
	if exists && !o.AllowExisting {
		return Record{}, fmt.Errorf("%w: %q", ErrExists, r.Directory)
	}
	r.Existing = exists
	if err := createRecord(t, r); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return Record{}, errRecordAppeared
		}
		return Record{}, err
	}
	err := s.settle(t, r, sharer(r), o, !exists)
	if err == nil {
		return r, nil
	}
	if !exists && !errors.Is(err, ErrExists) {
		if left := removeEmpty(t, r.Directory); left != nil && !errors.Is(left, fs.ErrNotExist) {
			// The record stays for as long as something of ours may be there.
			return Record{}, errors.Join(err, left)
		}
	}
	return Record{}, errors.Join(err, unshare(t, r), removeRecord(t, r))
}

// settle makes the directory that the record in place promises, or finds it,
// and adds the volume to those that share it. A directory that is absent, as one
// that was looked for right before the record was made, is not looked for again.
func (s *Share) settle(t *tree, r Record, who Sharer, o MakeOptions, absent bool) error {
	if r.Shared {
		if err := join(t, r, who); err != nil {
			return err
		}
	}
	if !absent {
		exists, err := lookAt(t, r.Directory)
		if err != nil {
			return err
		}
		if exists && (r.Existing || r.Returned) {
			exists, err = t.existsAtServer(r.Directory)
			if exists || err != nil {
				return err
			}
		}
	}
	err := s.makeDirectory(t, r.Directory, o)
	if r.Shared && errors.Is(err, errNotEmpty) {
		return nil
	}
	return err
}

// errNotEmpty is an ErrExists of a directory that has content.
var errNotEmpty = fmt.Errorf("%w and has content that this volume did not write", ErrExists)

// makeDirectory makes d with its exact mode and owner. An empty directory in
// its place is what an earlier attempt of ours left; one that has content was
// made by somebody else after our record, for no pod has seen the volume yet,
// and is refused with errNotEmpty.
func (s *Share) makeDirectory(t *tree, d Directory, o MakeOptions) error {
	err := makeAbove(t, d)
	if err == nil {
		err = t.Mkdir(d.path, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		// An NFS client says so, too, of a directory that it remembers.
		var exists bool
		if exists, err = t.existsAtServer(d); err == nil && !exists {
			err = t.Mkdir(d.path, 0o700)
		}
		if err == nil && exists {
			err = fs.ErrExist
		}
	}
	if errors.Is(err, fs.ErrExist) {
		var empty bool
		if empty, err = isEmpty(t, d); err == nil && !empty {
			return fmt.Errorf("%w: %q", errNotEmpty, d)
		}
	}
	if err == nil {
		err = dress(t, d.path, o.Mode, o.UID, o.GID)
	}
	switch {
	case errors.Is(err, syscall.EPERM) && (o.UID != nil || o.GID != nil):
		return fmt.Errorf("%w of %q to %s on export %s:%s; the export probably has root_squash: %w", ErrOwnership, d, ids(o), s.Server, s.Path, err)
	case errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP):
		// Something else is there, or above: a look has better words for it.
		if _, problem := lookAt(t, d); problem != nil {
			return problem
		}
	}
	return err
}

// makeAbove makes the folders between the share's root and d that are missing.
func makeAbove(t *tree, d Directory) error {
	for _, above := range d.ancestors() {
		err := t.Mkdir(above, parentMode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = dress(t, above, parentMode, nil, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
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
