package provision

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Annotations of a PersistentVolume: what deleting it needs to know, so that
// it can be deleted when its class is changed or gone.
const (
	AnnotationPrefix = "nfs-provisioner/"

	AnnotationShare            = AnnotationPrefix + "share"
	AnnotationDirectory        = AnnotationPrefix + "directory"
	AnnotationOnDelete         = AnnotationPrefix + "onDelete"
	AnnotationArchiveRetention = AnnotationPrefix + "archiveRetention"
	// AnnotationRemoval says how far the removal of the data is, for people.
	AnnotationRemoval = AnnotationPrefix + "removal"
	// AnnotationCloning is on a claim, and says how far its copy is, for people.
	AnnotationCloning = AnnotationPrefix + "cloning"
	// AnnotationShared is "true" if other volumes may have the same directory.
	AnnotationShared = AnnotationPrefix + "shared"
)

// volume is the PersistentVolume of a directory that has been made. The
// library adds claimRef, storageClassName and its own annotation and finalizer.
func (p *plan) volume(class *storagev1.StorageClass, claim *v1.PersistentVolumeClaim, name string, made share.Record) *v1.PersistentVolume {
	onDelete := p.parameters.OnDelete
	if made.Existing && !p.parameters.Explicit {
		onDelete = Retain
	}
	annotations := map[string]string{
		AnnotationShare:     p.share.Name,
		AnnotationDirectory: made.Directory.String(),
		AnnotationOnDelete:  string(onDelete),
	}
	if made.Shared {
		annotations[AnnotationShared] = "true"
	}
	if age := p.parameters.ArchiveRetention; age != 0 {
		annotations[AnnotationArchiveRetention] = age.String()
	}
	reclaim := v1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		reclaim = *class.ReclaimPolicy
	}
	readOnly := slices.Equal(claim.Spec.AccessModes, []v1.PersistentVolumeAccessMode{v1.ReadOnlyMany})
	options := slices.Clone(class.MountOptions)
	if readOnly {
		// Kubelets do not look at readOnly of a PersistentVolume's NFS source.
		options = append(options, "ro")
	}
	filesystem := v1.PersistentVolumeFilesystem
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations},
		Spec: v1.PersistentVolumeSpec{
			Capacity:                      v1.ResourceList{v1.ResourceStorage: claim.Spec.Resources.Requests[v1.ResourceStorage]},
			AccessModes:                   slices.Clone(claim.Spec.AccessModes),
			MountOptions:                  options,
			PersistentVolumeReclaimPolicy: reclaim,
			VolumeMode:                    &filesystem,
			PersistentVolumeSource: v1.PersistentVolumeSource{NFS: &v1.NFSVolumeSource{
				Server:   p.share.Server,
				Path:     p.share.FullPath(made.Directory),
				ReadOnly: readOnly,
			}},
		},
	}
}

// ClaimOf is the claim that a volume is bound to, or was; the zero value if it
// never was to any.
func ClaimOf(volume *v1.PersistentVolume) share.Claim {
	ref := volume.Spec.ClaimRef
	if ref == nil {
		return share.Claim{}
	}
	return share.Claim{Namespace: ref.Namespace, Name: ref.Name, UID: string(ref.UID)}
}
