package provision

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A volume that was made by hand from the text of another has annotations like
// ours, and no record. Nothing may delete what it shows to its pods.
func TestACopyOfAVolumeKeepsItsData(t *testing.T) {
	for _, policy := range []string{"delete", "archive"} {
		w := newWorld(t)
		volume := w.provision(w.class("pathPattern", "team/db", "onDelete", policy), w.claim("a"))
		w.write(0, "team/db/file")
		twin := volume.DeepCopy()
		twin.Name, twin.Spec.ClaimRef.Name = "twin", "b"
		w.volumes["twin"] = twin
		w.undeletable(volume, "twin", "default/b", "delete that volume first")
		w.undeletable(twin, volume.Name, "delete that volume first")
		for _, path := range []string{"/export/team", "/export/team/db/inside"} {
			twin.Spec.NFS.Path = path
			w.undeletable(volume, "delete that volume first")
		}
		delete(w.volumes, "twin")
		if err := w.Delete(t.Context(), volume); err != nil {
			t.Error(err)
		}
	}
}

func TestAVolumeOnItsWayOutMakesRoomForTheNext(t *testing.T) {
	now := metav1.Now()
	for name, leave := range map[string]func(*v1.PersistentVolume){
		"released":      func(v *v1.PersistentVolume) { v.Status.Phase = v1.VolumeReleased },
		"failed":        func(v *v1.PersistentVolume) { v.Status.Phase = v1.VolumeFailed },
		"being deleted": func(v *v1.PersistentVolume) { v.DeletionTimestamp = &now },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			class := w.class("pathPattern", "${.PVC.name}", "onDelete", "delete")
			volume := w.provision(class, w.claim("a"))
			leave(volume)
			if err := w.Delete(t.Context(), volume); err != nil {
				t.Fatal(err)
			}
			again := w.claim("a")
			again.UID = "uid-2"
			w.provision(class, again)
			w.write(0, "a/file")
			if err := w.Delete(t.Context(), volume); err != nil {
				t.Errorf("deleted once more, the path being another volume's: %v", err)
			}
			w.expectNames("a a/file")
		})
	}
}

// While its data has not left, its record keeps others away.
func TestAVolumeOnItsWayOutIsStillAnOwner(t *testing.T) {
	w := newWorld(t)
	class := w.class("pathPattern", "db")
	w.provision(class, w.claim("a")).Status.Phase = v1.VolumeReleased
	w.refused(class, w.claim("b"), "belongs to", "default/a")
}
