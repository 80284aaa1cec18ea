package provision

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func TestProvisionMakesTheDirectoryAndNamesItInTheVolume(t *testing.T) {
	w := newWorld(t)
	volume := w.provision(w.class("pathPattern", "${.PVC.namespace}/${.PVC.name}", "mode", "2770"), w.claim("a"))
	w.expectNames("default default/a")
	info, err := os.Stat(filepath.Join(w.mount(0), "default/a"))
	if err != nil || info.Mode() != fs.ModeDir|fs.ModeSetgid|0o770 {
		t.Errorf("mode is %v (%v)", info.Mode(), err)
	}
	if volume.Name != "pvc-uid-a" {
		t.Errorf("the volume's name is %q", volume.Name)
	}
	if nfs := volume.Spec.NFS; nfs == nil || nfs.Server != "nas" || nfs.Path != "/export/default/a" || nfs.ReadOnly {
		t.Errorf("the volume is at %+v", volume.Spec.PersistentVolumeSource)
	}
	want := map[string]string{AnnotationShare: "first", AnnotationDirectory: "default/a", AnnotationOnDelete: "archive"}
	if !reflect.DeepEqual(volume.Annotations, want) {
		t.Errorf("annotations are %v, want %v", volume.Annotations, want)
	}
}

func TestProvisionGivesTheDefaultDirectoryOfTheOlderProvisioner(t *testing.T) {
	w := newWorld(t)
	w.provision(w.class(), w.claim("a"))
	w.expectNames("default-a-pvc-uid-a")
}

func TestProvisionTakesTheShareThatTheClassNames(t *testing.T) {
	w := newWorld(t, share.Location{Name: "second", Server: "nas2", Path: "/"})
	volume := w.provision(w.class("share", "second", "pathPattern", "a"), w.claim("a"))
	if nfs := volume.Spec.NFS; nfs.Server != "nas2" || nfs.Path != "/a" || volume.Annotations[AnnotationShare] != "second" {
		t.Errorf("the volume is at %+v, annotated %v", nfs, volume.Annotations)
	}
	w.expectNames("")
	if got := w.names(1); got != "a" {
		t.Errorf("on the second share is %q", got)
	}
	w.refused(w.class("share", "third"), w.claim("b"), "gold", "share", `"third"`, "first, second")
}

func TestTheCapacityIsWhatTheUserWrote(t *testing.T) {
	for _, size := range []string{"1", "1000M", "1Gi", "1024Mi", "1.5Gi", "500m", "50000Gi"} {
		w := newWorld(t)
		claim := w.claim("a")
		claim.Spec.Resources.Requests[v1.ResourceStorage] = resource.MustParse(size)
		volume := w.provision(w.class(), claim)
		wrote, got := claim.Spec.Resources.Requests[v1.ResourceStorage], volume.Spec.Capacity[v1.ResourceStorage]
		if got.Cmp(wrote) != 0 || got.Format != wrote.Format || len(volume.Spec.Capacity) != 1 {
			t.Errorf("claim of %s has a volume of %v", size, volume.Spec.Capacity)
		}
	}
}

func TestTheVolumeHasTheAccessModesOfTheClaim(t *testing.T) {
	for _, c := range []struct {
		modes    []v1.PersistentVolumeAccessMode
		readOnly bool
	}{
		{[]v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}, false},
		{[]v1.PersistentVolumeAccessMode{v1.ReadWriteMany}, false},
		{[]v1.PersistentVolumeAccessMode{v1.ReadWriteOncePod}, false},
		{[]v1.PersistentVolumeAccessMode{v1.ReadOnlyMany}, true},
		{[]v1.PersistentVolumeAccessMode{v1.ReadOnlyMany, v1.ReadWriteOnce}, false},
		{[]v1.PersistentVolumeAccessMode{v1.ReadWriteMany, v1.ReadOnlyMany, v1.ReadWriteOnce}, false},
	} {
		w := newWorld(t)
		claim := w.claim("a")
		claim.Spec.AccessModes = c.modes
		volume := w.provision(w.class(), claim)
		if !reflect.DeepEqual(volume.Spec.AccessModes, c.modes) || volume.Spec.NFS.ReadOnly != c.readOnly {
			t.Errorf("%v: got %v, read-only %v", c.modes, volume.Spec.AccessModes, volume.Spec.NFS.ReadOnly)
		}
	}
}

func TestTheVolumeHasWhatTheClassSays(t *testing.T) {
	w := newWorld(t)
	class := w.class("onDelete", "retain", "archiveRetention", "2d")
	volume := w.provision(class, w.claim("a"))
	if volume.Spec.PersistentVolumeReclaimPolicy != v1.PersistentVolumeReclaimDelete || len(volume.Spec.MountOptions) != 0 {
		t.Errorf("without a word of the class: %+v", volume.Spec)
	}
	if got := volume.Annotations; got[AnnotationOnDelete] != "retain" || got[AnnotationArchiveRetention] != "48h0m0s" {
		t.Errorf("annotations are %v", got)
	}
	if mode := volume.Spec.VolumeMode; mode == nil || *mode != v1.PersistentVolumeFilesystem {
		t.Errorf("volumeMode is %v", mode)
	}
	retain := v1.PersistentVolumeReclaimRetain
	class.ReclaimPolicy, class.MountOptions = &retain, []string{"nfsvers=4.1", "hard"}
	volume = w.provision(class, w.claim("b"))
	if volume.Spec.PersistentVolumeReclaimPolicy != retain || !reflect.DeepEqual(volume.Spec.MountOptions, class.MountOptions) {
		t.Errorf("reclaim policy %s, mount options %v", volume.Spec.PersistentVolumeReclaimPolicy, volume.Spec.MountOptions)
	}
}

func TestProvisionAgainEndsTheSame(t *testing.T) {
	w := newWorld(t)
	class, claim := w.class(), w.claim("a")
	first, second := w.provision(class, claim), w.provision(class, claim)
	if !reflect.DeepEqual(first, second) {
		t.Errorf("first %+v, then %+v", first, second)
	}
}

func TestProvisionMakesNothingForAClaimThatNeedsNothing(t *testing.T) {
	now := metav1.NewTime(time.Now())
	for name, change := range map[string]func(*world, *v1.PersistentVolumeClaim){
		"vanished":      func(w *world, c *v1.PersistentVolumeClaim) { delete(w.claims, c.Namespace+"/"+c.Name) },
		"made again":    func(_ *world, c *v1.PersistentVolumeClaim) { c.UID = "another" },
		"bound":         func(_ *world, c *v1.PersistentVolumeClaim) { c.Spec.VolumeName = "other" },
		"being deleted": func(_ *world, c *v1.PersistentVolumeClaim) { c.DeletionTimestamp = &now },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			live := w.claim("a")
			cached := live.DeepCopy()
			change(w, live)
			_, state, err := w.Provision(t.Context(), options(w.class(), cached))
			// The library looks at the error's own type.
			if _, ignored := err.(*lib.IgnoredError); !ignored || state != lib.ProvisioningFinished { //nolint:errorlint // as the library does
				t.Errorf("state %s, %v; want it ignored", state, err)
			}
			w.expectNames("")
			if _, err := os.Stat(filepath.Join(w.mount(0), ".nfs-provisioner")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something of ours is on the share (%v)", err)
			}
		})
	}
}

func TestProvisionMakesNothingWhenTheClaimCannotBeRead(t *testing.T) {
	w := newWorld(t)
	claim := w.claim("a")
	delete(w.claims, "default/a")
	w.apiError = errors.New("the API server is away")
	w.refused(w.class(), claim, "default/a", "the API server is away")
	if _, state, _ := w.Provision(t.Context(), options(w.class(), claim)); state != lib.ProvisioningNoChange {
		t.Errorf("state is %s, want %s", state, lib.ProvisioningNoChange)
	}
}

func TestProvisionGoesByTheClaimAsItIsNow(t *testing.T) {
	w := newWorld(t)
	live := w.claim("a")
	cached := live.DeepCopy()
	live.Annotations = map[string]string{"dir": "now"}
	w.provision(w.class("pathPattern", "${.PVC.annotations.dir}"), cached)
	w.expectNames("now")
}

func TestAClaimThatVanishesLeavesNothingBehind(t *testing.T) {
	w := newWorld(t)
	class, claim := w.class(), w.claim("a")
	o := options(class, claim)
	if _, _, err := w.Provision(t.Context(), o); err != nil { // made, but never told: the first call timed out
		t.Fatal(err)
	}
	delete(w.claims, "default/a")
	if _, _, err := w.Provision(t.Context(), o); err == nil {
		t.Error("a volume for a claim that is gone")
	}
	w.expectNames("")
	w.provision(class, w.claim("a"))
}

func TestAVolumeThatExistsOutlivesItsClaim(t *testing.T) {
	w := newWorld(t)
	class, claim := w.class("pathPattern", "a"), w.claim("a")
	w.provision(class, claim)
	delete(w.claims, "default/a")
	if _, _, err := w.Provision(t.Context(), options(class, claim)); err == nil {
		t.Error("a volume for a claim that is gone")
	}
	w.expectNames("a") // it is deleted as every volume is
}

func TestProvisionRefusesADirectoryThatAClaimMayNotHave(t *testing.T) {
	for name, c := range map[string]struct {
		pattern, value string
		words          []string
	}{
		"leaving the share":   {"${.PVC.annotations.dir}", "../x", []string{`".."`}},
		"leaving a folder":    {"team/${.PVC.annotations.dir}", "../other", []string{`".."`}},
		"absolute":            {"${.PVC.annotations.dir}", "/etc", []string{"absolute"}},
		"our own records":     {"${.PVC.annotations.dir}", ".nfs-provisioner/records", []string{"reserved"}},
		"the share's root":    {"${.PVC.annotations.dir:-.}", "", []string{`"."`}},
		"nothing at all":      {"${.PVC.annotations.dir:-}", "", []string{"empty"}},
		"an empty segment":    {"a/${.PVC.annotations.dir:-}/b", "", []string{"empty"}},
		"a control character": {"${.PVC.annotations.dir}", "a\nb", []string{"U+000A"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			claim := w.claim("a")
			claim.Annotations = map[string]string{"dir": c.value}
			w.refused(w.class("pathPattern", c.pattern), claim, append(c.words, "pathPattern", "change what pathPattern renders")...)
		})
	}
}

func TestProvisionRefusesADirectoryOfAnotherVolume(t *testing.T) {
	for _, pattern := range []string{"team/db", "team", "team/db/sub"} {
		w := newWorld(t)
		w.provision(w.class("pathPattern", "team/db"), w.claim("a"))
		err := w.refusal(w.class("pathPattern", pattern), w.claim("b"), "allowShared", "change what pathPattern renders")
		if !errors.Is(err, share.ErrOwned) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestProvisionRefusesADirectoryOfAVolumeWithoutRecord(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/export/team/db", "/export/team", "/export/team/db/inside"} {
		w.static("static-1", path)
		w.refused(w.class("pathPattern", "team/db"), w.claim("a"), `"team/db"`, "volume", "allowShared")
	}
}

func TestSeveralClaimsShareADirectoryIfTheirClassAllowsIt(t *testing.T) {
	w := newWorld(t)
	class := w.class("pathPattern", "common", "allowShared", "true", "onDelete", "delete")
	first, second := w.provision(class, w.claim("a")), w.provision(class, w.claim("b"))
	if first.Spec.NFS.Path != second.Spec.NFS.Path || first.Name == second.Name {
		t.Errorf("%s at %s and %s at %s", first.Name, first.Spec.NFS.Path, second.Name, second.Spec.NFS.Path)
	}
	w.write(0, "common/file")
	if err := w.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	w.expectNames("common common/file")
	if err := w.Delete(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	w.expectNames("")
}

func TestAnExistingDirectoryIsRefusedUnlessTheClassAllowsIt(t *testing.T) {
	w := newWorld(t)
	w.write(0, "old/file")
	err := w.refusal(w.class("pathPattern", "old"), w.claim("a"), `"old"`, "allowExisting")
	if !errors.Is(err, share.ErrExists) {
		t.Error(err)
	}
}

func TestAnExistingDirectoryIsKeptUnlessTheClassSpellsOutOnDelete(t *testing.T) {
	for _, c := range []struct{ name, value, want, left string }{
		{"allowExisting", "true", "retain", "old old/file"},
		{"archiveOnDelete", "false", "retain", "old old/file"},
		{"archiveOnDelete", "true", "retain", "old old/file"},
		{"onDelete", "retain", "retain", "old old/file"},
		{"onDelete", "archive", "archive", "archived-old-pvc-uid-a archived-old-pvc-uid-a/file"},
		{"onDelete", "delete", "delete", ""},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			w := newWorld(t)
			w.write(0, "old/file")
			volume := w.provision(w.class("pathPattern", "old", "allowExisting", "true", c.name, c.value), w.claim("a"))
			if got := volume.Annotations[AnnotationOnDelete]; got != c.want {
				t.Errorf("onDelete is %q, want %q", got, c.want)
			}
			if err := w.Delete(t.Context(), volume); err != nil {
				t.Fatal(err)
			}
			w.expectNames(c.left)
		})
	}
}

func TestARetainedDirectoryComesBackToTheSameClaim(t *testing.T) {
	w := newWorld(t)
	class := w.class("pathPattern", "${.PVC.name}", "onDelete", "retain")
	first := w.provision(class, w.claim("a"))
	if err := w.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	delete(w.volumes, first.Name)
	w.write(0, "a/file")
	again := w.claim("a")
	again.UID = "uid-2"
	if volume := w.provision(class, again); volume.Spec.NFS.Path != "/export/a" {
		t.Errorf("the volume is at %s", volume.Spec.NFS.Path)
	}
	w.expectNames("a a/file")
}

func TestABadClassIsNamedWithEverythingThatIsWrong(t *testing.T) {
	w := newWorld(t)
	w.refused(w.class("mode", "rwx", "quota", "1"), w.claim("a"), `class "gold"`, "mode", "quota")
}

func TestErrorsCarryAdvice(t *testing.T) {
	for _, c := range []struct {
		err    error
		advice string
	}{
		{&share.OwnedError{Directory: "a", Owned: "a"}, "change what pathPattern renders"},
		{share.ErrExists, "allowExisting"},
		{share.ErrOwnership, "root_squash"},
		{share.ErrTimeout, "NFS server"},
		{share.ErrRecordDamaged, "backup"},
		{&fs.PathError{Op: "mkdir", Path: "a", Err: fs.ErrPermission}, "provisioner's user"},
	} {
		err := Advise(c.err)
		expectWords(t, err, c.err.Error(), "; ", c.advice)
		if !errors.Is(err, c.err) {
			t.Errorf("%v lost its cause", err)
		}
	}
	if plain := errors.New("plain"); Advise(plain) != plain { //nolint:errorlint // unchanged is meant
		t.Error("an error that nobody has advice for was changed")
	}
}
