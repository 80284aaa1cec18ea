package share

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// lookAt says whether a directory is at d. A symlink there or above, or anything
// that is not a directory, is an error that wraps ErrExists.
func lookAt(t *tree, d Directory) (exists bool, err error) {
	for _, place := range append(d.ancestors(), d.path) {
		info, err := t.Lstat(place)
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

// lookAtServer is lookAt for those who are done with a volume whose directory is
// missing: that it is, the server has to say.
func lookAtServer(t *tree, d Directory) (exists bool, err error) {
	exists, err = lookAt(t, d)
	if exists || err != nil {
		return exists, err
	}
	missing, err := t.mount.isMissing(d.path)
	if missing || err != nil {
		return false, err
	}
	return lookAt(t, d)
}

// existsAtServer says whether something is at d in the eyes of the server.
func (t *tree) existsAtServer(d Directory) (bool, error) {
	missing, err := t.mount.isMissing(d.path)
	return !missing, err
}

// outsideOtherShares fails with ErrExists if d is, or lies in, the root of a
// share of another install. It is for directories that no volume has yet: what
// a volume's pods put into it says nothing.
func outsideOtherShares(t *tree, d Directory, exists bool) error {
	places := d.ancestors()
	if exists {
		places = append(places, d.path)
	}
	for _, place := range places {
		inner, err := t.exists(place + "/" + metadata)
		if inner {
			return fmt.Errorf("%w: %q is the root of another share", ErrExists, place)
		}
		if err != nil && !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
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

// isEmpty says whether the directory at d has no content.
func isEmpty(t *tree, d Directory) (bool, error) {
	f, err := t.mount.openCurrent(d.path, os.O_RDONLY|syscall.O_DIRECTORY)
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // opened to read
	if err := ask(int(f.Fd())); err != nil {
		return false, err // what the client remembers may be a minute old
	}
	_, err = f.ReadDir(1)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}
