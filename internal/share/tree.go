package share

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// A tree is a share's root. Every step that changes something first asks
// whether this process may still write; steps that take back an earlier one
// ask too, for by then another process may have gone on from it.
type tree struct {
	root  *os.Root
	fence func() error
}

// changing runs a step if the fence lets it.
func (t *tree) changing(step func() error) error {
	if err := t.fence(); err != nil {
		return err
	}
	return step()
}

func (t *tree) Lstat(name string) (fs.FileInfo, error)     { return t.root.Lstat(name) }
func (t *tree) ReadFile(name string) ([]byte, error)       { return t.root.ReadFile(name) }
func (t *tree) OpenRoot(name string) (*os.Root, error)     { return t.root.OpenRoot(name) }
func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(t.root.FS(), name) }

// Open opens for reading.
func (t *tree) Open(name string) (*os.File, error) { return t.root.Open(name) }

func (t *tree) Mkdir(name string, mode fs.FileMode) error {
	return t.changing(func() error { return t.root.Mkdir(name, mode) })
}

func (t *tree) MkdirAll(name string, mode fs.FileMode) error {
	return t.changing(func() error { return t.root.MkdirAll(name, mode) })
}

func (t *tree) Link(name, to string) error {
	return t.changing(func() error { return t.root.Link(name, to) })
}

func (t *tree) Rename(name, to string) error {
	return t.changing(func() error { return t.root.Rename(name, to) })
}

// Move renames a directory to a name that is free. A process that was stopped
// between asking the fence and the step may have moved what is another
// volume's by now; so the fence is asked once more, and if this process may not
// write any more, the directory is put back.
func (t *tree) Move(name, to string) error {
	if err := t.Rename(name, to); err != nil {
		return err
	}
	lost := t.fence()
	if lost == nil {
		return nil
	}
	taken, err := t.exists(name)
	if err == nil && !taken {
		err = t.root.Rename(to, name)
	}
	return errors.Join(lost, err)
}

// Remove removes a file.
func (t *tree) Remove(name string) error {
	return t.changing(func() error { return t.root.Remove(name) })
}

// Rmdir removes a directory that is empty, and never anything else: where a
// folder of records was a moment ago there may be another volume's record now.
func (t *tree) Rmdir(name string) error {
	return t.changing(func() (err error) {
		parent, err := t.root.Open(path.Dir(name))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, parent.Close()) }()
		if err := unix.Unlinkat(int(parent.Fd()), path.Base(name), unix.AT_REMOVEDIR); err != nil {
			return &fs.PathError{Op: "rmdir", Path: name, Err: err}
		}
		return nil
	})
}

// Create makes a file that is not there.
func (t *tree) Create(name string) (f *os.File, err error) {
	const private = 0o600
	err = t.changing(func() (err error) {
		f, err = t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, private)
		return err
	})
	return f, err
}

// OpenDirectory opens a directory, and nothing else, to change what it is.
func (t *tree) OpenDirectory(name string) (f *os.File, err error) {
	err = t.changing(func() (err error) {
		f, err = t.root.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
		return err
	})
	return f, err
}

// exists says whether a name is there, whatever it is.
func (t *tree) exists(name string) (bool, error) {
	_, err := t.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// notEmpty says whether an error of Remove means that a directory has content.
func notEmpty(err error) bool {
	return errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist)
}
