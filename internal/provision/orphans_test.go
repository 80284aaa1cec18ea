package provision

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// TestReclaimIsOnlyForWhatNobodyWillAskFor plays a process that died after it
// had made the directory of a claim, and before anybody had its volume.
func TestReclaimIsOnlyForWhatNobodyWillAskFor(t *testing.T) {
	for name, c := range map[string]struct {
		since func(w *world, claim *v1.PersistentVolumeClaim)
		goes  bool
	}{
		"the claim still waits": {func(*world, *v1.PersistentVolumeClaim) {}, false},
		"the claim is gone":     {func(w *world, _ *v1.PersistentVolumeClaim) { clear(w.claims) }, true},
		"the claim is going": {func(_ *world, claim *v1.PersistentVolumeClaim) {
			now := metav1.Now()
			claim.DeletionTimestamp = &now
		}, true},
		"another claim has the name":   {func(w *world, _ *v1.PersistentVolumeClaim) { w.claim("a").UID = "uid-2" }, true},
		"the claim has another volume": {func(_ *world, claim *v1.PersistentVolumeClaim) { claim.Spec.VolumeName = "static" }, true},
		"the claim has this volume, which the cache does not show": {func(_ *world, claim *v1.PersistentVolumeClaim) {
			claim.Spec.VolumeName = "pvc-" + string(claim.UID)
		}, false},
		"the volume is there": {func(w *world, _ *v1.PersistentVolumeClaim) {
			clear(w.claims)
			w.static("pvc-uid-a", "/export/a")
		}, false},
		"the volume is elsewhere": {func(w *world, _ *v1.PersistentVolumeClaim) { w.static("pvc-uid-a", "/export/b") }, true},
		"the volume is on no share": {func(w *world, _ *v1.PersistentVolumeClaim) {
			w.static("pvc-uid-a", "/elsewhere")
		}, false},
		"the API server is away": {func(w *world, _ *v1.PersistentVolumeClaim) {
			clear(w.claims)
			w.apiError = errors.New("away")
		}, false},
		"there is data": {func(w *world, _ *v1.PersistentVolumeClaim) {
			clear(w.claims)
			w.write(0, "a/file")
		}, false},
		"this process is at it": {func(w *world, claim *v1.PersistentVolumeClaim) {
			w.attempts.begin(&plan{share: w.Shares[0], record: share.Record{Volume: "pvc-" + string(claim.UID)}})
			clear(w.claims)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			claim := w.claim("a")
			volume := w.provision(w.class("pathPattern", "${.PVC.name}"), claim)
			delete(w.volumes, volume.Name)
			on, data, err := w.Locate(volume)
			if err != nil {
				t.Fatal(err)
			}
			c.since(w, claim)
			e, err := on.Find(t.Context(), data.Directory)
			if err != nil {
				t.Fatal(err)
			}
			reclaimed, err := w.Reclaim(t.Context(), on, e.Record, volume.Name, e.Record.Claim)
			if reclaimed != c.goes || (err != nil) != (w.apiError != nil) {
				t.Errorf("reclaimed: %v, %v; want %v", reclaimed, err, c.goes)
			}
			if _, err := os.Stat(filepath.Join(w.mount(0), "a")); os.IsNotExist(err) != c.goes {
				t.Errorf("the directory: %v", err)
			}
		})
	}
}

func TestReclaimLeavesOtherClustersAlone(t *testing.T) {
	w := newWorld(t)
	volume := w.provision(w.class("pathPattern", "a"), w.claim("a"))
	clear(w.claims)
	clear(w.volumes)
	on, data, err := w.Locate(volume)
	if err != nil {
		t.Fatal(err)
	}
	e, err := on.Find(t.Context(), data.Directory)
	if err != nil {
		t.Fatal(err)
	}
	e.Record.Cluster = "cluster-2"
	if reclaimed, err := w.Reclaim(t.Context(), on, e.Record, volume.Name, e.Record.Claim); reclaimed || err != nil {
		t.Errorf("reclaimed: %v, %v", reclaimed, err)
	}
	w.expectNames("a")
}
