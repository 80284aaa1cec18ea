package loops

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func someLikeness() Likeness {
	return Likeness{
		Claim: "sample", ClaimUID: "uid-1", Directory: "space-sample-pvc-uid-1",
		Kept: []File{{Path: ".p/records/space-sample-pvc-uid-1", Content: "of sample, uid-1", Mode: 0o640}},
		Volume: &v1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: "pvc-uid-1", Annotations: map[string]string{"directory": "space-sample-pvc-uid-1"}},
			Spec: v1.PersistentVolumeSpec{
				ClaimRef:               &v1.ObjectReference{Namespace: "space", Name: "sample", UID: "uid-1", ResourceVersion: "1"},
				PersistentVolumeSource: v1.PersistentVolumeSource{NFS: &v1.NFSVolumeSource{Path: "/export/space-sample-pvc-uid-1"}},
			},
		},
	}
}

func TestALoopMakesWhatTheProvisionerWould(t *testing.T) {
	root, l := t.TempDir(), someLikeness()
	if err := os.Mkdir(filepath.Join(root, Temporary), 0o700); err != nil {
		t.Fatal(err)
	}
	v, err := l.Make(&v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "space", Name: "b", UID: "uid-8", ResourceVersion: "9"}}, root)
	if err != nil {
		t.Fatal(err)
	}
	if v.Name != "pvc-uid-8" || v.Annotations["directory"] != "space-b-pvc-uid-8" || v.Spec.NFS.Path != "/export/space-b-pvc-uid-8" ||
		v.Spec.ClaimRef.Name != "b" || v.Spec.ClaimRef.UID != "uid-8" || v.Spec.ClaimRef.ResourceVersion != "9" {
		t.Errorf("got %+v", v)
	}
	info, err := os.Stat(filepath.Join(root, "space-b-pvc-uid-8"))
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o777 {
		t.Errorf("the directory: %v, %v", info, err)
	}
	kept, err := os.ReadFile(filepath.Join(root, ".p/records/space-b-pvc-uid-8"))
	if err != nil || string(kept) != "of b, uid-8" {
		t.Errorf("what is kept: %q, %v", kept, err)
	}
	if left, err := os.ReadDir(filepath.Join(root, Temporary)); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if l.Volume.Name != "pvc-uid-1" || l.Volume.Annotations["directory"] != "space-sample-pvc-uid-1" {
		t.Errorf("the sample has changed: %+v", l.Volume)
	}
}

func TestALikenessIsToldByAFlag(t *testing.T) {
	l := someLikeness()
	flag, err := l.Flag()
	if err != nil {
		t.Fatal(err)
	}
	var read Likeness
	text, ok := strings.CutPrefix(flag, "--like=")
	if err := json.Unmarshal([]byte(text), &read); err != nil || !ok || !reflect.DeepEqual(read, l) {
		t.Errorf("got %+v, %v", read, err)
	}
}

func TestBelowIsInsideTheShare(t *testing.T) {
	if got, err := Below("/export/a/b"); err != nil || got != "a/b" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, path := range []string{"/export", "/export/", "/exports/a", "/export/../a", "a"} {
		if got, err := Below(path); err == nil {
			t.Errorf("%s: got %q", path, got)
		}
	}
}

func TestEverythingIsDoneInParallelAndEveryErrorIsTold(t *testing.T) {
	const atOnce, many = 3, 100
	items := make([]int, many)
	for i := range items {
		items[i] = i
	}
	var running, most, sum atomic.Int64
	err := Parallel(atOnce, items, func(i int) error {
		now := running.Add(1)
		defer running.Add(-1)
		for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
			continue
		}
		sum.Add(int64(i))
		if i%50 == 7 {
			return errors.New("seven")
		}
		return nil
	})
	if err == nil || strings.Count(err.Error(), "seven") != 2 || sum.Load() != many*(many-1)/2 || most.Load() > atOnce {
		t.Errorf("got %v, sum %d, %d at once", err, sum.Load(), most.Load())
	}
}
