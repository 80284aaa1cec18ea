package share

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A tree is a share's root. Every step that changes something first asks
// whether this process may still write; steps that take back an earlier one
// ask too, for by then another process may have gone on from it.
type tree struct {
	mount *mount
	fence func() error
}

// changing runs a step if the fence lets it.
func (t *tree) changing(step func() error) error {
	if err := t.fence(); err != nil {
		return err
	}
	return step()
}

func (t *tree) Lstat(name string) (fs.FileInfo, error) { return t.mount.lstat(name) }
func (t *tree) ReadFile(name string) ([]byte, error)   { return t.mount.readFile(name) }

// ReadCurrent reads the file that the server says has the name.
func (t *tree) ReadCurrent(name string) ([]byte, error) { return t.mount.readCurrent(name) }

// Open opens a directory, and nothing else, to read what is in it.
func (t *tree) Open(name string) (*os.File, error) {
	return t.mount.open(name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
}

// readFolder reads a folder that may not exist.
func readFolder[T any](t *tree, name string, read func(f *os.File, n int) ([]T, error)) ([]T, error) {
	f, err := t.Open(name)
	return readOpen(f, err, read)
}

func readOpen[T any](f *os.File, err error, read func(f *os.File, n int) ([]T, error)) ([]T, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened to read
	return read(f, -1)
}

// names lists what is in a folder that may not exist.
func (t *tree) names(folder string) ([]string, error) {
	return readFolder(t, folder, (*os.File).Readdirnames)
}

// currentNames lists what the server says is in a folder that may not exist: who
// concludes something from what is not there must not be told what was.
func (t *tree) currentNames(folder string) ([]string, error) {
	f, err := t.mount.openCurrent(folder, os.O_RDONLY|syscall.O_DIRECTORY)
	return readOpen(f, err, func(f *os.File, n int) ([]string, error) {
		if err := ask(int(f.Fd())); err != nil {
			return nil, err
		}
		return f.Readdirnames(n)
	})
}

// ReadDir reads a folder that may not exist, in the order of names. Most file
// systems tell of each name whether it is a folder, without a question for each.
// Info of an entry is of no use any more: it would ask by a folder that is closed.
func (t *tree) ReadDir(folder string) ([]fs.DirEntry, error) {
	entries, err := readFolder(t, folder, (*os.File).ReadDir)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

func (t *tree) Mkdir(name string, mode fs.FileMode) error {
	return t.changing(func() error { return t.mount.mkdir(name, mode) })
}

// MkdirAll makes a folder and those above it that are missing.
func (t *tree) MkdirAll(name string, mode fs.FileMode) error {
	err := t.Mkdir(name, mode)
	switch {
	case errors.Is(err, fs.ErrExist):
		info, err := t.Lstat(name)
		if err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
		}
		return err
	case !errors.Is(err, fs.ErrNotExist) || path.Dir(name) == ".":
		return err
	}
	if err := t.MkdirAll(path.Dir(name), mode); err != nil {
		return err
	}
	if err := t.Mkdir(name, mode); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// into runs a step that gives something a place in a folder of ours. If the
// folder is missing it is made, and the step is run again.
func (t *tree) into(place string, step func() error) error {
	err := step()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := t.MkdirAll(path.Dir(place), 0o700); err != nil {
		return err
	}
	return step()
}

func (t *tree) Link(name, to string) error {
	return t.changing(func() error { return t.mount.link(name, to) })
}

func (t *tree) Rename(name, to string) error {
	return t.changing(func() error { return t.mount.rename(name, to) })
}

// Move renames a directory to a name that is free. A process that was stopped
// between asking the fence and the step may have moved what is another
// volume's by now; so the fence is asked once more. If this process may not
// write any more, the directory is put back, unless the move stands: whoever
// leads now may have gone on from it.
func (t *tree) Move(name, to string, stands func() bool) error {
	if err := t.changing(func() error { return t.mount.renameNew(name, to) }); err != nil {
		return err
	}
	lost := t.fence()
	if lost == nil || stands() {
		return lost
	}
	return errors.Join(lost, t.mount.renameNew(to, name))
}

// Remove removes a file. One that is not there is none: a server that was started
// anew may have removed it, and not have said so.
func (t *tree) Remove(name string) error {
	err := t.changing(func() error { return t.mount.remove(name) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Rmdir removes a directory that is empty, and never anything else: where a
// folder of records was a moment ago there may be another volume's record now.
func (t *tree) Rmdir(name string) error {
	return t.changing(func() error { return t.mount.rmdir(name) })
}

// Create makes a file that is not there.
func (t *tree) Create(name string) (f *os.File, err error) {
	const private = 0o600
	err = t.changing(func() (err error) {
		f, err = t.mount.open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, private)
		return err
	})
	return f, err
}

// OpenCurrent is OpenDirectory for what the server says has the name.
func (t *tree) OpenCurrent(name string) (f *os.File, err error) {
	err = t.changing(func() (err error) {
		f, err = t.mount.openCurrent(name, os.O_RDONLY|syscall.O_DIRECTORY)
		return err
	})
	return f, err
}

// OpenDirectory opens a directory, and nothing else, to change what it is.
func (t *tree) OpenDirectory(name string) (f *os.File, err error) {
	err = t.changing(func() (err error) {
		f, err = t.Open(name)
		return err
	})
	return f, err
}

// exists says whether the server has something of a name, whatever it is.
func (t *tree) exists(name string) (bool, error) {
	err := t.mount.current("lstat", name, func(folder int, base string) error {
		fd, err := openAt(folder, base, unix.O_PATH, 0)
		if err != nil {
			return err
		}
		return unix.Close(fd)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// notEmpty says whether an error of Remove means that a directory has content.
func notEmpty(err error) bool {
	return errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist)
}
