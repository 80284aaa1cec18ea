package share

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// A Volume is what is to be deleted, as its PersistentVolume tells it.
type Volume struct {
	Name      string
	Cluster   string
	Claim     Claim
	Class     string
	Directory Directory
	// Adopted: made by nfs-subdir-external-provisioner, which kept no records.
	// The caller has made sure that no other volume overlaps the directory.
	Adopted bool
}

// prove returns the record by which v owns its directory. owned is false, with
// no error, when there is nothing left of v to delete: neither a record nor a
// directory, or other volumes go on sharing it. For an adopted volume without
// a record it returns the one that would have been written.
func (s *Share) prove(root *os.Root, v Volume) (owner Record, owned bool, err error) {
	owner, err = readRecord(root, v.Directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		exists, err := lookAt(root, v.Directory)
		if err != nil || !exists {
			return Record{}, false, err
		}
		if !v.Adopted {
			return Record{}, false, fmt.Errorf("%w: %q exists; remove it by hand if it is of no use, the volume can then be deleted", ErrNotOurs, v.Directory)
		}
		return Record{
			Cluster: v.Cluster, Volume: v.Name, Claim: v.Claim, Class: v.Class,
			Directory: v.Directory, State: Active,
		}, true, nil
	case err != nil:
		return Record{}, false, err
	case owner.Shared && owner.Cluster == v.Cluster && owner.State == Active:
		if err := s.options.Fence(); err != nil {
			return Record{}, false, err
		}
		last, err := leave(root, v.Directory, v.Name)
		return owner, last, err
	case owner.State != Archived && owner.names(v.Name, v.Cluster):
		return owner, true, nil
	default:
		return Record{}, false, &OwnedError{Directory: v.Directory.path, Owned: v.Directory.path, Owner: owner}
	}
}
