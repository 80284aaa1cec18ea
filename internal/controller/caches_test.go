package controller

import (
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func nfsVolume(name, server, path string) *v1.PersistentVolume {
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1.PersistentVolumeSpec{PersistentVolumeSource: v1.PersistentVolumeSource{
			NFS: &v1.NFSVolumeSource{Server: server, Path: path},
		}},
	}
}

// cachesOf are caches that hold these volumes.
func cachesOf(t *testing.T, volumes ...*v1.PersistentVolume) *caches {
	t.Helper()
	c := newCaches(fake.NewClientset(), nil, valid().Provisioner)
	for _, v := range volumes {
		if err := c.volumes.GetIndexer().Add(v); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// fill has caches read what there is, and watch it until the test ends.
func fill(t *testing.T, c *caches) {
	t.Helper()
	t.Cleanup(c.factory.Shutdown)
	if err := c.start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestOverlappingFindsVolumesAtAboveAndBelowADirectory(t *testing.T) {
	recorded := nfsVolume("recorded", "nas", "/export/a")
	recorded.Annotations = map[string]string{provision.AnnotationDirectory: "a"}
	other := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "no-nfs"}}
	c := cachesOf(t, recorded, other,
		nfsVolume("root", "nas", "/export"), nfsVolume("root-slash", "nas", "/export/"), nfsVolume("server-root", "nas", "/"),
		nfsVolume("at", "nas", "/export/a"),
		nfsVolume("at-slash", "nas", "/export/a/"),
		nfsVolume("below", "nas", "/export/a/b"),
		nfsVolume("far-below", "nas", "/export/a/b//c"),
		nfsVolume("like", "nas", "/export/ab"),
		nfsVolume("other-server", "nas2", "/export/a"),
		nfsVolume("other-export", "nas", "/export2/a"),
		nfsVolume("nothing", "", ""),
	)
	export, whole := share.Location{Server: "nas", Path: "/export"}, share.Location{Server: "nas", Path: "/"}
	for _, q := range []struct {
		on        share.Location
		directory string
		want      []string
	}{
		{export, "a", []string{"at", "at-slash", "below", "far-below", "recorded"}},
		{export, "a/b", []string{"at", "at-slash", "below", "far-below", "recorded"}},
		{export, "a/x", []string{"at", "at-slash", "recorded"}},
		{export, "a/b/c/d", []string{"at", "at-slash", "below", "far-below", "recorded"}},
		{export, "ab", []string{"like"}},
		{export, "abc", nil},
		{export, "b", nil},
		{whole, "export2", []string{"other-export"}},
		{whole, "export2/a/b", []string{"other-export"}},
		{whole, "export/x", []string{"root", "root-slash"}},
		{share.Location{Server: "nas2", Path: "/export"}, "a", []string{"other-server"}},
		{share.Location{Server: "nas3", Path: "/export"}, "a", nil},
	} {
		d, err := share.ParseDirectory(q.directory)
		if err != nil {
			t.Fatal(err)
		}
		volumes, err := c.overlapping(q.on, d)
		var got []string
		for _, v := range volumes {
			got = append(got, v.Name)
		}
		if slices.Sort(got); err != nil || !slices.Equal(got, q.want) {
			t.Errorf("%s below %s: got %v, %v; want %v", d, q.on.Path, got, err, q.want)
		}
	}
}

func TestAClassThatIsGoneIsNotFound(t *testing.T) {
	c := cachesOf(t)
	if err := c.classes.GetStore().Add(&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "gold"}}); err != nil {
		t.Fatal(err)
	}
	if class, err := c.class("gold"); err != nil || class.Name != "gold" {
		t.Errorf("got %v, %v", class, err)
	}
	for _, name := range []string{"", "silver"} {
		if class, err := c.class(name); !apierrors.IsNotFound(err) {
			t.Errorf("class %q: got %v, %v", name, class, err)
		}
	}
}
