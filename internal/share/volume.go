package share

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// A Volume is what is to be deleted, as its PersistentVolume tells it.
type Volume struct {
	Name      string
	Cluster   string
	Claim     Claim
	Class     string
	Directory Directory
	// ArchiveRetention is the age at which an archive of it is removed, zero for
	// never.
	ArchiveRetention time.Duration
	// Adopted: made by nfs-subdir-external-provisioner, which kept no records.
	Adopted bool
	// Contested is why the directory must stay as it is for now, such as another
	// volume that overlaps it. It is no matter once the data has left.
	Contested error
}

// fileName is the name of a volume in names of files: its own, or a hash if
// that would be too long for a prefix, a suffix and a number.
func fileName(volume string) string {
	const longest = 200
	if len(volume) > longest {
		return hash(volume)
	}
	return volume
}

// prove returns the record by which v owns its directory. owned is false, with
// no error, when there is nothing left of v to delete: neither a record nor a
// directory, or other volumes go on sharing it. An adopted volume gets its
// record here, and is from then on like any other.
func (s *Share) prove(t *tree, v Volume) (owner Record, owned bool, err error) {
	owner, err = readRecord(t, v.Directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		exists, err := lookAtServer(t, v.Directory)
		if err != nil || !exists {
			return Record{}, false, err
		}
		if !v.Adopted {
			return Record{}, false, fmt.Errorf("%w: %q exists; remove it by hand if it is of no use, the volume can then be deleted", ErrNotOurs, v.Directory)
		}
		if v.Contested != nil {
			return Record{}, false, v.Contested
		}
		owner = Record{
			Cluster: v.Cluster, Volume: v.Name, Claim: v.Claim, Class: v.Class,
			Directory: v.Directory, State: Active, Existing: true,
		}
		return owner, true, createRecord(t, owner)
	case err != nil:
		return Record{}, false, err
	case v.Contested != nil && owner.State == Active && owner.Cluster == v.Cluster && (owner.Shared || owner.Volume == v.Name):
		return Record{}, false, v.Contested
	case owner.Shared && owner.Cluster == v.Cluster && owner.State == Active:
		return part(t, owner, v.Name)
	case owner.State != Archived && owner.names(v.Name, v.Cluster):
		if shared, err := shareAgain(t, owner); shared || err != nil {
			return Record{}, false, err
		}
		return owner, true, unshare(t, owner)
	default:
		return Record{}, false, &OwnedError{Directory: v.Directory.path, Owned: v.Directory.path, Owner: owner}
	}
}
