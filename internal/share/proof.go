package share

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// binOf and proofOf are where the data of a volume goes, and the record that
// says that it was the volume's.
func binOf(volume string) string   { return trashFolder + "/" + fileName(volume) }
func proofOf(volume string) string { return binOf(volume) + proofSuffix }

// proofSuffix ends a name that no volume can have: Kubernetes allows dots.
const proofSuffix = "_record"

// removedOf is where the proof goes once the data is gone.
func removedOf(volume string) string { return removedFolder + "/" + fileName(volume) }

// ofVolumes lists what a folder of data or proofs holds of volumes. A file that is
// removed while it is open is kept by an NFS client under a name like .nfs0001
// until it is closed; no volume's name begins with a dot (RFC 1123).
func ofVolumes(t *tree, folder string) ([]string, error) {
	names, err := t.names(folder)
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".") }), err
}

// proves says whether a proof of v is in a place.
func proves(t *tree, place string, v Volume) (bool, error) {
	r, err := restoredProof(t, place, v.Name, v.Cluster)
	if r.Volume != "" && r.Cluster != v.Cluster {
		return false, &OwnedError{Directory: v.Directory.path, Owned: v.Directory.path, Owner: r}
	}
	return err == nil && r.Volume != "", err
}

// restoredProof is readProof, and first puts back what came into the proof's
// place too late, if it is a record of this cluster.
func restoredProof(t *tree, place, volume, cluster string) (Record, error) {
	r, err := readProof(t, place, volume)
	if err != nil && r.Volume != "" && r.Cluster == cluster {
		return restoreRecord(t, place, volume, r)
	}
	return r, err
}

// readProof reads the proof of a volume; the zero Record says that there is
// none. A record of another volume in its place is returned with an error. The
// volume is given by its name, or by the one that it has in names of files.
func readProof(t *tree, place, volume string) (Record, error) {
	data, err := t.ReadCurrent(place)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, nil
	}
	if err != nil {
		return Record{}, err
	}
	r, err := decodeRecord(data)
	if err == nil && fileName(r.Volume) != fileName(volume) {
		err = fmt.Errorf("%w: it is of volume %s", ErrRecordDamaged, r.Volume)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", place, err)
	}
	return r, nil
}
