package provision

import (
	"path"

	v1 "k8s.io/api/core/v1"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// overlaps refuses a directory that the volume of another claim uses, or one
// above or below it. Records on the share say the same of volumes that have
// one; here are those that have none (static and adopted ones), and those whose
// record was lost, or that were made by hand from another's text.
func (p *Provisioner) overlaps(on *share.Share, d share.Directory, except string, shared bool) error {
	others, err := p.Overlapping(on.Location, d)
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.Name == except || leaving(other) {
			continue
		}
		place, _ := on.Contains(other.Spec.NFS.Server, path.Clean(other.Spec.NFS.Path))
		if shared && place == d.String() && other.Annotations[AnnotationShared] == "true" {
			continue
		}
		owned := &share.OwnedError{Directory: d.String(), Owned: place}
		if len(place) <= len(d.String()) {
			owned.Owner = share.Record{Volume: other.Name, State: share.Active, Claim: ClaimOf(other)}
		}
		return owned
	}
	return nil
}

// leaving says of a volume with a record that it is being deleted. Its record
// alone knows whether its data has left the directory.
func leaving(volume *v1.PersistentVolume) bool {
	_, recorded := volume.Annotations[AnnotationDirectory]
	return recorded && (volume.Status.Phase == v1.VolumeReleased || volume.Status.Phase == v1.VolumeFailed || volume.DeletionTimestamp != nil)
}
