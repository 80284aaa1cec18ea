package share

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"slices"
)

// share marks a new record as one that other volumes may join.
func (r *Record) share() {
	r.Shared, r.Sharers = true, hash(r.Directory.path+"\n"+r.Volume)
}

// sharersPath is the folder that holds one empty file for each volume that
// shares the directory of a record.
func sharersPath(r Record) string { return sharersFolder + "/" + r.Sharers }

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// join adds a volume to those that share the directory of a record.
func join(t *tree, r Record, volume string) error {
	folder := sharersPath(r)
	f, err := t.Create(folder + "/" + fileName(volume))
	if errors.Is(err, fs.ErrNotExist) {
		if err := t.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		f, err = t.Create(folder + "/" + fileName(volume))
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	default:
		return f.Close()
	}
}

// part removes a volume from those that share the directory of a record. If
// others remain, the directory is theirs. If it was the last, the record is
// changed, in one step, to one that names this volume alone, and last is true.
// A volume that is not among them changes nothing.
func part(t *tree, owner Record, volume string) (alone Record, last bool, err error) {
	folder := sharersPath(owner)
	entries, err := t.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Record{}, false, err
	}
	var others []string
	for _, entry := range entries {
		others = append(others, entry.Name())
	}
	// Who founded the directory may have crashed before it could join.
	i := slices.Index(others, fileName(volume))
	if i < 0 && owner.Volume != volume {
		return Record{}, false, nil
	}
	if i >= 0 {
		others = slices.Delete(others, i, i+1)
	}
	if len(others) > 0 {
		if i < 0 {
			return Record{}, false, nil
		}
		return Record{}, false, t.Remove(folder + "/" + fileName(volume))
	}
	alone = owner
	alone.Volume, alone.Shared = volume, false
	if err := replaceRecord(t, alone); err != nil {
		return Record{}, false, err
	}
	return alone, true, unshare(t, owner)
}

// unshare removes the folder of sharers that a record has, or once had.
func unshare(t *tree, r Record) error {
	if r.Sharers == "" {
		return nil
	}
	folder := sharersPath(r)
	entries, err := t.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	problems := []error{err}
	for _, entry := range entries {
		problems = append(problems, t.Remove(folder+"/"+entry.Name()))
	}
	return errors.Join(append(problems, t.Rmdir(folder))...)
}
