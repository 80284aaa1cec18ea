package share

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Clone begins to fill r.Directory with a copy of the directory of a volume, on
// this share or another one, and returns as [Share.Cloned] does. The record is
// made first and reserves the directory; the copy is made in a folder of ours,
// in the background, and becomes the directory when it is whole. What another
// process has copied for r before is thrown away.
//
// The copy has the source's files, folders, symlinks, hard links, holes, modes,
// owners, times, FIFOs, sockets and, on the same share, devices, and those
// extended attributes that are its user's, if both shares have such. The folder
// at its top is dressed as the source's is. Setuid and setgid stay on files of
// the same share that did not change meanwhile. Each file is as it was at some
// time while it was copied; the source may be written to.
//
// Errors: those of Cloned; of the source ErrSourceGone, ErrNotOurs, OwnedError,
// ErrTimeout, ErrBusy; of the directory OwnedError (ErrOwned), ErrExists,
// ErrRecordDamaged.
func (s *Share) Clone(ctx context.Context, r Record, from *Share, source Volume) (Record, error) {
	h, err := from.hold(ctx, source)
	if err != nil {
		return Record{}, err
	}
	r.State, r.Copy, r.Whole = Active, fileName(r.Volume)+copySeparator+rand.Text(), false
	reserved, err := do(ctx, s, cloneOf(r), keysOf(r.Volume, r.Directory), func(t *tree) (Record, error) { return s.reserve(t, r) })
	if err == nil {
		err = s.fail(cloneOf(r), s.startClone(reserved, h))
	}
	if err != nil {
		h.release()
		return Record{}, err
	}
	made, _, err := s.Cloned(ctx, reserved)
	return made, err
}

// Cloned says what has become of the copy that Clone began for r. If it is whole
// it becomes the directory, for which no other call is needed, and the record is
// returned. If it was not begun, or has failed a while ago, begun is false:
// Clone is to be called.
//
// Errors: ErrCloning while it is made; ErrSourceGone, ErrUncopied, ErrOwnership
// or the file system's if it has failed; ErrExists if somebody has put something
// in the directory's place; ErrTimeout, ErrBusy.
func (s *Share) Cloned(ctx context.Context, r Record) (made Record, begun bool, err error) {
	c := s.cloning(r.Volume)
	if c == nil {
		made, err := do(ctx, s, cloneOf(r), keysOf(r.Volume, r.Directory), func(t *tree) (Record, error) { return finishEarlier(t, r) })
		return made, err != nil || made.Volume != "", err
	}
	if !c.wait(ctx, min(clonePatience, s.options.Timeout)) {
		return Record{}, true, s.fail(cloneOf(r), errors.Join(ErrCloning, ctx.Err()))
	}
	if c.err != nil {
		if again, err := s.mayTryAgain(ctx, c); !again || err != nil {
			return Record{}, true, s.fail(cloneOf(r), errors.Join(c.err, err))
		}
		return Record{}, false, nil
	}
	made, err = do(ctx, s, cloneOf(r), keysOf(r.Volume, r.Directory), func(t *tree) (Record, error) { return finish(t, c.record) })
	if err == nil || errors.Is(err, errCopyGone) || errors.Is(err, errRecordChanged) {
		s.forgetClone(r.Volume, c) // it is to be begun anew if it is of no use
	}
	return made, true, err
}

func cloneOf(r Record) string { return "clone into directory " + quote(r.Directory.path) }

// copySeparator is in no volume's name.
const copySeparator = "_"

func copyOf(r Record) string { return clonesFolder + "/" + r.Copy }

// reserve makes the record that reserves the directory, and the folder for the
// copy. What an earlier process has copied is of no use: it may still be written
// to by a process that was stopped and does not know that it lost its lease.
func (s *Share) reserve(t *tree, r Record) (Record, error) {
	owner, err := readRecord(t, r.Directory)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return Record{}, err
	case !missing && (owner.State != Active || !owner.names(r.Volume, r.Cluster) || owner.Copy == ""):
		return Record{}, &OwnedError{Directory: r.Directory.path, Owned: r.Directory.path, Owner: owner}
	}
	exists, err := lookAtServer(t, r.Directory)
	if err == nil && exists {
		err = fmt.Errorf("%w: %q", ErrExists, r.Directory)
	}
	if err == nil && missing {
		err = outsideOtherShares(t, r.Directory, false)
	}
	if err != nil {
		return Record{}, err
	}
	if missing {
		err = createRecord(t, r)
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("record of %q: %w", r.Directory, ErrBusy)
		}
	} else {
		if err := s.discardCopies(t, r.Volume); err != nil {
			return Record{}, err
		}
		err = changeRecord(t, owner, r)
	}
	if err != nil {
		return Record{}, err
	}
	// Where it goes should it fill the share, which has no room for a folder then.
	if err := t.MkdirAll(discardedFolder, 0o700); err != nil {
		return Record{}, err
	}
	err = t.into(copyOf(r), func() error { return t.Mkdir(copyOf(r), 0o700) })
	if errors.Is(err, fs.ErrExist) {
		err = nil // its name is nobody else's: a server made it, and was started anew before it said so
	}
	return r, err
}

// finishEarlier finishes what another process left that had only this to do. It
// returns the zero Record if there is nothing of the kind.
func finishEarlier(t *tree, r Record) (Record, error) {
	owner, err := readRecord(t, r.Directory)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (owner.State != Active || !owner.names(r.Volume, r.Cluster) || !owner.Whole) {
		return Record{}, nil
	}
	if err != nil {
		return Record{}, err
	}
	copied, err := t.exists(copyOf(owner))
	if err != nil {
		return Record{}, err
	}
	if copied {
		return finish(t, owner)
	}
	exists, err := lookAtServer(t, owner.Directory)
	if err != nil || !exists {
		return Record{}, err
	}
	return owner, nil
}

// finish makes a copy that is whole the directory. The record says so before: a
// directory that is there without it is none of ours.
func finish(t *tree, r Record) (Record, error) {
	owner, err := markWhole(t, r)
	if err != nil {
		return Record{}, err
	}
	if err := makeAbove(t, r.Directory); err != nil {
		return Record{}, err
	}
	begun := func() bool {
		is, err := readRecord(t, r.Directory)
		return err == nil && is.Copy == r.Copy
	}
	err = t.Move(copyOf(r), r.Directory.path, begun)
	if err == nil {
		return owner, nil
	}
	// An NFS server may have done it all the same.
	left, problem := t.exists(copyOf(r))
	there, other := lookAtServer(t, r.Directory)
	switch {
	case problem != nil || other != nil:
		return Record{}, errors.Join(err, problem, other)
	case !left && there:
		return owner, nil
	case !left:
		return Record{}, fmt.Errorf("%w: %w", errCopyGone, err)
	case there:
		return Record{}, fmt.Errorf("%w: %q", ErrExists, r.Directory)
	}
	return Record{}, err
}

// errRecordChanged: the record is not that of the copy any more.
var errRecordChanged = fmt.Errorf("its record changed meanwhile: %w", ErrBusy)

// markWhole says in the record of a copy that it is whole, if that is not said
// yet, and returns the record.
func markWhole(t *tree, r Record) (Record, error) {
	owner, err := readRecord(t, r.Directory)
	if err != nil {
		return Record{}, err
	}
	if owner.State != Active || !owner.names(r.Volume, r.Cluster) || owner.Copy != r.Copy {
		return Record{}, fmt.Errorf("%q: %w", r.Directory, errRecordChanged)
	}
	if owner.Whole {
		return owner, nil
	}
	whole := owner
	whole.Whole, whole.Changed = true, now()
	return whole, changeRecord(t, owner, whole)
}

// isUnfinished says whether the directory of a record was to become a copy and
// never did.
func (s *Share) isUnfinished(t *tree, r Record) (bool, error) {
	if r.Copy == "" || !r.Whole {
		return r.Copy != "", nil
	}
	copied, err := t.exists(copyOf(r))
	if copied || err != nil {
		return copied, err
	}
	exists, err := lookAtServer(t, r.Directory)
	return !exists, err
}

// discardCopies takes away what was copied for a volume. It is removed in the
// background.
func (s *Share) discardCopies(t *tree, volume string) error {
	names, err := t.names(clonesFolder)
	for _, name := range names {
		if err == nil && strings.HasPrefix(name, fileName(volume)+copySeparator) {
			err = s.discardCopy(t, name)
		}
	}
	return err
}

func (s *Share) discardCopy(t *tree, name string) error {
	to := discardedFolder + "/" + name
	err := t.into(to, func() error { return t.Rename(clonesFolder+"/"+name, to) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		_, err = s.remove(name, s.removeCopy)
	}
	return err
}

// removeDiscarded starts the removal of all copies that are of no use.
func (s *Share) removeDiscarded(t *tree) error {
	names, err := t.names(discardedFolder)
	for _, name := range names {
		if _, problem := s.remove(name, s.removeCopy); problem != nil {
			err = errors.Join(err, problem)
		}
	}
	return err
}
