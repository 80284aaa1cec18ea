package controller

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/client-go/tools/cache"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
)

// full is the metadata of an object that has everything.
func full(name string, annotations map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: name, UID: "uid-1", ResourceVersion: "7", Labels: map[string]string{"app": "db"}, Annotations: annotations,
		Finalizers: []string{"somebody/protects"}, OwnerReferences: []metav1.OwnerReference{{Name: "owner"}},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "somebody"}},
	}
}

func TestWhatStaysOfAVolumeInTheCache(t *testing.T) {
	whole := func(source v1.PersistentVolumeSource, annotations map[string]string) *v1.PersistentVolume {
		return &v1.PersistentVolume{
			ObjectMeta: full("pv-1", annotations),
			Spec: v1.PersistentVolumeSpec{
				PersistentVolumeSource: source, StorageClassName: "gold", MountOptions: []string{"nconnect=4"},
				Capacity:                      v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")},
				ClaimRef:                      &v1.ObjectReference{Namespace: "team", Name: "data"},
				PersistentVolumeReclaimPolicy: v1.PersistentVolumeReclaimDelete,
			},
			Status: v1.PersistentVolumeStatus{Phase: v1.VolumeReleased},
		}
	}
	nfs := v1.PersistentVolumeSource{NFS: &v1.NFSVolumeSource{Server: "nas", Path: "/export/a"}}
	csi := v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{Driver: "csi.example.com"}}
	ours := map[string]string{annProvisionedBy: valid().Provisioner, provision.AnnotationDirectory: "a"}
	older := map[string]string{annProvisionedBy: "older"}
	migrated := map[string]string{annProvisionedBy: "intree", annMigratedTo: "older"}

	for name, c := range map[string]struct {
		volume *v1.PersistentVolume
		change func(*v1.PersistentVolume) // from whole to what stays; nil: a stub
	}{
		"ours":                {whole(nfs, ours), func(v *v1.PersistentVolume) { v.ManagedFields = nil }},
		"an older install's":  {whole(nfs, older), func(v *v1.PersistentVolume) { v.ManagedFields = nil }},
		"migrated to us":      {whole(csi, migrated), func(v *v1.PersistentVolume) { v.ManagedFields = nil }},
		"another's on NFS":    {whole(nfs, map[string]string{annProvisionedBy: "other"}), func(v *v1.PersistentVolume) { stripped(v) }},
		"by hand on NFS":      {whole(nfs, nil), func(v *v1.PersistentVolume) { stripped(v) }},
		"another's elsewhere": {whole(csi, nil), nil},
		"another's with a directory of ours": {
			whole(nfs, map[string]string{annProvisionedBy: "other", provision.AnnotationDirectory: "a"}),
			func(v *v1.PersistentVolume) {
				stripped(v)
				v.Annotations = map[string]string{provision.AnnotationDirectory: "a"}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var want runtime.Object = &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "pv-1", ResourceVersion: "7"}}
			if c.change != nil {
				volume := c.volume.DeepCopy()
				c.change(volume)
				want = volume
			}
			got, err := slimmer{[]string{valid().Provisioner, "older"}}.slim(c.volume)
			if err != nil || !apiequality.Semantic.DeepEqual(got, want) {
				t.Errorf("got %v and\n%s", err, diff.Diff(want, got))
			}
		})
	}
}

func stripped(v *v1.PersistentVolume) {
	v.ObjectMeta = metav1.ObjectMeta{Name: v.Name, UID: v.UID, ResourceVersion: v.ResourceVersion}
	v.Spec.MountOptions = nil
}

func TestWhatStaysOfAClaimInTheCache(t *testing.T) {
	class, mode := "gold", v1.PersistentVolumeBlock
	whole := func(provisioner, volume string) *v1.PersistentVolumeClaim {
		c := &v1.PersistentVolumeClaim{
			ObjectMeta: full("data", map[string]string{
				annStorageProvisioner: provisioner, annBetaStorageProvisioner: "p", annSelectedNode: "node-1",
				v1.BetaStorageClassAnnotation: "old", "example.org/long": "text",
			}),
			Spec: v1.PersistentVolumeClaimSpec{
				VolumeName: volume, StorageClassName: &class, VolumeMode: &mode,
				DataSource:  &v1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: "yesterday"},
				AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteMany},
				Selector:    &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "fast"}},
			},
			Status: v1.PersistentVolumeClaimStatus{Phase: v1.ClaimPending, Conditions: []v1.PersistentVolumeClaimCondition{{Message: "long"}}},
		}
		c.Namespace = "team"
		return c
	}
	left := func(c *v1.PersistentVolumeClaim) {
		annotations := c.Annotations
		delete(annotations, "example.org/long")
		c.ObjectMeta = metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name, UID: c.UID, ResourceVersion: c.ResourceVersion, Annotations: annotations}
		c.Spec.AccessModes, c.Spec.Selector, c.Status.Conditions = nil, nil, nil
	}
	older := whole("", "")
	delete(older.Annotations, annStorageProvisioner)
	sized := func(by, asks, has string) *v1.PersistentVolumeClaim {
		c := whole(by, "pv-1")
		c.Spec.Resources.Requests = v1.ResourceList{v1.ResourceStorage: resource.MustParse(asks)}
		c.Status.Phase, c.Status.Capacity = v1.ClaimBound, v1.ResourceList{v1.ResourceStorage: resource.MustParse(has)}
		return c
	}
	grows, large := sized("p", "10Gi", "1Gi"), sized("p", "1Gi", "1024Mi")
	byHand := sized("other", "10Gi", "1Gi")
	growing := func(c *v1.PersistentVolumeClaim) {
		resources, status := c.Spec.Resources, c.Status
		left(c)
		c.Annotations, c.Spec.Resources, c.Status = nil, resources, status
	}
	for name, c := range map[string]struct {
		claim  *v1.PersistentVolumeClaim
		change func(*v1.PersistentVolumeClaim) // nil: a stub
	}{
		"one that waits for us":                               {whole("p", ""), left},
		"one that waits for us in an older cluster":           {older, left},
		"one that has its volume of us":                       {whole("p", "pv-1"), func(c *v1.PersistentVolumeClaim) { left(c); c.Annotations = nil }},
		"one that waits for another":                          {whole("other", ""), nil},
		"one that has its volume of another":                  {whole("other", "pv-1"), nil},
		"one that is to grow":                                 {grows, growing},
		"one that is to grow, whoever was to make its volume": {byHand, growing},
		"one that is large enough": {large, func(c *v1.PersistentVolumeClaim) {
			left(c)
			c.Annotations, c.Spec.Resources.Requests, c.Status = nil, nil, v1.PersistentVolumeClaimStatus{Phase: v1.ClaimBound}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var want runtime.Object = &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "data", ResourceVersion: "7"}}
			if c.change != nil {
				claim := c.claim.DeepCopy()
				c.change(claim)
				want = claim
			}
			got, err := slimmer{[]string{"p"}}.slim(c.claim)
			if err != nil || !apiequality.Semantic.DeepEqual(got, want) {
				t.Errorf("got %v and\n%s", err, diff.Diff(want, got))
			}
		})
	}
}

func TestADeletionThatWasMissedStaysAsItIs(t *testing.T) {
	// It comes without the object's own type.
	missed := cache.DeletedFinalStateUnknown{Key: "pv-1"}
	if got, err := (slimmer{}).slim(missed); err != nil || got != missed {
		t.Errorf("got %v, %v", got, err)
	}
}
