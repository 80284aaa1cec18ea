package controller

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/events"
	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// bound is a claim with its volume and a file in it.
func (s *system) bound(name string) {
	s.Helper()
	s.create(claimOf(name))
	s.awaitVolume("pvc-uid-" + name)
	s.bind()
	claim := s.liveClaim(name)
	claim.Status.Phase = v1.ClaimBound
	err := s.client.Tracker().Update(claimsOf, claim, "default")
	if err := errors.Join(err, os.WriteFile(filepath.Join(s.mount, "default", name, "file"), []byte("data"), 0o644)); err != nil {
		s.Fatal(err)
	}
}

func cloneOf(name, of string) *v1.PersistentVolumeClaim {
	claim := claimOf(name)
	claim.Spec.DataSource = &v1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: of}
	return claim
}

func TestACloneThatTakesLongGetsItsVolumeAtItsEnd(t *testing.T) {
	s := start(t)
	s.bound("a")
	for i := range 2000 { // so many that the first call does not see the end
		place := filepath.Join(s.mount, "default/a", fmt.Sprint(i%10))
		if err := errors.Join(os.MkdirAll(place, 0o755), os.WriteFile(filepath.Join(place, fmt.Sprint(i)), []byte("data"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	s.create(cloneOf("b", "a"))
	s.awaitVolume("pvc-uid-b")
	for _, name := range []string{"file", "9/1999"} {
		if content, err := os.ReadFile(filepath.Join(s.mount, "default/b", name)); err != nil || string(content) != "data" {
			t.Errorf("%s: %q (%v)", name, content, err)
		}
	}
	events, err := s.client.CoreV1().Events("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events.Items {
		if e.Type == v1.EventTypeWarning {
			t.Errorf("a warning: %s %s", e.Reason, e.Message)
		}
	}
}

func TestACloneThatWaitsForItsSourceIsMadeByItself(t *testing.T) {
	s := start(t, cloneOf("b", "a"))
	s.awaitEvent("default/a does not exist", "waits for it")
	s.bound("a")
	s.awaitVolume("pvc-uid-b")
	s.bind()
	s.settles("a", "b")
}

func TestAClaimForAPopulatorGetsAWordAndNoVolume(t *testing.T) {
	group := "example.org"
	claim := claimOf("a")
	claim.Spec.DataSourceRef = &v1.TypedObjectReference{APIGroup: &group, Kind: "Recipe", Name: "cake"}
	s := start(t, claim)
	s.awaitEvent(`Recipe "cake"`, "populator")
	if volumes := s.allVolumes(); len(volumes) > 0 {
		t.Errorf("it has a volume: %+v", volumes)
	}
}

// midway is a runner, with the clone of a claim that waits in the middle until
// goOn is closed.
func midway(t *testing.T) (r *runner, on *share.Share, claim *v1.PersistentVolumeClaim, goOn chan struct{}) {
	t.Helper()
	reached, goOn := make(chan struct{}), make(chan struct{})
	var asked atomic.Int64
	r, on = rounding(t, share.Options{Fence: func() error {
		if asked.Add(1) == 30 {
			close(reached)
			<-goOn
		}
		return nil
	}})
	r.events = events.New(r.main.CoreV1().Events(""))
	source := oldRecord(t, "pvc-uid-a", "a")
	makeOld(t, on, source)
	for i := range 50 {
		if err := os.Mkdir(filepath.Join(on.Mount, "a", fmt.Sprint(i)), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	r.gate.Clone = func(ctx context.Context, _ *v1.PersistentVolumeClaim, to *share.Share, copied share.Record) (share.Record, error) {
		return to.Clone(ctx, copied, on, share.Volume{Name: source.Volume, Cluster: source.Cluster, Directory: source.Directory})
	}
	claim = cloneOf("b", "a")
	if err := errors.Join(r.main.(*fake.Clientset).Tracker().Add(claim), r.caches.claims.GetStore().Add(claim)); err != nil {
		t.Fatal(err)
	}
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "gold"}, Parameters: map[string]string{"pathPattern": "${.PVC.name}"}}
	_, state, err := r.gate.Provision(t.Context(), lib.ProvisionOptions{StorageClass: class, PVC: claim, PVName: "pvc-uid-b"})
	var ignored *lib.IgnoredError
	if !errors.As(err, &ignored) || state != lib.ProvisioningFinished {
		t.Fatalf("state %s, %v", state, err)
	}
	<-reached
	return r, on, claim, goOn
}

func TestACloneWhoseClaimVanishesIsGivenUp(t *testing.T) {
	r, on, claim, goOn := midway(t)
	if err := errors.Join(r.main.(*fake.Clientset).Tracker().Delete(claimsOf, "default", "b"), r.caches.claims.GetStore().Delete(claim)); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	told := r.tend(t.Context(), on, map[string]tending{}, time.Now(), &pulse{})
	if r.tend(t.Context(), on, told, time.Now(), &pulse{}); len(on.Clones()) > 0 {
		t.Errorf("it is still known: %+v", on.Clones())
	}
	for _, path := range []string{"b", ".nfs-provisioner/records/b"} {
		if there(t, on, path) {
			t.Errorf("%s is there", path)
		}
	}
	if left, err := os.ReadDir(filepath.Join(on.Mount, ".nfs-provisioner/clones")); err != nil || len(left) > 0 {
		t.Errorf("copies are left: %v (%v)", left, err)
	}
}

func TestAClaimIsToldHowFarItsCopyIsLessAndLessOften(t *testing.T) {
	r, on, _, goOn := midway(t)
	began, told := on.Clones()[0].Began, map[string]tending{}
	var notes []time.Duration
	for after := time.Duration(0); after < 20*time.Minute; after += time.Second {
		told = r.tend(t.Context(), on, told, began.Add(after), &pulse{})
		now, err := r.main.CoreV1().PersistentVolumeClaims("default").Get(t.Context(), "b", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if now.Annotations[provision.AnnotationCloning] != "" {
			notes = append(notes, after)
			now.Annotations = nil // so that the same text is seen again
			if _, err := r.main.CoreV1().PersistentVolumeClaims("default").Update(t.Context(), now, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(notes) < 6 || len(notes) > 10 || notes[0] > 12*time.Second || notes[len(notes)-1] < 14*time.Minute {
		t.Errorf("told after %v", notes)
	}
	close(goOn)
}
