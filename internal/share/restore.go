package share

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// A rename may be carried out long after it was asked for: by a process that was
// stopped in between, or by an NFS client that asks a server again which was
// away. By then what is renamed can be another volume's. Who is stopped puts it
// back when it goes on (see tree.confirm and tree.Move); here is what to do when
// nobody has lived to do that. Each mistake is told by names alone: what lies
// under the name of one volume is a record, or belongs to a record, of another.

// restoreRecord puts back a record that lies in the place of a volume's proof,
// and returns the proof that is there then. The volume's own one was there
// before, so its data has left its directory.
func restoreRecord(t *tree, place, volume string, misplaced Record) (proof Record, err error) {
	if misplaced.State != Active {
		return Record{}, fmt.Errorf("%s: %w: it is of volume %s", place, ErrRecordDamaged, misplaced.Volume)
	}
	err = linkRecord(t, place, misplaced.Directory)
	if errors.Is(err, fs.ErrExist) {
		var there Record
		if there, err = readRecord(t, misplaced.Directory); err == nil && there.Volume != misplaced.Volume {
			err = fmt.Errorf("%s: %w: it is of volume %s, and %q has another record", place, ErrRecordDamaged, misplaced.Volume, misplaced.Directory)
		}
	}
	if err != nil {
		return Record{}, err
	}
	// What is in the trash is the volume's own, unless the other one misses its.
	missed, err := missing(t, misplaced.Directory, binOf(volume))
	if err == nil && missed {
		err = t.Move(binOf(volume), misplaced.Directory.path, func() bool { return t.is(misplaced) })
	}
	if err != nil {
		return Record{}, err
	}
	proof = misplaced
	proof.Volume, proof.Claim, proof.Changed = volume, Claim{}, now()
	written, err := writeRecord(t, proof)
	if err != nil {
		return Record{}, err
	}
	return proof, t.Rename(written, place)
}

// linkRecord puts a record in its place, if that is free.
func linkRecord(t *tree, from string, d Directory) error {
	return t.into(recordPath(d), func() error { return t.Link(from, recordPath(d)) })
}

// missing says whether a directory is not there, and something is in a bin.
func missing(t *tree, d Directory, bin string) (bool, error) {
	there, err := lookAt(t, d)
	if there || err != nil {
		return false, err
	}
	return t.exists(bin)
}

// restoreDirectory puts back what came into the trash of a volume whose data had
// been removed already. It can only have come from the volume's own path, and is
// that of whoever owns the path now and misses it. If nobody does, it stays.
func restoreDirectory(t *tree, volume, cluster string) error {
	proof, err := restoredProof(t, removedOf(volume), volume, cluster)
	if err != nil || proof.Volume == "" {
		return err
	}
	owner, err := readRecord(t, proof.Directory)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrOwned) {
		return nil
	}
	if err != nil || owner.State != Active {
		return err
	}
	if missed, err := missing(t, proof.Directory, binOf(volume)); !missed || err != nil {
		return err
	}
	return t.Move(binOf(volume), proof.Directory.path, func() bool { return t.is(owner) })
}

// strayAfter is the age at which a whole record in the folder of those that are
// being written is one that somebody took away too late.
const strayAfter = time.Minute

// restoreStray puts back a record that was taken to be removed, if the directory
// of its volume is without one.
func restoreStray(t *tree, place string, exists func(volume string) bool) error {
	data, err := t.ReadFile(place)
	if err != nil {
		return err
	}
	stray, err := decodeRecord(data)
	if errors.Is(err, ErrRecordDamaged) || stray.State != Active || !exists(stray.Volume) {
		return nil // half written, or of no use any more
	}
	if there, err := lookAt(t, stray.Directory); !there || err != nil {
		return err
	}
	if _, err := readRecord(t, stray.Directory); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return linkRecord(t, place, stray.Directory)
}
