package share

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// sharersPath is the folder that holds one empty file for each volume that
// shares d. It is made with the record and removed by the last volume to
// leave; since only an empty folder can be removed, and nobody can enter one
// that is gone, there is exactly one last volume.
func sharersPath(d Directory) string {
	sum := sha256.Sum256([]byte(d.path))
	return sharersFolder + "/" + hex.EncodeToString(sum[:])
}

// foundSharers makes the folder with the first volume in it.
func foundSharers(root *os.Root, d Directory, volume string) error {
	if err := root.MkdirAll(sharersPath(d), 0o700); err != nil {
		return err
	}
	return join(root, d, volume)
}

// join adds a volume to those that share d. It fails with ErrBusy when the
// last of them is just leaving.
func join(root *os.Root, d Directory, volume string) error {
	f, err := root.OpenFile(sharersPath(d)+"/"+volume, os.O_WRONLY|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: the last volume that shares %q is being deleted", ErrBusy, d)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// leave removes a volume from those that share d and says whether it was the
// last of them.
func leave(root *os.Root, d Directory, volume string) (last bool, err error) {
	folder := sharersPath(d)
	if err := root.Remove(folder + "/" + volume); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	err = root.Remove(folder)
	switch {
	case err == nil || errors.Is(err, fs.ErrNotExist):
		return true, nil
	case errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist):
		return false, nil
	default:
		return false, err
	}
}
