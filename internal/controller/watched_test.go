package controller

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
)

func TestWhatTheWatchHasShownIsNotReplacedByWhatTheLibraryMade(t *testing.T) {
	made := nfsVolume("pv-1", "nas", "/export/a")
	shown := made.DeepCopy()
	shown.Status.Phase = v1.VolumeReleased
	c := cachesOf(t, shown)
	library := watchedVolumes{SharedInformer: c.volumes, owns: c.owns}.GetStore()
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

// A hearing notes what a handler hears.
type hearing struct {
	mu    sync.Mutex
	heard []string
}

func (h *hearing) handler() cache.ResourceEventHandler {
	note := func(what string, object any) {
		h.mu.Lock()
		defer h.mu.Unlock()
		name, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
		if err != nil {
			name = err.Error()
		}
		h.heard = append(h.heard, what+" "+name)
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { note("add", o) },
		UpdateFunc: func(_, o any) { note("update", o) },
		DeleteFunc: func(o any) { note("delete", o) },
	}
}

func (h *hearing) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	heard := h.heard
	h.heard = nil
	slices.Sort(heard)
	return heard
}

func TestTheLibraryHearsOfWhatIsOursAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		claim := func(name, provisioner, volume string) *v1.PersistentVolumeClaim {
			return &v1.PersistentVolumeClaim{
				ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, Annotations: map[string]string{annStorageProvisioner: provisioner}},
				Spec:       v1.PersistentVolumeClaimSpec{VolumeName: volume},
			}
		}
		volume := func(name, provisioner string) *v1.PersistentVolume {
			v := nfsVolume(name, "nas", "/export/"+name)
			v.Status.Phase = v1.VolumeReleased
			v.Annotations = map[string]string{annProvisionedBy: provisioner}
			return v
		}
		client := fake.NewClientset(
			claim("waits", "us", ""), claim("has", "us", "pv-1"), claim("foreign", "them", ""), claim("undecided", "", ""),
			volume("pv-1", "us"), volume("pv-2", "them"),
		)
		c := newCaches(client, nil, "us")
		var claims, volumes, all hearing
		ignore := func(cache.ResourceEventHandler, cache.ResourceEventHandlerRegistration) {}
		if _, err := (watchedClaims{c.claims, c.serves, audience{inTurn{all.handler()}, ignore}}).AddEventHandlerWithResyncPeriod(claims.handler(), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := (watchedVolumes{c.volumes, c.owns, audience{inTurn{all.handler()}, ignore}}).AddEventHandlerWithResyncPeriod(volumes.handler(), 0); err != nil {
			t.Fatal(err)
		}
		fill(t, c)
		hears := func(when string, wantClaims, wantVolumes, others []string) {
			t.Helper()
			synctest.Wait()
			if got := all.take(); !slices.Equal(got, others) {
				t.Errorf("%s: whoever comes before the library heard %v, want %v", when, got, others)
			}
			if got := claims.take(); !slices.Equal(got, wantClaims) {
				t.Errorf("%s: heard of claims: %v, want %v", when, got, wantClaims)
			}
			if got := volumes.take(); !slices.Equal(got, wantVolumes) {
				t.Errorf("%s: heard of volumes: %v, want %v", when, got, wantVolumes)
			}
		}
		hears("at first", []string{"add team/waits"}, []string{"add pv-1"}, []string{
			"add pv-1", "add pv-2", "add team/foreign", "add team/has", "add team/undecided", "add team/waits",
		})

		for _, now := range []*v1.PersistentVolumeClaim{claim("waits", "us", "pv-3"), claim("undecided", "us", ""), claim("foreign", "them", "pv-2")} {
			if _, err := client.CoreV1().PersistentVolumeClaims("team").Update(t.Context(), now, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, gone := range []string{"pv-1", "pv-2"} {
			if err := client.CoreV1().PersistentVolumes().Delete(t.Context(), gone, metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		hears("then", []string{"add team/undecided", "delete team/waits"}, []string{"delete pv-1"}, []string{
			"delete pv-1", "delete pv-2", "update team/foreign", "update team/undecided", "update team/waits",
		})
	})
}

func TestTheLibraryLooksAtAVolumeOnlyWhereItMayHaveSomethingToDo(t *testing.T) {
	const deleted, retained = v1.PersistentVolumeReclaimDelete, v1.PersistentVolumeReclaimRetain
	ended := metav1.Now()
	for _, c := range []struct {
		name   string
		phase  v1.PersistentVolumePhase
		policy v1.PersistentVolumeReclaimPolicy
		guards []string
		ended  *metav1.Time
		looks  bool
	}{
		{"made", "", deleted, []string{protection}, nil, false},
		{"seen by the cluster", v1.VolumePending, deleted, []string{protection}, nil, false},
		{"without a claim", v1.VolumeAvailable, deleted, []string{protection}, nil, false},
		{"in use", v1.VolumeBound, deleted, []string{"kubernetes.io/pv-protection", protection}, nil, false},
		{"in use and not protected", v1.VolumeBound, deleted, []string{"kubernetes.io/pv-protection"}, nil, true},
		{"in use, and retained from now on", v1.VolumeBound, retained, []string{protection}, nil, true},
		{"in use and deleted by hand", v1.VolumeBound, deleted, []string{protection}, &ended, true},
		{"its claim is gone", v1.VolumeReleased, deleted, []string{protection}, nil, true},
		{"it has failed", v1.VolumeFailed, deleted, []string{protection}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := nfsVolume("pv-1", "nas", "/export/a")
			v.Finalizers, v.DeletionTimestamp = c.guards, c.ended
			v.Spec.PersistentVolumeReclaimPolicy, v.Status.Phase = c.policy, c.phase
			if got := moves(v); got != c.looks {
				t.Errorf("moves is %v", got)
			}
		})
	}
}

func TestAVolumeThatComesToRestIsNoDeletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		volume := func(guards ...string) *v1.PersistentVolume {
			v := nfsVolume("pv-1", "nas", "/export/a")
			v.Annotations = map[string]string{annProvisionedBy: "us"}
			v.Finalizers = guards
			v.Spec.PersistentVolumeReclaimPolicy, v.Status.Phase = v1.PersistentVolumeReclaimDelete, v1.VolumeBound
			return v
		}
		client := fake.NewClientset(volume())
		c := newCaches(client, nil, "us")
		var volumes hearing
		ignore := func(cache.ResourceEventHandler, cache.ResourceEventHandlerRegistration) {}
		if _, err := (watchedVolumes{c.volumes, c.owns, audience{nil, ignore}}).AddEventHandlerWithResyncPeriod(volumes.handler(), 0); err != nil {
			t.Fatal(err)
		}
		fill(t, c)
		synctest.Wait()
		if got := volumes.take(); !slices.Equal(got, []string{"add pv-1"}) {
			t.Errorf("of a volume that is not protected the library heard %v", got)
		}
		if _, err := client.CoreV1().PersistentVolumes().Update(t.Context(), volume(protection), metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := volumes.take(); len(got) > 0 {
			t.Errorf("of a volume that is at rest the library heard %v", got)
		}
		if err := client.CoreV1().PersistentVolumes().Delete(t.Context(), "pv-1", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := volumes.take(); !slices.Equal(got, []string{"delete pv-1"}) {
			t.Errorf("of a volume that is gone the library heard %v", got)
		}
	})
}
