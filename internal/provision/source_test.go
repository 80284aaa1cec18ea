package provision

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	v1 "k8s.io/api/core/v1"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func TestAClaimForAPopulatorIsLeftToIt(t *testing.T) {
	group := "example.org"
	for name, ask := range map[string]func(*v1.PersistentVolumeClaimSpec){
		"by reference": func(s *v1.PersistentVolumeClaimSpec) {
			s.DataSourceRef = &v1.TypedObjectReference{APIGroup: &group, Kind: "Recipe", Name: "cake"}
		},
		"a claim of another group": func(s *v1.PersistentVolumeClaimSpec) {
			s.DataSourceRef = &v1.TypedObjectReference{APIGroup: &group, Kind: "PersistentVolumeClaim", Name: "cake"}
		},
		"without a group": func(s *v1.PersistentVolumeClaimSpec) {
			s.DataSource = &v1.TypedLocalObjectReference{Kind: "Recipe", Name: "cake"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			claim := w.claim("a")
			ask(&claim.Spec)
			err := w.refusal(w.class(), claim, "populator")
			var ignored *lib.IgnoredError
			if !errors.As(err, &ignored) {
				t.Errorf("it counts as a failure: %v", err)
			}
			if len(w.told) != 1 || !strings.Contains(w.told[0], `"cake"`) || !strings.Contains(w.told[0], "populator") {
				t.Errorf("told: %q", w.told)
			}
		})
	}
}

// clone is a claim that is to be a copy of another one.
func (w *world) clone(name, of string) *v1.PersistentVolumeClaim {
	claim := w.claim(name)
	claim.Spec.DataSource = &v1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: of}
	claim.Spec.DataSourceRef = &v1.TypedObjectReference{Kind: "PersistentVolumeClaim", Name: of}
	return claim
}

func TestACloneHasNoVolumeUntilItsCopyIsWhole(t *testing.T) {
	w := newWorld(t)
	class, claim := w.class("pathPattern", "b"), w.clone("b", "a")
	outcome := fmt.Errorf("share: %w", share.ErrCloning)
	w.cloner = func(_ *share.Share, r share.Record) (share.Record, error) { return r, outcome }
	var ignored *lib.IgnoredError
	if err := w.refusal(class, claim, "goes on in the background"); !errors.As(err, &ignored) {
		t.Errorf("it would be tried again all the time: %v", err)
	}
	outcome = nil
	if volume := w.provision(class, claim); volume.Spec.NFS.Path != "/export/b" {
		t.Errorf("the volume is at %+v", volume.Spec.NFS)
	}
}

func TestACloneThatFailsIsNotForgottenIfItsClaimVanishes(t *testing.T) {
	w := newWorld(t)
	class, claim := w.class("pathPattern", "b"), w.clone("b", "a")
	w.cloner = func(_ *share.Share, _ share.Record) (share.Record, error) { return share.Record{}, syscall.ENOSPC }
	_, state, err := w.Provision(t.Context(), options(class, claim))
	if !errors.Is(err, syscall.ENOSPC) || state != lib.ProvisioningInBackground {
		t.Errorf("state %s, %v", state, err)
	}
	if _, underWay := w.attempts.find("pvc-uid-b"); !underWay {
		t.Error("it is not under way any more")
	}
	for _, vanished := range []bool{false, true} {
		if vanished {
			delete(w.claims, "default/b")
		}
		if err := w.Forgo(t.Context(), "pvc-uid-b", share.Claim{Namespace: "default", Name: "b", UID: "uid-b"}); err != nil {
			t.Fatal(err)
		}
		if _, underWay := w.attempts.find("pvc-uid-b"); underWay == vanished {
			t.Errorf("under way: %v, with the claim gone: %v", underWay, vanished)
		}
	}
}

func TestACloneDoesNotShareItsDirectory(t *testing.T) {
	w := newWorld(t)
	w.refused(w.class("allowShared", "true"), w.clone("b", "a"), "allowShared", "directory of its own")
}

func TestWhatAnEarlierClaimOfTheNameLeftIsNoClone(t *testing.T) {
	w := newWorld(t)
	class := w.class("pathPattern", "${.PVC.name}", "onDelete", "retain")
	before := w.provision(class, w.claim("b"))
	w.write(0, "b/file")
	delete(w.volumes, before.Name)
	claim := w.clone("b", "a")
	claim.UID = "uid-of-the-next"
	w.cloner = func(on *share.Share, r share.Record) (share.Record, error) {
		now, err := on.Find(t.Context(), r.Directory)
		if err != nil {
			t.Fatal(err)
		}
		return share.Record{}, &share.OwnedError{Directory: "b", Owned: "b", Owner: now.Record}
	}
	w.refused(class, claim, "belongs to volume", before.Name)
	if _, err := os.Stat(filepath.Join(w.mount(0), "b/file")); err != nil {
		t.Error(err)
	}
}
