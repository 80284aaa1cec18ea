package controller

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/tools/cache"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func sized(v *v1.PersistentVolume, capacity string) *v1.PersistentVolume {
	v.Spec.Capacity = v1.ResourceList{v1.ResourceStorage: resource.MustParse(capacity)}
	return v
}

func TestPromisedIsWhatVolumesOnAShareAddUpTo(t *testing.T) {
	of := func(name, server, path, capacity string) *v1.PersistentVolume {
		return sized(nfsVolume(name, server, path), capacity)
	}
	local := &v1.PersistentVolume{}
	local.Name = "local"
	volumes := []*v1.PersistentVolume{
		local,
		of("a", "nas", "/export/a", "1Gi"), of("deep", "nas", "/export/b//c/", "1Mi"), nfsVolume("no-capacity", "nas", "/export/d"),
		of("root", "nas", "/export", "1Ti"), of("beside", "nas", "/exports/a", "1Ti"), of("elsewhere", "nas2", "/export/a", "1Ti"),
	}
	for path, want := range map[string]struct {
		volumes int
		bytes   float64
	}{
		"/export": {3, 1<<30 + 1<<20},
		"/":       {5, 1<<30 + 1<<20 + 2<<40},
		"/empty":  {0, 0},
	} {
		p := newPromises([]share.Location{{Name: "first", Server: "nas", Path: path}, {Name: "other", Server: "nas3", Path: path}})
		for _, v := range volumes {
			p.show(v)
			p.show(v) // again, as at every resync
		}
		count, bytes := p.Promised("first")
		if count != want.volumes || bytes != want.bytes {
			t.Errorf("%s: %d volumes promise %.0f bytes, want %d and %.0f", path, count, bytes, want.volumes, want.bytes)
		}
		p.drop(cache.DeletedFinalStateUnknown{Key: "a"}) // a deletion that was missed
		for _, v := range volumes {
			p.drop(v)
		}
		if count, bytes := p.Promised("first"); count != 0 || bytes != 0 {
			t.Errorf("%s: in the end %d volumes promise %.0f bytes", path, count, bytes)
		}
	}
}
