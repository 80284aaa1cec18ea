package controller

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func TestPromisedIsWhatVolumesOnAShareAddUpTo(t *testing.T) {
	of := func(name, server, path, capacity string) *v1.PersistentVolume {
		v := nfsVolume(name, server, path)
		v.Spec.Capacity = v1.ResourceList{v1.ResourceStorage: resource.MustParse(capacity)}
		return v
	}
	local := &v1.PersistentVolume{}
	local.Name = "local"
	c := cachesOf(t, local,
		of("a", "nas", "/export/a", "1Gi"), of("deep", "nas", "/export/b//c/", "1Mi"), nfsVolume("no-capacity", "nas", "/export/d"),
		of("root", "nas", "/export", "1Ti"), of("beside", "nas", "/exports/a", "1Ti"), of("elsewhere", "nas2", "/export/a", "1Ti"),
	)
	for path, want := range map[string]struct {
		volumes int
		bytes   float64
	}{
		"/export": {3, 1<<30 + 1<<20},
		"/":       {5, 1<<30 + 1<<20 + 2<<40},
		"/empty":  {0, 0},
	} {
		volumes, bytes := c.promised(share.Location{Server: "nas", Path: path})
		if volumes != want.volumes || bytes != want.bytes {
			t.Errorf("%s: %d volumes promise %.0f bytes, want %d and %.0f", path, volumes, bytes, want.volumes, want.bytes)
		}
	}
}
