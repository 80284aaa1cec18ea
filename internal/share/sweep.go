package share

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// abandonedAfter is the age at which a record that is still being written is
// one that nobody writes any more.
const abandonedAfter = time.Hour

// Sweep removes what a crash may have left of our own bookkeeping: half-written
// records, and proofs of volumes of this cluster whose data is removed and that
// exist no more. It removes no data.
func (s *Share) Sweep(ctx context.Context, cluster string, exists func(volume string) bool) error {
	_, err := do(ctx, s, "sweep", func(root *os.Root) (struct{}, error) {
		if err := s.options.Fence(); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, errors.Join(sweepTemporary(root), sweepProofs(root, cluster, exists))
	})
	return err
}

func sweepTemporary(root *os.Root) error {
	return eachIn(root, temporary, func(name string) error {
		info, err := root.Lstat(temporary + "/" + name)
		if err != nil || time.Since(info.ModTime()) < abandonedAfter {
			return err
		}
		return root.Remove(temporary + "/" + name)
	})
}

func sweepProofs(root *os.Root, cluster string, exists func(string) bool) error {
	return eachIn(root, trashFolder, func(name string) error {
		volume, isProof := strings.CutSuffix(name, ".record")
		if !isProof || exists(volume) {
			return nil
		}
		data, err := root.ReadFile(trashFolder + "/" + name)
		if err != nil {
			return err
		}
		r, err := decodeRecord(data)
		if err != nil || !r.names(volume, cluster) {
			return err
		}
		if _, err := root.Lstat(trashFolder + "/" + volume); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return root.Remove(trashFolder + "/" + name)
	})
}

// eachIn calls f for every name in a folder that may not exist. A name that is
// gone when its turn comes is no error.
func eachIn(root *os.Root, folder string, f func(name string) error) error {
	entries, err := fs.ReadDir(root.FS(), folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	problems := []error{err}
	for _, entry := range entries {
		if err := f(entry.Name()); !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}
