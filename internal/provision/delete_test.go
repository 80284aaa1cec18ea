package provision

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func TestDeleteDoesWhatTheClassSaidWhenTheVolumeWasMade(t *testing.T) {
	for policy, left := range map[string]string{
		"delete":  "neighbour",
		"archive": "archived-a-pvc-uid-a archived-a-pvc-uid-a/file neighbour",
		"retain":  "a a/file neighbour",
	} {
		for name, change := range map[string]func(*world){
			"class as it was": func(*world) {},
			"class gone":      func(w *world) { delete(w.classes, "gold") },
			"class changed":   func(w *world) { w.class("onDelete", "delete", "pathPattern", "neighbour") },
			"class broken":    func(w *world) { w.class("mode", "rwx") },
		} {
			t.Run(policy+", "+name, func(t *testing.T) {
				w := newWorld(t)
				w.provision(w.class("pathPattern", "neighbour"), w.claim("n"))
				volume := w.provision(w.class("pathPattern", "a", "onDelete", policy), w.claim("a"))
				w.write(0, "a/file")
				change(w)
				for range 2 {
					if err := w.Delete(t.Context(), volume); err != nil {
						t.Fatal(err)
					}
				}
				w.expectNames(left)
			})
		}
	}
}

// undeletable must not be deleted, say why, and leave the share as it is.
func (w *world) undeletable(volume *v1.PersistentVolume, words ...string) {
	w.Helper()
	before := w.names(0)
	expectWords(w.T, w.Delete(w.Context(), volume), words...)
	if after := w.names(0); after != before {
		w.Errorf("the share changed from %q to %q", before, after)
	}
}

func TestAVolumeOnNoShareIsNeverDone(t *testing.T) {
	for name, source := range map[string]*v1.NFSVolumeSource{
		"another server":           {Server: "other", Path: "/export/a"},
		"another export":           {Server: "nas", Path: "/other/a"},
		"an export of like name":   {Server: "nas", Path: "/export2/a"},
		"the share's root":         {Server: "nas", Path: "/export"},
		"the share's root, slash":  {Server: "nas", Path: "/export/"},
		"above the share":          {Server: "nas", Path: "/"},
		"no path":                  {Server: "nas"},
		"the server in upper case": {Server: "NAS", Path: "/export/a"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			volume := w.provision(w.class("pathPattern", "a", "onDelete", "delete"), w.claim("a"))
			volume.Spec.NFS = source
			w.undeletable(volume, volume.Name, "none of the shares")
		})
	}
	w := newWorld(t)
	volume := w.provision(w.class("pathPattern", "a"), w.claim("a"))
	volume.Spec.NFS.Server = "other"
	w.undeletable(volume, "other:/export/a", "nas:/export", "configure its share", "Retain")
}

func TestHowToBeRidOfAVolumeIsSaidOnlyWhenItIsDeleted(t *testing.T) {
	w := newWorld(t)
	volume := w.static("by-hand", "/elsewhere/a")
	_, _, err := w.Locate(volume)
	expectWords(t, err, "by-hand", "none of the shares", "nas:/export", "configure its share")
	if strings.Contains(err.Error(), "delete") {
		t.Errorf("whoever only asks where it is hears %q", err)
	}
}

func TestAVolumeWhosePathIsNoDirectoryIsNotDeleted(t *testing.T) {
	for _, path := range []string{"/export//a", "/export/../a", "/export/a/..", "/export/./a", "/export/a/", "/export/.nfs-provisioner/records", "/export/a\x00"} {
		w := newWorld(t)
		volume := w.provision(w.class("pathPattern", "a", "onDelete", "delete"), w.claim("a"))
		volume.Spec.NFS.Path = path
		delete(volume.Annotations, AnnotationDirectory)
		w.undeletable(volume, volume.Name, "its path")
	}
}

func TestAVolumeThatWasEditedIsNotDeleted(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*v1.PersistentVolume)
		word string
	}{
		"path of a neighbour":       {func(v *v1.PersistentVolume) { v.Spec.NFS.Path = "/export/neighbour" }, "agree"},
		"annotation of a neighbour": {func(v *v1.PersistentVolume) { v.Annotations[AnnotationDirectory] = "neighbour" }, "agree"},
		"empty annotation":          {func(v *v1.PersistentVolume) { v.Annotations[AnnotationDirectory] = "" }, "agree"},
		"path and annotation": {func(v *v1.PersistentVolume) {
			v.Spec.NFS.Path, v.Annotations[AnnotationDirectory] = "/export/neighbour", "neighbour"
		}, "belongs to volume pvc-uid-n"},
		"path, and no annotation": {func(v *v1.PersistentVolume) {
			v.Spec.NFS.Path = "/export/neighbour"
			delete(v.Annotations, AnnotationDirectory)
		}, "belongs to volume pvc-uid-n"},
		"path above": {func(v *v1.PersistentVolume) {
			v.Spec.NFS.Path, v.Annotations[AnnotationDirectory] = "/export/team", "team"
		}, "contains directories of other volumes"},
		"policy of no meaning": {func(v *v1.PersistentVolume) { v.Annotations[AnnotationOnDelete] = "shred" }, "delete, archive or retain"},
		"empty policy":         {func(v *v1.PersistentVolume) { v.Annotations[AnnotationOnDelete] = "" }, "delete, archive or retain"},
		"no NFS at all":        {func(v *v1.PersistentVolume) { v.Spec.NFS = nil }, "not an NFS volume"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.provision(w.class("pathPattern", "neighbour"), w.claim("n"))
			w.provision(w.class("pathPattern", "team/x"), w.claim("x"))
			volume := w.provision(w.class("pathPattern", "a", "onDelete", "delete"), w.claim("a"))
			c.edit(volume)
			if err := w.Delete(t.Context(), volume); err == nil {
				t.Error("deleted")
			} else {
				expectWords(t, err, c.word)
			}
			w.expectNames("a neighbour team team/x")
		})
	}
}

func TestAVolumeWithOurAnnotationsThatNobodyMadeIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	w.write(0, "old/file")
	w.provision(w.class("pathPattern", "a"), w.claim("a"))
	for path, want := range map[string]error{"old": share.ErrNotOurs, "a": share.ErrOwned, "a/sub": share.ErrOwned} {
		forged := &v1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: "forged", Annotations: map[string]string{
				AnnotationShare: "first", AnnotationDirectory: path, AnnotationOnDelete: "delete",
			}},
			Spec: v1.PersistentVolumeSpec{PersistentVolumeSource: v1.PersistentVolumeSource{
				NFS: &v1.NFSVolumeSource{Server: "nas", Path: "/export/" + path},
			}},
		}
		if err := w.Delete(t.Context(), forged); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	w.expectNames("a old old/file")
}

// adopted is a volume of nfs-subdir-external-provisioner.
func adopted(name, path string) *v1.PersistentVolume {
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1.PersistentVolumeSpec{
			StorageClassName:       "gold",
			ClaimRef:               &v1.ObjectReference{Namespace: "default", Name: "old", UID: "uid-old"},
			PersistentVolumeSource: v1.PersistentVolumeSource{NFS: &v1.NFSVolumeSource{Server: "nas", Path: "/export/" + path}},
		},
	}
}

func TestTheClassDecidesOverAnAdoptedVolume(t *testing.T) {
	const kept, archived = "default-old-pv-1 default-old-pv-1/file", "archived-default-old-pv-1-pv-1 archived-default-old-pv-1-pv-1/file"
	for name, c := range map[string]struct {
		class []string
		left  string
	}{
		"nothing said":           {nil, archived},
		"archiveOnDelete, true":  {[]string{"archiveOnDelete", "true"}, archived},
		"archiveOnDelete, false": {[]string{"archiveOnDelete", "false"}, ""},
		"onDelete, delete":       {[]string{"onDelete", "delete"}, ""},
		"onDelete, retain":       {[]string{"onDelete", "retain"}, kept},
		"gone":                   {[]string{"gone"}, archived},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if len(c.class) != 1 {
				w.class(c.class...)
			}
			w.write(0, "default-old-pv-1/file")
			for range 2 {
				if err := w.Delete(t.Context(), adopted("pv-1", "default-old-pv-1")); err != nil {
					t.Fatal(err)
				}
			}
			w.expectNames(c.left)
		})
	}
}

func TestAnAdoptedVolumeThatOverlapsAnotherIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	w.class("onDelete", "delete")
	w.write(0, "old/file")
	w.static("pv-1", "/export/old")
	w.static("pv-2", "/export/old/inside")
	w.undeletable(adopted("pv-1", "old"), "directories of other volumes", "delete that volume first")
	w.class("onDelete", "retain")
	if err := w.Delete(t.Context(), adopted("pv-1", "old")); err != nil {
		t.Errorf("nothing is removed, and yet: %v", err)
	}
	w.expectNames("old old/file")
}

func TestAnAdoptedVolumeNeverTakesARecordedOneWithIt(t *testing.T) {
	w := newWorld(t)
	w.provision(w.class("pathPattern", "team/a"), w.claim("a"))
	w.class("onDelete", "delete")
	for _, path := range []string{"team", "team/a", "team/a/sub"} {
		if err := w.Delete(t.Context(), adopted("pv-1", path)); !errors.Is(err, share.ErrOwned) {
			t.Errorf("%s: %v", path, err)
		}
	}
	w.expectNames("team team/a")
}

func TestDeleteTakesTheInnermostOfNestedShares(t *testing.T) {
	w := newWorld(t, share.Location{Name: "inner", Server: "nas", Path: "/export/inner"})
	volume := w.provision(w.class("share", "inner", "pathPattern", "a", "onDelete", "delete"), w.claim("a"))
	if err := w.Delete(t.Context(), volume); err != nil {
		t.Fatal(err)
	}
	if got := w.names(1); got != "" {
		t.Errorf("on the inner share is %q", got)
	}
}

func TestDeleteTellsTwoExportsOfLikeNameApart(t *testing.T) {
	w := newWorld(t, share.Location{Name: "second", Server: "nas", Path: "/export2"})
	volume := w.provision(w.class("share", "second", "pathPattern", "a", "onDelete", "delete"), w.claim("a"))
	w.write(0, "a/file")
	if err := w.Delete(t.Context(), volume); err != nil {
		t.Fatal(err)
	}
	w.expectNames("a a/file")
}

func TestAnAdoptedVolumeOfABrokenClassIsArchived(t *testing.T) {
	w := newWorld(t)
	w.class("someOldParameter", "x")
	w.write(0, "old/file")
	if err := w.Delete(t.Context(), adopted("pv-1", "old")); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfDeleteCarryAdvice(t *testing.T) {
	w := newWorld(t)
	volume := w.provision(w.class("pathPattern", "a"), w.claim("a"))
	if err := os.WriteFile(filepath.Join(w.mount(0), ".nfs-provisioner/records/a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expectWords(t, w.Delete(t.Context(), volume), "backup")
}

func TestAVolumeWhoseShareAnnotationDoesNotAgreeIsNotDeleted(t *testing.T) {
	w := newWorld(t, share.Location{Name: "second", Server: "nas2", Path: "/export"})
	volume := w.provision(w.class("pathPattern", "a"), w.claim("a"))
	volume.Spec.NFS.Server = "nas2" // made again by hand, the server mistaken
	if err := w.Delete(t.Context(), volume); err == nil {
		t.Errorf("done, with the data still on the first share: %q", w.names(0))
	}
}

func TestAnArchiveIsKeptForAsLongAsItsVolumeSays(t *testing.T) {
	for name, c := range map[string]struct {
		class  []string // when the volume is made
		later  []string // when it is deleted
		adopt  bool
		expect time.Duration
	}{
		"the class":               {[]string{"archiveRetention", "30d"}, nil, false, 30 * 24 * time.Hour},
		"changed since":           {[]string{"archiveRetention", "30d"}, []string{"archiveRetention", "1h"}, false, 30 * 24 * time.Hour},
		"never, and changed":      {nil, []string{"archiveRetention", "1h"}, false, 0},
		"an adopted volume":       {nil, []string{"archiveRetention", "1h"}, true, time.Hour},
		"adopted, class is gone":  {nil, nil, true, 0},
		"adopted, class is wrong": {nil, []string{"archiveRetention", "1h", "mode", "x"}, true, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			volume := w.provision(w.class(append([]string{"pathPattern", "db"}, c.class...)...), w.claim("a"))
			if c.adopt {
				clear(volume.Annotations)
			}
			w.write(0, "db/file")
			delete(w.classes, "gold")
			if c.later != nil {
				w.class(c.later...)
			}
			if c.adopt {
				if err := os.RemoveAll(filepath.Join(w.mount(0), ".nfs-provisioner")); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Delete(t.Context(), volume); err != nil {
				t.Fatal(err)
			}
			archive, err := share.ParseDirectory("archived-db-" + volume.Name)
			if err != nil {
				t.Fatal(err)
			}
			e, err := w.Shares[0].Find(t.Context(), archive)
			if err != nil || !e.Exists || time.Duration(e.Record.Retention) != c.expect {
				t.Errorf("the archive is %+v (%v), want it kept for %v", e, err, c.expect)
			}
		})
	}
}

func TestAnAgeThatWasEditedIntoNonsenseStopsTheDeletion(t *testing.T) {
	w := newWorld(t)
	volume := w.provision(w.class("pathPattern", "db", "archiveRetention", "30d"), w.claim("a"))
	w.write(0, "db/file")
	volume.Annotations[AnnotationArchiveRetention] = "soon"
	w.undeletable(volume, AnnotationArchiveRetention, `"soon"`, `"30d"`)
}

// The library must neither warn nor try again while a removal is under way.
func TestALongRemovalIsNoFailure(t *testing.T) {
	w := newWorld(t)
	volume := w.provision(w.class("pathPattern", "db", "onDelete", "delete"), w.claim("a"))
	w.write(0, "db/file")
	removing := make(chan struct{})
	var trashed atomic.Bool
	slow := share.New(w.Shares[0].Location, share.Options{Timeout: time.Minute, Places: 4, Fence: func() error {
		if _, err := os.Lstat(filepath.Join(w.mount(0), ".nfs-provisioner/trash", volume.Name+"_record")); err == nil {
			if trashed.Swap(true) { // the first question is still about the move
				<-removing
			}
		}
		return nil
	}})
	w.Shares[0] = slow
	err := w.Delete(t.Context(), volume)
	var ignored *lib.IgnoredError
	if !errors.As(err, &ignored) {
		t.Errorf("while it is removed: %v", err)
	}
	w.expectNames("") // the path is free at once
	if all := slow.Removals(); len(all) != 1 || all[0].Volume != volume.Name || all[0].Ended {
		t.Errorf("under way: %+v", all)
	}
	close(removing)
	if err := slow.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
