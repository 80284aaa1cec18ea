package controller

import (
	"maps"
	"slices"
	"strings"
	"unique"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/nfs-provisioner/nfs-provisioner/internal/expand"
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

// claimAnnotations are what is read of a claim's.
var claimAnnotations = []string{annStorageProvisioner, annBetaStorageProvisioner, annSelectedNode, v1.BetaStorageClassAnnotation}

// slimmer drops what is never read of the objects in the caches. A cluster may
// have tens of thousands of claims and volumes of which few are ours, and an
// object is mostly what somebody else wants of it.
type slimmer struct{ provisioners []string }

// slim changes an object before it enters a cache. Of a claim or a volume that is
// no business of ours a stub stays, which has its name and its version: a cache
// forgets nothing that its watch has shown.
func (s slimmer) slim(object any) (any, error) {
	if o, ok := object.(runtime.Object); ok {
		object = s.glance(o)
	}
	switch o := object.(type) {
	case *v1.PersistentVolumeClaim:
		slimClaim(o)
	case *v1.PersistentVolume:
		if s.owns(o) {
			o.Spec.StorageClassName, o.Status.Phase = one(o.Spec.StorageClassName), one(o.Status.Phase)
		} else {
			slimVolume(o)
		}
	}
	return object, nil
}

// glance is what can be dropped at first sight, of what was looked at before, too.
func (s slimmer) glance(object runtime.Object) runtime.Object {
	if o, err := meta.Accessor(object); err == nil {
		o.SetManagedFields(nil)
	}
	switch o := object.(type) {
	case *v1.PersistentVolumeClaim:
		// A volume of ours may have been bound to a claim that somebody made for it.
		if !s.serves(o) && !expand.Wanted(o) {
			return stub(o)
		}
	case *v1.PersistentVolume:
		if !s.owns(o) && o.Spec.NFS == nil {
			return stub(o)
		}
	}
	return object
}

// stub is all that stays of an object that nobody reads.
func stub(o metav1.Object) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: one(o.GetNamespace()), Name: o.GetName(), ResourceVersion: o.GetResourceVersion(),
	}}
}

// serves says whether a claim's volume is for these provisioners to make.
// Kubernetes says so on the claim, once it is to be made, and leaves it there.
func (s slimmer) serves(c *v1.PersistentVolumeClaim) bool {
	provisioner, found := c.Annotations[annStorageProvisioner]
	if !found {
		provisioner = c.Annotations[annBetaStorageProvisioner]
	}
	return slices.Contains(s.provisioners, provisioner)
}

// owns says whether a volume is for these provisioners to delete.
func (s slimmer) owns(v *v1.PersistentVolume) bool {
	return slices.Contains(s.provisioners, v.Annotations[annProvisionedBy]) || slices.Contains(s.provisioners, v.Annotations[annMigratedTo])
}

// slimClaim leaves what tells whether a claim waits for us, and who it is. What
// it asks for is read from the API server before anything is made of it. Of one
// that is to be expanded it leaves how far that is.
func slimClaim(c *v1.PersistentVolumeClaim) {
	c.Labels, c.OwnerReferences, c.Finalizers = nil, nil, nil
	if c.Spec.VolumeName != "" {
		c.Annotations = nil
	}
	maps.DeleteFunc(c.Annotations, func(key, _ string) bool { return !slices.Contains(claimAnnotations, key) })
	c.Namespace = one(c.Namespace)
	resources, status := v1.VolumeResourceRequirements{}, v1.PersistentVolumeClaimStatus{Phase: one(c.Status.Phase)}
	if expand.Wanted(c) {
		resources, status = c.Spec.Resources, c.Status
	}
	c.Spec = v1.PersistentVolumeClaimSpec{
		VolumeName: c.Spec.VolumeName, StorageClassName: oneOf(c.Spec.StorageClassName), VolumeMode: oneOf(c.Spec.VolumeMode),
		DataSource: c.Spec.DataSource, Resources: resources,
	}
	c.Status = status
}

// slimVolume leaves where another's volume is, whose and how large, for it may lie
// on a share of ours and overlap a directory.
func slimVolume(v *v1.PersistentVolume) {
	v.Labels, v.OwnerReferences, v.Finalizers = nil, nil, nil
	maps.DeleteFunc(v.Annotations, func(key, _ string) bool { return !strings.HasPrefix(key, provision.AnnotationPrefix) })
	if len(v.Annotations) == 0 {
		v.Annotations = nil
	}
	v.Status.Phase = one(v.Status.Phase)
	v.Spec = v1.PersistentVolumeSpec{
		PersistentVolumeReclaimPolicy: one(v.Spec.PersistentVolumeReclaimPolicy),
		StorageClassName:              one(v.Spec.StorageClassName),
		PersistentVolumeSource:        v1.PersistentVolumeSource{NFS: v.Spec.NFS},
		ClaimRef:                      v.Spec.ClaimRef,
		Capacity:                      v.Spec.Capacity,
	}
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
