package main

import (
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

var old = loops.Names{Claim: "sample", ClaimUID: "uid-1", Volume: "pvc-uid-1", VolumeUID: "uid-2"}

func someVolume() *v1.PersistentVolume {
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name: "pvc-uid-1", UID: "uid-2", ResourceVersion: "77",
			Annotations:   map[string]string{"directory": "space-sample-pvc-uid-1", annotationOfCluster: "yes"},
			Finalizers:    []string{loops.FinalizerOfCluster, "example.com/own"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "somebody"}},
		},
		Spec: v1.PersistentVolumeSpec{
			ClaimRef:               &v1.ObjectReference{Namespace: "space", Name: "sample", UID: "uid-1"},
			PersistentVolumeSource: v1.PersistentVolumeSource{NFS: &v1.NFSVolumeSource{Server: "nas", Path: "/export/space-sample-pvc-uid-1"}},
		},
		Status: v1.PersistentVolumeStatus{Phase: v1.VolumeBound},
	}
}

func decode(t *testing.T, s stored) runtime.Object {
	t.Helper()
	object, _, err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Decode([]byte(s.value), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func TestACopyDiffersInItsNamesAndItsPhaseAlone(t *testing.T) {
	made, err := newTemplate(someVolume(), old)
	if err != nil {
		t.Fatal(err)
	}
	s, err := made.storedVolume(loops.Names{Claim: "other", ClaimUID: "uid-8", Volume: "pvc-uid-8", VolumeUID: "uid-9"}, v1.VolumeReleased)
	if err != nil {
		t.Fatal(err)
	}
	v := decode(t, s).(*v1.PersistentVolume)
	if s.key != "/registry/persistentvolumes/pvc-uid-8" || v.Name != "pvc-uid-8" || v.UID != "uid-9" || v.ResourceVersion != "" || v.Status.Phase != v1.VolumeReleased ||
		v.Spec.NFS.Path != "/export/space-other-pvc-uid-8" || v.Annotations["directory"] != "space-other-pvc-uid-8" ||
		v.Spec.ClaimRef.UID != "uid-8" || v.Spec.ClaimRef.Name != "other" || len(v.ManagedFields) != 1 || len(v.Finalizers) != 2 {
		t.Errorf("got %s: %+v", s.key, v)
	}
}

func TestAClaimCanHaveAnotherClass(t *testing.T) {
	class := "a"
	made, err := newTemplate(&v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "space", Name: "sample", UID: "uid-1", Annotations: map[string]string{
			"volume.kubernetes.io/storage-provisioner": "a", "volume.beta.kubernetes.io/storage-provisioner": "a", "else": "a",
		}},
		Spec: v1.PersistentVolumeClaimSpec{StorageClassName: &class},
	}, old)
	if err != nil {
		t.Fatal(err)
	}
	s, err := made.storedClaim(loops.Names{Claim: "other", ClaimUID: "uid-8"}, "b")
	if err != nil {
		t.Fatal(err)
	}
	c := decode(t, s).(*v1.PersistentVolumeClaim)
	if s.key != "/registry/persistentvolumeclaims/space/other" || *c.Spec.StorageClassName != "b" || c.Annotations["volume.kubernetes.io/storage-provisioner"] != "b" ||
		c.Annotations["volume.beta.kubernetes.io/storage-provisioner"] != "b" || c.Annotations["else"] != "a" {
		t.Errorf("got %s: %+v", s.key, c)
	}
}

func TestAVolumeAsSentHasNothingOfTheCluster(t *testing.T) {
	v := asSent(someVolume())
	if v.UID != "" || v.ResourceVersion != "" || v.ManagedFields != nil || v.Status.Phase != "" || v.Annotations[annotationOfCluster] != "" ||
		!slices.Equal(v.Finalizers, []string{"example.com/own"}) || v.Annotations["directory"] == "" || v.Spec.NFS == nil {
		t.Errorf("got %+v", v)
	}
}

func TestNoNameIsGivenTwiceAndAllOfABatchAreFound(t *testing.T) {
	const many = 100000
	n, given := newNumbering(), map[string]bool{}
	keys := prefixes("space", filling)
	for i, name := range n.some(filling, many) {
		if given[name.ClaimUID] || given[name.VolumeUID] {
			t.Fatalf("%v is given twice", name)
		}
		given[name.ClaimUID], given[name.VolumeUID] = true, true
		if i == 0 && (!strings.HasPrefix(claimKeys+"space/"+name.Claim, keys[0]) || !strings.HasPrefix(volumeKeys+name.Volume, keys[1])) {
			t.Errorf("%v is not below %q", name, keys)
		}
	}
	other := n.next(passing)
	if strings.HasPrefix(volumeKeys+other.Volume, keys[1]) || len(other.ClaimUID) != len("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") {
		t.Errorf("%v is below %q", other, keys)
	}
}
