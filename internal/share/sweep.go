package share

import (
	"context"
	"errors"
	"io/fs"
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
	_, err := do(ctx, s, "sweep", nil, func(t *tree) (struct{}, error) {
		return struct{}{}, errors.Join(sweepTemporary(t), sweepProofs(t, cluster, exists))
	})
	return err
}

func sweepTemporary(t *tree) error {
	return eachIn(t, temporary, func(name string) error {
		info, err := t.Lstat(temporary + "/" + name)
		if err != nil || time.Since(info.ModTime()) < abandonedAfter {
			return err
		}
		return t.Remove(temporary + "/" + name)
	})
}

func sweepProofs(t *tree, cluster string, exists func(string) bool) error {
	return eachIn(t, trashFolder, func(name string) error {
		bin, isProof := strings.CutSuffix(name, proofSuffix)
		if !isProof {
			return nil
		}
		data, err := t.ReadFile(trashFolder + "/" + name)
		if err != nil {
			return err
		}
		r, err := decodeRecord(data)
		if err != nil || r.Cluster != cluster || exists(r.Volume) {
			return err
		}
		if left, err := t.exists(trashFolder + "/" + bin); left || err != nil {
			return err
		}
		return t.Remove(trashFolder + "/" + name)
	})
}

// eachIn calls f for every name in a folder that may not exist. A name that is
// gone when its turn comes is no error.
func eachIn(t *tree, folder string, f func(name string) error) error {
	entries, err := t.ReadDir(folder)
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
