package controller

import (
	"testing"
	"testing/synctest"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
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

func TestRoomForAClaimIsGivenUpWhenTheClaimGoes(t *testing.T) {
	const given, kept = 0, 10 << 30
	for name, c := range map[string]struct {
		claim func() *v1.PersistentVolumeClaim
		room  string // the volume that it is for
		left  float64
	}{
		"it waits for its volume": {func() *v1.PersistentVolumeClaim { return claimOf("data") }, "pvc-uid-data", given},
		"it was to grow": {func() *v1.PersistentVolumeClaim {
			claim, _ := boundTo("data", valid().Provisioner)
			return claim
		}, "pv-data", given},
		"somebody made it for a volume of ours, and it was to grow": {func() *v1.PersistentVolumeClaim {
			claim, _ := boundTo("data", valid().Provisioner)
			claim.Annotations, claim.Spec.Resources.Requests = nil, storage("10Gi")
			return claim
		}, "pv-data", given},
		"it names the volume of another claim": {func() *v1.PersistentVolumeClaim {
			claim := claimOf("data")
			claim.Spec.VolumeName, claim.Status.Phase = "pv-other", v1.ClaimPending
			return claim
		}, "pv-other", kept},
		"it is another claim": {func() *v1.PersistentVolumeClaim { return claimOf("data") }, "pvc-uid-other", kept},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				claim := c.claim()
				client := fake.NewClientset(claim)
				caches := newCaches(client, nil, valid().Provisioner)
				p := newPromises([]share.Location{{Name: "first", Server: "nas", Path: "/export"}})
				if _, err := caches.claims.AddEventHandler(p.claims()); err != nil {
					t.Fatal(err)
				}
				fill(t, caches)
				if _, err := p.Reserve(capacity.Request{Volume: c.room, Share: "first", Size: resource.MustParse("10Gi")}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if _, bytes := p.Promised("first"); bytes != kept {
					t.Fatalf("%v bytes are promised while it is there", bytes)
				}
				if err := client.Tracker().Delete(claimsOf, claim.Namespace, claim.Name); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if _, bytes := p.Promised("first"); bytes != c.left {
					t.Errorf("%v bytes are promised when it is gone, want %v", bytes, c.left)
				}
			})
		})
	}
}

func TestRoomIsGivenUpWhenTheEndOfAClaimWasMissed(t *testing.T) {
	p := newPromises([]share.Location{{Name: "first", Server: "nas", Path: "/export"}})
	if _, err := p.Reserve(capacity.Request{Volume: "pvc-uid-data", Share: "first", Size: resource.MustParse("10Gi")}); err != nil {
		t.Fatal(err)
	}
	p.forget(cache.DeletedFinalStateUnknown{Key: "default/data", Obj: claimOf("data")})
	if _, bytes := p.Promised("first"); bytes != 0 {
		t.Errorf("%v bytes are promised", bytes)
	}
}
