package controller

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func storage(size string) v1.ResourceList {
	return v1.ResourceList{v1.ResourceStorage: resource.MustParse(size)}
}

// boundTo is a claim and a volume of 1Gi that are bound to each other.
func boundTo(name, provisioner string) (*v1.PersistentVolumeClaim, *v1.PersistentVolume) {
	claim := claimOf(name)
	claim.Spec.VolumeName = "pv-" + name
	claim.Status = v1.PersistentVolumeClaimStatus{Phase: v1.ClaimBound, Capacity: storage("1Gi")}
	volume := sized(nfsVolume("pv-"+name, "nas", "/export/"+name), "1Gi")
	volume.Annotations = map[string]string{annProvisionedBy: provisioner}
	volume.Spec.ClaimRef = &v1.ObjectReference{Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID}
	volume.Spec.StorageClassName = "gold"
	volume.Status.Phase = v1.VolumeBound
	return claim, volume
}

func newClass(name string, parameters map[string]string) *storagev1.StorageClass {
	return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: valid().Provisioner, Parameters: parameters}
}

func (s *system) awaitCapacity(name, size string) *v1.PersistentVolumeClaim {
	s.Helper()
	claims := s.client.CoreV1().PersistentVolumeClaims("default")
	return await(s, claims.Watch, func() []*v1.PersistentVolumeClaim {
		claim, err := claims.Get(s.Context(), name, metav1.GetOptions{})
		if err != nil {
			s.Fatal(err)
		}
		return []*v1.PersistentVolumeClaim{claim}
	}, size+" for claim "+name, func(c *v1.PersistentVolumeClaim) bool {
		return c.Name == name && apiequality.Semantic.DeepEqual(c.Status.Capacity, storage(size))
	})
}

func TestClaimsOfOursAndOfAnOlderInstallGrow(t *testing.T) {
	ours, ourVolume := boundTo("ours", valid().Provisioner)
	older, olderVolume := boundTo("older", olderName)
	other, otherVolume := boundTo("other", "example.com/other")
	s := start(t, ours, ourVolume, older, olderVolume, other, otherVolume)
	for _, claim := range []*v1.PersistentVolumeClaim{other, ours, older} {
		claim.Spec.Resources.Requests = storage("10Gi")
		if _, err := s.client.CoreV1().PersistentVolumeClaims("default").Update(t.Context(), claim, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"ours", "older"} {
		claim := s.awaitCapacity(name, "10Gi")
		volume, err := s.volume("pv-" + name)
		if err != nil || !apiequality.Semantic.DeepEqual(volume.Spec.Capacity, storage("10Gi")) {
			t.Errorf("the volume of %s has %v, %v", name, volume.Spec.Capacity, err)
		}
		if len(claim.Status.Conditions) > 0 || len(claim.Status.AllocatedResourceStatuses) > 0 {
			t.Errorf("the status of %s is %+v", name, claim.Status)
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if now := s.liveClaim("other"); !apiequality.Semantic.DeepEqual(now.Status, other.Status) {
		t.Errorf("the claim of another provisioner is %+v", now.Status)
	}
	if volume, err := s.volume("pv-other"); err != nil || !apiequality.Semantic.DeepEqual(volume.Spec.Capacity, storage("1Gi")) {
		t.Errorf("the volume of another provisioner: %v, %v", volume, err)
	}
}

func TestAClaimThatAsksForMoreThanCanBeIsToldWhyAndIsBoundNoLarger(t *testing.T) {
	claim, volume := boundTo("data", valid().Provisioner)
	claim.Spec.Resources.Requests = storage("7Ei")
	s := start(t, claim, volume)
	s.awaitEvent("7Ei", "larger than all of share", "ask for less")
	if now, err := s.volume("pv-data"); err != nil || !apiequality.Semantic.DeepEqual(now.Spec.Capacity, storage("1Gi")) {
		t.Errorf("%v, %v", now, err)
	}
}

func TestWhatVolumesPromiseIsKnownBeforeAClaimIsServed(t *testing.T) {
	claim := claimOf("data")
	claim.Spec.StorageClassName = new("bounded")
	s := start(t, claim, newClass("bounded", map[string]string{"overcommitRatio": "1"}),
		sized(nfsVolume("by-hand", "nas", "/export/elsewhere"), "7Ei"), sized(nfsVolume("another", "nas", "/export/too"), "7Ei"))
	s.awaitEvent("overcommitRatio 1", "14Ei", "1Gi")
}

func TestAVolumeOfSomebodyElseIsNoneOfOursAndOneThatIsNotThereMayCome(t *testing.T) {
	_, ours := boundTo("ours", valid().Provisioner)
	_, other := boundTo("other", "example.com/other")
	r := &runner{Config: valid(), caches: cachesOf(t, ours, other)}
	if err := r.caches.volumes.GetStore().Add(stub(&v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv-stub"}})); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ is, there bool }{
		"pv-ours": {true, true}, "pv-other": {false, true}, "pv-stub": {false, true}, "pv-gone": {false, false},
	} {
		if volume, there := r.ownVolume(name); (volume != nil) != want.is || there != want.there {
			t.Errorf("%s: %v, %v", name, volume, there)
		}
	}
}

func TestTheRatioOfAClassThatIsGoneIsNotNone(t *testing.T) {
	r := &runner{Config: valid(), caches: cachesOf(t)}
	for name, parameters := range map[string]map[string]string{
		"free": nil, "bounded": {"overcommitRatio": "1.5"}, "malformed": {"overcommitRatio": "lots"},
	} {
		if err := r.caches.classes.GetStore().Add(newClass(name, parameters)); err != nil {
			t.Fatal(err)
		}
	}
	if ratio, err := r.overcommitRatio("free"); ratio != nil || err != nil {
		t.Errorf("%v, %v", ratio, err)
	}
	if ratio, err := r.overcommitRatio("bounded"); err != nil || ratio.String() != "1.5" {
		t.Errorf("%v, %v", ratio, err)
	}
	if ratio, err := r.overcommitRatio("gone"); !apierrors.IsNotFound(err) {
		t.Errorf("%v, %v", ratio, err)
	}
	_, err := r.overcommitRatio("malformed")
	expectWords(t, err, `class "malformed"`, "overcommitRatio", `"lots"`)
}
