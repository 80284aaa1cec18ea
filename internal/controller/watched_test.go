package controller

import (
	"testing"

	v1 "k8s.io/api/core/v1"
)

func TestWhatTheWatchHasShownIsNotReplacedByWhatTheLibraryMade(t *testing.T) {
	made := nfsVolume("pv-1", "nas", "/export/a")
	shown := made.DeepCopy()
	shown.Status.Phase = v1.VolumeReleased
	c := cachesOf(t, shown)
	library := watched{c.volumes}.GetStore()
	for _, late := range []*v1.PersistentVolume{made, nfsVolume("gone", "nas", "/export/b")} {
		if err := library.Add(late); err != nil {
			t.Fatal(err)
		}
	}
	object, _, err := library.GetByKey("pv-1")
	if err != nil {
		t.Fatal(err)
	}
	if volume, ok := object.(*v1.PersistentVolume); !ok || volume.Status.Phase != v1.VolumeReleased {
		t.Errorf("the volume is %v, and was shown Released", object)
	}
	if c.volume("gone") {
		t.Error("a volume that is gone is in the cache")
	}
}
