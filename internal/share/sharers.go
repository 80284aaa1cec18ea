package share

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// share marks a new record as one that other volumes may join.
func (r *Record) share() {
	r.Shared, r.Sharers = true, hash(r.Directory.path+"\n"+r.Volume)
}

// sharersPath is the folder that holds one file for each volume that shares
// the directory of a record.
func sharersPath(r Record) string { return sharersFolder + "/" + r.Sharers }

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// isHash says whether text is what hash returns.
func isHash(text string) bool {
	return len(text) == hex.EncodedLen(sha256.Size) && strings.Trim(text, "0123456789abcdef") == ""
}

// A Sharer is one of the volumes that share a directory.
type Sharer struct {
	Volume string `json:"volume"`
	Claim  Claim  `json:"claim"`
}

func sharer(r Record) Sharer { return Sharer{r.Volume, r.Claim} }

// join adds a volume to those that share the directory of a record.
func join(t *tree, r Record, who Sharer) error {
	place := sharersPath(r) + "/" + fileName(who.Volume)
	if joined, err := t.exists(place); joined || err != nil {
		return err
	}
	data, err := json.Marshal(who)
	if err != nil {
		return err
	}
	written, err := writeTemporary(t, data)
	if err != nil {
		return err
	}
	defer t.Remove(written) //nolint:errcheck // swept later; the sharer is in place or it is not
	err = t.into(place, func() error { return t.Link(written, place) })
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// sharersOf lists the volumes that share the directory of a record.
func sharersOf(t *tree, r Record) ([]Sharer, error) {
	names, err := t.currentNames(sharersPath(r))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var all []Sharer
	for _, name := range names {
		place := sharersPath(r) + "/" + name
		data, err := t.ReadFile(place)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var one Sharer
		if err == nil {
			err = json.Unmarshal(data, &one)
		}
		if err == nil && fileName(one.Volume) != name {
			err = ErrRecordDamaged
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// part removes a volume from those that share the directory of a record. If
// others remain, the directory is theirs. If it was the last, the record is
// changed, in one step, to one that names this volume alone, and last is true.
// A volume that is not among them changes nothing.
func part(t *tree, owner Record, volume string) (alone Record, last bool, err error) {
	folder := sharersPath(owner)
	others, err := t.currentNames(folder)
	if err != nil {
		return Record{}, false, err
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
	if err := changeRecord(t, owner, alone); err != nil {
		return Record{}, false, err
	}
	return alone, true, unshare(t, owner)
}

// shareAgain makes a record that names one volume alone that of others again, if
// there are such: a process that was stopped before it changed the record may have
// changed it when another one had let them join. It says whether there are.
func shareAgain(t *tree, owner Record) (shared bool, err error) {
	if owner.Sharers == "" || owner.Shared {
		return false, nil
	}
	all, err := sharersOf(t, owner)
	others := slices.DeleteFunc(all, func(s Sharer) bool { return s.Volume == owner.Volume })
	if err != nil || len(others) == 0 {
		return false, err
	}
	again := owner
	again.Volume, again.Claim, again.Shared = others[0].Volume, others[0].Claim, true
	if err := changeRecord(t, owner, again); err != nil {
		return false, err
	}
	_, _, err = part(t, again, owner.Volume)
	return true, err
}

// unshare removes the folder of sharers that a record has, or once had.
func unshare(t *tree, r Record) error {
	if r.Sharers == "" {
		return nil
	}
	folder := sharersPath(r)
	names, err := t.currentNames(folder)
	problems := []error{err}
	for _, name := range names {
		problems = append(problems, t.Remove(folder+"/"+name))
	}
	if err := t.Rmdir(folder); !errors.Is(err, fs.ErrNotExist) {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
