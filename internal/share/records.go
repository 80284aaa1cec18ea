package share

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"
)

// Where records live; see the package's documentation.
const (
	recordsFolder = metadata + "/records"
	sharersFolder = metadata + "/sharers"
	trashFolder   = metadata + "/trash"
	temporary     = metadata + "/tmp"
)

// attempts bounds the loops that repeat a step because another volume's
// operation changed the same folder of the records' tree in between.
const attempts = 8

func recordPath(d Directory) string { return recordsFolder + "/" + d.path }

// readRecord returns the record of exactly d. The error is fs.ErrNotExist when
// there is none, wraps ErrRecordDamaged when it cannot be trusted, and is an
// OwnedError when a directory above or below d is owned.
func readRecord(t *tree, d Directory) (Record, error) {
	data, err := t.ReadFile(recordPath(d))
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return Record{}, ownerAbove(t, d)
	case errors.Is(err, syscall.EISDIR):
		if pruneBelow(t, recordPath(d)) {
			return Record{}, fs.ErrNotExist
		}
		return Record{}, &OwnedError{Directory: d.path, Owned: d.path + "/"}
	case err != nil:
		return Record{}, err
	}
	r, err := decodeRecord(data)
	if err == nil && r.Directory != d {
		err = fmt.Errorf("%w: it is about directory %q", ErrRecordDamaged, r.Directory)
	}
	if err != nil {
		return Record{}, fmt.Errorf("%s: %w", recordPath(d), err)
	}
	return r, nil
}

// ownerAbove explains why the tree of records ends above d.
func ownerAbove(t *tree, d Directory) error {
	for _, above := range d.ancestors() {
		info, err := t.Lstat(recordsFolder + "/" + above)
		if err != nil {
			return err
		}
		if info.IsDir() {
			continue
		}
		owner, err := readRecord(t, Directory{path: above})
		if err != nil {
			return err
		}
		return &OwnedError{Directory: d.path, Owned: above, Owner: owner}
	}
	// The owner has gone since; whoever asked may ask again.
	return fmt.Errorf("records above %q changed: %w", d.path, ErrBusy)
}

// createRecord makes r the owner of its directory, or nothing at all: the
// record is written elsewhere, complete and synced, and then linked into
// place, which fails if the name is taken. The error wraps fs.ErrExist when
// the directory has a record, and is an OwnedError for one above or below.
func createRecord(t *tree, r Record) error {
	written, err := writeRecord(t, r)
	if err != nil {
		return err
	}
	defer t.Remove(written) //nolint:errcheck // swept later; the record is in place or it is not
	place := recordPath(r.Directory)
	for range attempts {
		err = t.Link(written, place)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = t.MkdirAll(path.Dir(place), 0o700)
			if errors.Is(err, syscall.ENOTDIR) {
				return ownerAbove(t, r.Directory)
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		case errors.Is(err, syscall.ENOTDIR):
			return ownerAbove(t, r.Directory)
		case errors.Is(err, fs.ErrExist):
			info, statErr := t.Lstat(place)
			if errors.Is(statErr, fs.ErrNotExist) {
				continue
			}
			if statErr != nil || !info.IsDir() {
				return errors.Join(err, statErr)
			}
			if !pruneBelow(t, place) {
				return &OwnedError{Directory: r.Directory.path, Owned: r.Directory.path + "/"}
			}
		default:
			return err
		}
	}
	return fmt.Errorf("record of %q: %w", r.Directory, ErrBusy)
}

// replaceRecord changes the record of a directory in one step.
func replaceRecord(t *tree, r Record) error {
	written, err := writeRecord(t, r)
	if err != nil {
		return err
	}
	if err := t.Rename(written, recordPath(r.Directory)); err != nil {
		return errors.Join(err, t.Remove(written))
	}
	return nil
}

// removeRecord gives d back and removes what folders of the records' tree this
// leaves empty.
func removeRecord(t *tree, d Directory) error {
	if err := t.Remove(recordPath(d)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	pruneAbove(t, d)
	return nil
}

// pruneAbove removes folders of the records' tree that hold no record any
// more. It stops at the first that does; a failure leaves an empty folder,
// which owns nothing.
func pruneAbove(t *tree, d Directory) {
	above := d.ancestors()
	for i := len(above) - 1; i >= 0; i-- {
		if t.Rmdir(recordsFolder+"/"+above[i]) != nil {
			return
		}
	}
}

// pruneBelow removes a folder of the records' tree if no record is in it, and
// says whether it is gone.
func pruneBelow(t *tree, folder string) bool {
	err := t.Rmdir(folder)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return true
	}
	entries, err := t.ReadDir(folder)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		if !entry.IsDir() || !pruneBelow(t, folder+"/"+entry.Name()) {
			return false
		}
	}
	return t.Rmdir(folder) == nil
}

// writeRecord writes r, complete and synced, to a file that nobody reads.
func writeRecord(t *tree, r Record) (name string, err error) {
	if r.Changed.IsZero() {
		r.Changed = now()
	}
	data, err := r.encode()
	if err != nil {
		return "", err
	}
	name = temporary + "/" + rand.Text()
	f, err := t.Create(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := t.MkdirAll(temporary, 0o700); err != nil {
			return "", err
		}
		f, err = t.Create(name)
	}
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, t.Remove(name))
	}
	return name, nil
}
