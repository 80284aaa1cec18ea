package controller

import (
	"maps"
	"slices"
	"strings"
	"unique"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
)

// Annotations by which Kubernetes and the library say who makes a volume, and
// where. The library has no names for them that it exports.
const (
	annStorageProvisioner     = "volume.kubernetes.io/storage-provisioner"
	annBetaStorageProvisioner = "volume.beta.kubernetes.io/storage-provisioner"
	annSelectedNode           = "volume.kubernetes.io/selected-node"
	annProvisionedBy          = "pv.kubernetes.io/provisioned-by"
	annMigratedTo             = "pv.kubernetes.io/migrated-to"
)

var claimAnnotations = []string{annStorageProvisioner, annBetaStorageProvisioner, annSelectedNode, v1.BetaStorageClassAnnotation}

// slimmer drops what is never read of the objects in the caches. A cluster may
// have tens of thousands of claims and volumes of which few are ours, and an
// object is mostly what somebody else wants of it.
type slimmer struct{ provisioners []string }

// slim changes an object before it enters a cache.
func (s slimmer) slim(object any) (any, error) {
	if o, err := meta.Accessor(object); err == nil {
		o.SetManagedFields(nil)
	}
	switch o := object.(type) {
	case *v1.PersistentVolumeClaim:
		slimClaim(o)
	case *v1.PersistentVolume:
		s.slimVolume(o)
	}
	return object, nil
}

// slimClaim leaves what tells whether a claim waits for us, and who it is. What
// it asks for is read from the API server before anything is made of it.
func slimClaim(c *v1.PersistentVolumeClaim) {
	c.Labels, c.OwnerReferences, c.Finalizers = nil, nil, nil
	if c.Spec.VolumeName != "" {
		c.Annotations = nil
	}
	maps.DeleteFunc(c.Annotations, func(key, _ string) bool { return !slices.Contains(claimAnnotations, key) })
	c.Namespace = one(c.Namespace)
	c.Spec = v1.PersistentVolumeClaimSpec{
		VolumeName: c.Spec.VolumeName, StorageClassName: oneOf(c.Spec.StorageClassName), VolumeMode: oneOf(c.Spec.VolumeMode),
		DataSource: c.Spec.DataSource,
	}
	c.Status = v1.PersistentVolumeClaimStatus{Phase: one(c.Status.Phase)}
}

// slimVolume leaves volumes of ours whole. Of another volume on an NFS server it
// leaves where it is, whose and how large, for it may lie on a share of ours and
// overlap a directory, and of any other that it is there.
func (s slimmer) slimVolume(v *v1.PersistentVolume) {
	v.Spec.StorageClassName = one(v.Spec.StorageClassName)
	v.Status.Phase = one(v.Status.Phase)
	if slices.Contains(s.provisioners, v.Annotations[annProvisionedBy]) || slices.Contains(s.provisioners, v.Annotations[annMigratedTo]) {
		return
	}
	v.Labels, v.OwnerReferences, v.Finalizers = nil, nil, nil
	maps.DeleteFunc(v.Annotations, func(key, _ string) bool { return !strings.HasPrefix(key, provision.AnnotationPrefix) })
	if len(v.Annotations) == 0 {
		v.Annotations = nil
	}
	spec := v1.PersistentVolumeSpec{
		PersistentVolumeReclaimPolicy: one(v.Spec.PersistentVolumeReclaimPolicy),
		StorageClassName:              v.Spec.StorageClassName,
	}
	if v.Spec.NFS != nil {
		spec.NFS, spec.ClaimRef, spec.Capacity = v.Spec.NFS, v.Spec.ClaimRef, v.Spec.Capacity
	}
	v.Spec = spec
}

// one gives the one copy of a text that many objects share.
func one[T ~string](text T) T { return T(unique.Make(string(text)).Value()) }

// oneOf is one for a text that may be absent.
func oneOf[T ~string](text *T) *T {
	if text != nil {
		*text = one(*text)
	}
	return text
}
