package share

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// Where records live; see the package's documentation.
const (
	recordsFolder = metadata + "/records"
	sharersFolder = metadata + "/sharers"
	trashFolder   = metadata + "/trash"
	removedFolder = metadata + "/removed"
	temporary     = metadata + "/tmp"
	// Copies that are being made, and those that are of no use any more.
	clonesFolder    = metadata + "/clones"
	discardedFolder = metadata + "/discarded"
)

// attempts bounds the loops that repeat a step because another volume's
// operation changed the same folder of the records' tree in between.
const attempts = 8

func recordPath(d Directory) string { return recordsFolder + "/" + d.path }

// readRecord returns the record of exactly d, as the server has it. The error is
// fs.ErrNotExist when there is none, wraps ErrRecordDamaged when it cannot be
// trusted, and is an OwnedError when a directory above or below d is owned.
func readRecord(t *tree, d Directory) (Record, error) {
	return recordOf(t, d, t.ReadCurrent)
}

// rememberedRecord is readRecord for those who decide nothing by it: it may be a
// record that was in this place a minute ago.
func rememberedRecord(t *tree, d Directory) (Record, error) {
	return recordOf(t, d, t.ReadFile)
}

func recordOf(t *tree, d Directory, read func(name string) ([]byte, error)) (Record, error) {
	data, err := read(recordPath(d))
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

// changeRecord changes the record of a directory that stays the same volume's,
// by a line at its end: in a file that was opened before the fence is asked, so
// that a process that was stopped before the step changes no record that is in
// its place by then. A line that a crash has cut is none.
func changeRecord(t *tree, old, changed Record) (err error) {
	f, err := t.mount.open(recordPath(old.Directory), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	now, err := decodeRecord(data)
	if err != nil {
		return fmt.Errorf("%s: %w", recordPath(old.Directory), err)
	}
	if !now.names(old.Volume, old.Cluster) || now.State != old.State {
		return fmt.Errorf("record of %q changed meanwhile: %w", old.Directory, ErrBusy)
	}
	line, err := changed.encode()
	if err != nil {
		return err
	}
	end := bytes.LastIndexByte(data, '\n') + 1
	return t.changing(func() error {
		if end < len(data) {
			if err := f.Truncate(int64(end)); err != nil {
				return err
			}
		}
		_, err := f.WriteAt(line, int64(end))
		return errors.Join(err, f.Sync())
	})
}

// replaceRecord gives a directory that was released to another volume.
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

// removeRecord gives the directory of r back and removes what folders of the
// records' tree this leaves empty. The record is put aside first: a process that
// was stopped between asking the fence and the step may have taken what is
// another volume's record by now, and then gives it back.
func removeRecord(t *tree, r Record) error {
	aside := temporary + "/" + rand.Text()
	err := t.into(aside, func() error { return t.Rename(recordPath(r.Directory), aside) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it went before
	}
	if err != nil {
		return err
	}
	if err := t.confirm(r, aside); err != nil {
		return err
	}
	if err := t.Remove(aside); err != nil {
		return err
	}
	pruneAbove(t, r.Directory)
	return nil
}

// confirm asks the fence after the record of r was moved to a place. If the
// lease was lost meanwhile and the record is another volume's, it goes back.
func (t *tree) confirm(r Record, moved string) error {
	lost := t.fence()
	if lost == nil {
		return nil
	}
	data, err := t.ReadFile(moved)
	if err != nil {
		return errors.Join(lost, err)
	}
	if found, err := decodeRecord(data); err == nil && found.names(r.Volume, r.Cluster) {
		return lost
	}
	err = t.mount.link(moved, recordPath(r.Directory))
	if err == nil {
		err = t.mount.remove(moved)
	}
	return errors.Join(lost, err)
}

// is says whether the record of r's directory is that of r's volume.
func (t *tree) is(r Record) bool {
	owner, err := readRecord(t, r.Directory)
	return err == nil && owner.names(r.Volume, r.Cluster)
}

// isNobodys says whether d has no record, nor has one above or below it.
func (t *tree) isNobodys(d Directory) bool {
	_, err := readRecord(t, d)
	return errors.Is(err, fs.ErrNotExist)
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
	return writeTemporary(t, data)
}

// prepare makes all of our folders at once: a share that is full by the time
// something is to be deleted has no room for the one where it goes.
func prepare(t *tree) error {
	for _, folder := range []string{temporary, trashFolder, removedFolder} {
		if err := t.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// writeTemporary writes data to a new file, complete and synced.
func writeTemporary(t *tree, data []byte) (name string, err error) {
	name = temporary + "/" + rand.Text()
	f, err := t.Create(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := prepare(t); err != nil {
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
