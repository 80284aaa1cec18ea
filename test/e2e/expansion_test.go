//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// atOnce is how long an expansion may take on a machine that is busy. On one
// that is not it takes a fraction of a second.
const atOnce = 5 * time.Second

func storage(size string) v1.ResourceList {
	return v1.ResourceList{v1.ResourceStorage: resource.MustParse(size)}
}

// growing is a class whose claims may grow.
func growing(name string, e export, parameters map[string]string) *storagev1.StorageClass {
	c := class(name, e, merge(map[string]string{"onDelete": "delete"}, parameters))
	yes := true
	c.AllowVolumeExpansion = &yes
	return c
}

// resize edits a claim to ask for another size.
func (s *scene) resize(name, size string) {
	s.Helper()
	patch := fmt.Sprintf(`{"spec":{"resources":{"requests":{"storage":%q}}}}`, size)
	_, err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Patch(s.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		s.Fatal(err)
	}
}

// resized edits a claim and watches it until it is as wanted. It returns what
// was seen of its status, in order.
func (s *scene) resized(name, size string, wanted func(v1.PersistentVolumeClaimStatus) bool) (seen []v1.PersistentVolumeClaimStatus, took time.Duration) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	watch, err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: "metadata.name=" + name, ResourceVersion: s.claim(name).ResourceVersion,
	})
	if err != nil {
		s.Fatal(err)
	}
	defer watch.Stop()
	began := time.Now()
	s.resize(name, size)
	for event := range watch.ResultChan() {
		c, ok := event.Object.(*v1.PersistentVolumeClaim)
		if !ok {
			continue
		}
		seen = append(seen, c.Status)
		if wanted(c.Status) {
			return seen, time.Since(began)
		}
	}
	s.Fatalf("claim %s never became what it should; seen: %+v", name, seen)
	return nil, 0
}

// grown edits a claim to a size that it gets, and checks all of its status on
// the way.
func (s *scene) grown(name, size string) {
	s.Helper()
	before := s.claim(name).Status.Capacity
	seen, took := s.resized(name, size, func(now v1.PersistentVolumeClaimStatus) bool {
		return apiequality.Semantic.DeepEqual(now.Capacity, storage(size))
	})
	volume := s.volume(s.claim(name).Spec.VolumeName)
	s.Logf("claim %s had %s after %v", name, size, took.Round(time.Millisecond))
	if took > atOnce {
		s.Errorf("it took %v", took)
	}
	if got := volume.Spec.Capacity; !apiequality.Semantic.DeepEqual(got, storage(size)) {
		s.Errorf("the volume has %v when its claim says %s", got, size)
	}
	begun := false
	for i, now := range seen {
		switch conditions := kinds(now); {
		case i == len(seen)-1:
			s.expectStatus(now, v1.PersistentVolumeClaimStatus{Capacity: storage(size), AllocatedResources: storage(size)})
		case now.AllocatedResourceStatuses[v1.ResourceStorage] == v1.PersistentVolumeClaimControllerResizeInProgress:
			begun = true
			s.expectStatus(now, v1.PersistentVolumeClaimStatus{
				Capacity: before, AllocatedResources: storage(size), AllocatedResourceStatuses: now.AllocatedResourceStatuses,
				Conditions: []v1.PersistentVolumeClaimCondition{{Type: v1.PersistentVolumeClaimResizing, Status: v1.ConditionTrue}},
			})
		case strings.Contains(conditions, string(v1.PersistentVolumeClaimFileSystemResizePending)):
			s.Errorf("the claim waits for a node: %s", conditions)
		}
	}
	if !begun {
		s.Errorf("the claim was never told that it grows: %+v", seen)
	}
	// Of the news of a claim the last one stands: that its expansion began is soon outdone.
	s.expectEvent(name, s.namespace, "Resize volume succeeded")
}

// unused is the condition by which Kubernetes itself tells whether a pod uses a
// claim.
const unused = "Unused"

// kinds are the conditions of a claim, without the one that tells of its pods.
func kinds(status v1.PersistentVolumeClaimStatus) string {
	var all []string
	for _, c := range status.Conditions {
		if c.Type == unused {
			continue
		}
		all = append(all, string(c.Type)+"="+string(c.Status))
	}
	return strings.Join(all, " ")
}

// expectStatus compares all that expansions change of a status.
func (s *scene) expectStatus(got, want v1.PersistentVolumeClaimStatus) {
	s.Helper()
	for what, ok := range map[string]bool{
		"capacity":                  apiequality.Semantic.DeepEqual(got.Capacity, want.Capacity),
		"allocatedResources":        apiequality.Semantic.DeepEqual(got.AllocatedResources, want.AllocatedResources),
		"allocatedResourceStatuses": apiequality.Semantic.DeepEqual(got.AllocatedResourceStatuses, want.AllocatedResourceStatuses),
		"conditions":                kinds(got) == kinds(want),
	} {
		if !ok {
			s.Errorf("%s of the status: got %+v, want %+v", what, got, want)
		}
	}
}

func TestAClaimOfTheChartsClassGrowsWhileAPodUsesIt(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.makeClaim(claim("data", defaultClass))
	s.start(pod("user", "while true; do date >> /data/log; sleep 1; done", "data"))
	s.ready("user")
	pv := s.bound("data")
	s.grown("data", "5Gi")
	s.grown("data", "7Gi")

	lines := func() int {
		n, err := strconv.Atoi(s.in("user", "wc -l < /data/log"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := lines()
	s.eventually("the pod goes on writing", func(context.Context) (bool, string, error) { n := lines(); return n > before, strconv.Itoa(n), nil })
	if user := s.ready("user"); user.Status.ContainerStatuses[0].RestartCount != 0 {
		t.Error("the pod was restarted")
	}
	record := inspectorRoot + "/.nfs-provisioner/records" + strings.TrimPrefix(directory(under.squashed(), pv), inspectorRoot)
	if got := s.look(under.squashed(), "tail -n 1 "+record); !strings.Contains(got, `"capacity":"7Gi"`) {
		t.Errorf("the record says %s", got)
	}
	s.deletePod("user")
	s.deleteClaim("data")
}

func TestASizeThatNoShareHasIsRefusedAndTheClaimGoesBack(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	k := growing(s.unique("growing"), under.plain(), nil)
	s.makeClass(k)
	c := claim("data", k.Name)
	c.Spec.Resources.Requests = storage("10Mi")
	s.makeClaim(c)
	pv := s.bound("data")
	s.refused("data", "7Ei", "10Mi", "larger than all of share", under.plain().share, "7Ei")
	s.grown("data", "20Mi")
	if got := s.volume(pv.Name).Spec.Capacity; !apiequality.Semantic.DeepEqual(got, storage("20Mi")) {
		t.Errorf("the volume has %v", got)
	}
	s.deleteClaim("data")
}

// refused edits a claim to a size that it does not get.
func (s *scene) refused(name, size, has string, words ...string) {
	s.Helper()
	seen, _ := s.resized(name, size, func(now v1.PersistentVolumeClaimStatus) bool {
		return now.AllocatedResourceStatuses[v1.ResourceStorage] == v1.PersistentVolumeClaimControllerResizeInfeasible
	})
	last := seen[len(seen)-1]
	s.expectStatus(last, v1.PersistentVolumeClaimStatus{
		Capacity: storage(has), AllocatedResources: storage(size),
		AllocatedResourceStatuses: map[v1.ResourceName]v1.ClaimResourceStatus{v1.ResourceStorage: v1.PersistentVolumeClaimControllerResizeInfeasible},
		Conditions: []v1.PersistentVolumeClaimCondition{
			{Type: v1.PersistentVolumeClaimResizing, Status: v1.ConditionTrue}, {Type: v1.PersistentVolumeClaimControllerResizeError, Status: v1.ConditionTrue},
		},
	})
	s.expectEvent(name, s.namespace, words...)
	if got := s.volume(s.claim(name).Spec.VolumeName).Spec.Capacity; !apiequality.Semantic.DeepEqual(got, storage(has)) {
		s.Errorf("the volume has %v", got)
	}
}

func TestASizeOverTheRatioIsRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	k := growing(s.unique("bounded"), under.plain(), nil)
	s.makeClass(k)
	c := claim("data", k.Name)
	c.Spec.Resources.Requests = storage("10Mi")
	s.makeClaim(c)
	s.bound("data")
	s.dropClass(k.Name)
	s.makeClass(growing(k.Name, under.plain(), map[string]string{"overcommitRatio": "0.000001"}))
	// The release learns of the class and of the claim by different watches.
	c = claim("probe", k.Name)
	s.makeClaim(c)
	s.expectEvent("probe", s.namespace, "overcommitRatio 0.000001")
	s.refused("data", "11Mi", "10Mi", "11Mi", "at most", "overcommitRatio 0.000001")
	s.deleteClaim("data")
}

func TestOfTwoClaimsForTheLastRoomOneGetsIt(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.plain()
	const ratio, percent = 1000, 60 // what other tests have on the share is little beside it
	var blocks, size int64
	if _, err := fmt.Sscan(s.look(on, "stat -f -c '%b %S' "+inspectorRoot), &blocks, &size); err != nil {
		t.Fatal(err)
	}
	k := growing(s.unique("bounded"), on, map[string]string{"overcommitRatio": strconv.Itoa(ratio)})
	s.makeClass(k)
	names := []string{"one", "two"}
	for _, name := range names {
		c := claim(name, k.Name)
		c.Spec.Resources.Requests = storage(strconv.FormatInt(blocks*size*ratio*percent/100, 10))
		s.makeClaim(c)
	}
	var bound, waits string
	s.eventually("one of two claims Bound", func(ctx context.Context) (bool, string, error) {
		all, err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, "", err
		}
		bound, waits = "", ""
		for _, c := range all.Items {
			if c.Status.Phase == v1.ClaimBound {
				bound += c.Name
			} else {
				waits += c.Name
			}
		}
		return bound != "", bound, nil
	})
	s.expectEvent(waits, s.namespace, "overcommitRatio 1000", "ask for less")
	if waits == "" || s.claim(waits).Status.Phase != v1.ClaimPending {
		t.Fatalf("both have got the last room: %s", bound)
	}
	s.deleteClaim(bound)
	s.bound(waits)
	s.deleteClaim(waits)
}

func TestAnAdoptedVolumeGrows(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.plain()
	k := growing(s.unique("adopted"), on, nil)
	k.Provisioner = older
	delete(k.Parameters, "share")
	s.makeClass(k)
	place := s.namespace + "-data"
	s.look(on, "mkdir -m 0777 "+inspectorRoot+"/"+place)
	modes := []v1.PersistentVolumeAccessMode{v1.ReadWriteMany}
	pv := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name: s.unique("adopted"), Labels: map[string]string{label: "true"},
			Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": older},
		},
		Spec: v1.PersistentVolumeSpec{
			Capacity: storage("1Gi"), AccessModes: modes, StorageClassName: k.Name,
			PersistentVolumeReclaimPolicy: v1.PersistentVolumeReclaimDelete,
			PersistentVolumeSource:        v1.PersistentVolumeSource{NFS: &v1.NFSVolumeSource{Server: on.server, Path: path.Join(on.path, place)}},
		},
	}
	if _, err := under.client.CoreV1().PersistentVolumes().Create(t.Context(), pv, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c := claim("data", k.Name, modes...)
	c.Spec.VolumeName = pv.Name
	s.makeClaim(c)
	s.bound("data")
	s.grown("data", "3Gi")
	if got := s.look(on, "ls "+inspectorRoot+"/.nfs-provisioner/records"); strings.Contains(got, place) {
		t.Errorf("the directory has a record now: %s", got)
	}
	s.deleteClaim("data")
	s.eventuallyGone(on, inspectorRoot+"/"+place)
}
