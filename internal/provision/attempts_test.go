package provision

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func TestAClaimThatRendersAnewLeavesNothingBehind(t *testing.T) {
	w := newWorld(t)
	class, claim := w.class("pathPattern", "${.PVC.annotations.dir}", "onDelete", "delete"), w.claim("a")
	claim.Annotations = map[string]string{"dir": "first"}
	if _, _, err := w.Provision(t.Context(), options(class, claim)); err != nil { // timed out, or crashed before the volume was saved
		t.Fatal(err)
	}
	claim.Annotations["dir"] = "second"
	volume := w.provision(class, claim)
	if err := w.Delete(t.Context(), volume); err != nil {
		t.Fatal(err)
	}
	w.expectNames("")
}

func TestAClaimThatIsBeingDeletedLeavesNothingBehind(t *testing.T) {
	for name, change := range map[string]func(*world){
		"being deleted":         func(w *world) { now := metav1.NewTime(time.Now()); w.claims["default/a"].DeletionTimestamp = &now },
		"bound to another one":  func(w *world) { w.claims["default/a"].Spec.VolumeName = "static-1" },
		"vanished, class wrong": func(w *world) { delete(w.claims, "default/a"); w.classes["gold"].Parameters["mode"] = "rwx" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			class, claim := w.class(), w.claim("a")
			cached := claim.DeepCopy()
			if _, _, err := w.Provision(t.Context(), options(class, claim)); err != nil { // timed out
				t.Fatal(err)
			}
			change(w)
			_, state, err := w.Provision(t.Context(), options(class, cached))
			var gone *lib.IgnoredError
			ignored := errors.As(err, &gone)
			if !ignored && state != lib.ProvisioningFinished {
				return // the library will ask again
			}
			w.expectNames("")
		})
	}
}

func TestARefusalBeforeTheShareIsAskedChangesNothingForTheLibrary(t *testing.T) {
	w := newWorld(t)
	_, state, err := w.Provision(t.Context(), options(w.class("mode", "rwx"), w.claim("a")))
	if err == nil || state != lib.ProvisioningNoChange {
		t.Errorf("state %s, %v; want %s", state, err, lib.ProvisioningNoChange)
	}
}

func TestNestedSharesNeverGiveOneDirectoryTwice(t *testing.T) {
	outer := t.TempDir()
	if err := os.Mkdir(filepath.Join(outer, "inner"), 0o777); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t,
		share.Location{Name: "outer", Server: "nas2", Path: "/data", Mount: outer},
		share.Location{Name: "inner", Server: "nas2", Path: "/data/inner", Mount: filepath.Join(outer, "inner")})
	first := w.provision(w.class("share", "inner", "pathPattern", "a"), w.claim("a"))
	second, _, err := w.Provision(t.Context(), options(w.class("share", "outer", "pathPattern", "inner/a", "allowExisting", "true"), w.claim("b")))
	if err == nil {
		t.Errorf("%s and %s are both at %s", first.Name, second.Name, second.Spec.NFS.Path)
	}
	third, _, err := w.Provision(t.Context(), options(w.class("share", "outer", "pathPattern", "inner/c"), w.claim("c")))
	if err == nil {
		if err := w.Delete(t.Context(), third); err != nil {
			t.Errorf("made, and cannot be deleted: %v", err)
		}
	}
	for _, pattern := range []string{"inner", "inner/.nfs-provisioner/trash"} {
		if v, _, err := w.Provision(t.Context(), options(w.class("share", "outer", "pathPattern", pattern, "allowExisting", "true", "onDelete", "delete"), w.claim("d"+pattern))); err == nil {
			t.Errorf("a claim was given %s, which holds the inner share's volumes or records", v.Spec.NFS.Path)
		}
	}
}

func TestSharingIsOfOneDirectoryNotOfThoseAboveOrBelow(t *testing.T) {
	w := newWorld(t)
	w.write(0, "adopted/file")
	w.static("pv-adopted", "/export/adopted")
	_, _, err := w.Provision(t.Context(), options(w.class("pathPattern", "adopted/inside", "allowShared", "true"), w.claim("a")))
	if !errors.Is(err, share.ErrOwned) {
		t.Errorf("made inside the directory of another volume: %v", err)
	}
	w.expectNames("adopted adopted/file")
}

func TestADirectoryWhoseVolumeIsGoneComesBackToTheSameClaim(t *testing.T) {
	w := newWorld(t)
	class := w.class("pathPattern", "${.PVC.name}")
	volume := w.provision(class, w.claim("a"))
	w.write(0, "a/file")
	delete(w.volumes, volume.Name)
	again := w.claim("a")
	again.UID = "uid-2"
	w.provision(class, again)
}
