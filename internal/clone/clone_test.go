package clone

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// world is a Provisioner with a Cloner, two shares, and an API server of maps.
type world struct {
	*testing.T
	*provision.Provisioner
	claims  map[string]*v1.PersistentVolumeClaim // by name, all of namespace default
	volumes map[string]*v1.PersistentVolume
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, claims: map[string]*v1.PersistentVolumeClaim{}, volumes: map[string]*v1.PersistentVolume{}}
	var shares []*share.Share
	for _, name := range []string{"first", "second"} {
		s := share.New(share.Location{Name: name, Server: name, Path: "/export", Mount: t.TempDir()}, share.Options{Timeout: 30 * time.Second, Places: 4})
		t.Cleanup(func() {
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		shares = append(shares, s)
	}
	readClaim := func(_ context.Context, namespace, name string) (*v1.PersistentVolumeClaim, error) {
		if claim, ok := w.claims[name]; ok && namespace == claim.Namespace {
			return claim, nil
		}
		return nil, apierrors.NewNotFound(v1.Resource("persistentvolumeclaims"), name)
	}
	readVolume := func(_ context.Context, name string) (*v1.PersistentVolume, error) {
		if volume, ok := w.volumes[name]; ok {
			return volume, nil
		}
		return nil, apierrors.NewNotFound(v1.Resource("persistentvolumes"), name)
	}
	w.Provisioner = provision.New(provision.Config{
		Shares: shares, Cluster: "cluster-1", Claim: readClaim, Volume: readVolume,
		Class:       func(string) (*storagev1.StorageClass, error) { return nil, errors.New("not asked for") },
		Overlapping: func(share.Location, share.Directory) ([]*v1.PersistentVolume, error) { return nil, nil },
		Ledger:      capacity.NewLedger(),
		Warn:        func(*v1.PersistentVolumeClaim, string, string) {},
	})
	w.Clone = New(Config{
		Claim: readClaim, Volume: readVolume, Locate: w.Locate,
		Ours: func(volume *v1.PersistentVolume) bool { return volume.Labels["foreign"] == "" },
	}).Clone
	return w
}

// claim is a claim default/<name>, a clone if of is not "".
func (w *world) claim(name, size, of string) *v1.PersistentVolumeClaim {
	claim := &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name)},
		Spec:       v1.PersistentVolumeClaimSpec{Resources: v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse(size)}}},
	}
	if of != "" {
		claim.Spec.DataSource = &v1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: of}
		claim.Spec.DataSourceRef = &v1.TypedObjectReference{Kind: "PersistentVolumeClaim", Name: of}
	}
	w.claims[name] = claim
	return claim
}

// ask provisions a claim on a share, to the end of its copy.
func (w *world) ask(claim *v1.PersistentVolumeClaim, on string) (*v1.PersistentVolume, error) {
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "gold"}, Parameters: map[string]string{"share": on, "pathPattern": "${.PVC.name}"}}
	for {
		volume, _, err := w.Provision(w.Context(), lib.ProvisionOptions{StorageClass: class, PVC: claim, PVName: "pvc-" + string(claim.UID)})
		var ignored *lib.IgnoredError
		if !errors.As(err, &ignored) || !strings.Contains(err.Error(), share.ErrCloning.Error()) {
			return volume, err
		}
	}
}

// bound is a claim with its volume, in which there is a file.
func (w *world) bound(name, size, on string) *v1.PersistentVolumeClaim {
	w.Helper()
	claim := w.claim(name, size, "")
	volume, err := w.ask(claim, on)
	if err != nil {
		w.Fatal(err)
	}
	volume.Spec.ClaimRef = &v1.ObjectReference{Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID}
	w.volumes[volume.Name] = volume
	w.Settled(volume.Name)
	claim.Spec.VolumeName, claim.Status.Phase = volume.Name, v1.ClaimBound
	if err := os.WriteFile(w.place(on, name+"/file"), []byte("data of "+name), 0o644); err != nil {
		w.Fatal(err)
	}
	return claim
}

func (w *world) place(on, path string) string {
	for _, s := range w.Shares {
		if s.Name == on {
			return filepath.Join(s.Mount, path)
		}
	}
	return ""
}

func (w *world) expectData(on, path, want string) {
	w.Helper()
	if got, err := os.ReadFile(w.place(on, path)); err != nil || string(got) != want {
		w.Errorf("%s on share %s holds %q (%v), want %q", path, on, got, err, want)
	}
}

// expectNothing is for what must not be left of a clone.
func (w *world) expectNothing(on, name string) {
	w.Helper()
	for _, path := range []string{name, ".nfs-provisioner/records/" + name} {
		if _, err := os.Lstat(w.place(on, path)); !os.IsNotExist(err) {
			w.Errorf("%s is there (%v)", path, err)
		}
	}
	if left, err := os.ReadDir(w.place(on, ".nfs-provisioner/clones")); len(left) > 0 || err != nil && !os.IsNotExist(err) {
		w.Errorf("copies are left: %v (%v)", left, err)
	}
}

func expectWords(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("there is no error")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

func TestACloneHasTheDataOfItsSource(t *testing.T) {
	for _, on := range []string{"first", "second"} {
		t.Run("on share "+on, func(t *testing.T) {
			w := newWorld(t)
			w.bound("a", "1Gi", "first")
			volume, err := w.ask(w.claim("b", "2Gi", "a"), on)
			if err != nil {
				t.Fatal(err)
			}
			if got := volume.Spec.Capacity[v1.ResourceStorage]; got.String() != "2Gi" || volume.Spec.NFS.Server != on || volume.Spec.NFS.Path != "/export/b" {
				t.Errorf("the volume is %+v", volume.Spec)
			}
			w.expectData(on, "b/file", "data of a")
			w.expectData("first", "a/file", "data of a")
		})
	}
}

func TestASourceThatCannotBeClonedIsRefusedInWordsThatHelp(t *testing.T) {
	other := "other"
	for name, c := range map[string]struct {
		spoil func(w *world, clone, source *v1.PersistentVolumeClaim)
		words []string
	}{
		"missing": {func(w *world, _, _ *v1.PersistentVolumeClaim) { delete(w.claims, "a") }, []string{"default/a does not exist", "waits"}},
		"made anew, not bound": {func(_ *world, _, source *v1.PersistentVolumeClaim) {
			source.Spec.VolumeName, source.Status.Phase = "", v1.ClaimPending
		}, []string{"default/a", "not bound", "waits"}},
		"being deleted": {func(_ *world, _, source *v1.PersistentVolumeClaim) {
			source.DeletionTimestamp = &metav1.Time{Time: time.Now()}
		}, []string{"default/a is being deleted"}},
		"without a volume": {func(w *world, _, source *v1.PersistentVolumeClaim) { delete(w.volumes, source.Spec.VolumeName) },
			[]string{"volume pvc-uid-a", "does not exist"}},
		"another provisioner's": {func(w *world, _, source *v1.PersistentVolumeClaim) {
			w.volumes[source.Spec.VolumeName].Labels = map[string]string{"foreign": "yes"}
		}, []string{"not made by this provisioner", "a pod that mounts both"}},
		"larger": {func(w *world, _, source *v1.PersistentVolumeClaim) {
			w.volumes[source.Spec.VolumeName].Spec.Capacity[v1.ResourceStorage] = resource.MustParse("1025Mi")
		}, []string{"asks for 1Gi", "default/a", "has 1025Mi"}},
		"in another namespace": {func(_ *world, clone, _ *v1.PersistentVolumeClaim) {
			clone.Spec.DataSource, clone.Spec.DataSourceRef.Namespace = nil, &other
		}, []string{"other/a", "own namespace", "dataSourceRef.namespace"}},
		"itself": {func(_ *world, clone, _ *v1.PersistentVolumeClaim) { clone.Spec.DataSourceRef.Name = "b" }, []string{"itself"}},
		"a directory that is no more": {func(w *world, _, _ *v1.PersistentVolumeClaim) {
			if err := os.RemoveAll(w.place("first", "a")); err != nil {
				w.Fatal(err)
			}
		}, []string{`"a"`, "is gone"}},
		"bound to another claim's volume, as it says": {func(w *world, _, source *v1.PersistentVolumeClaim) {
			w.bound("victim", "1Gi", "first")
			source.Spec.VolumeName = "pvc-uid-victim"
		}, []string{"default/a", "belongs to claim default/victim"}},
		"edited by hand": {func(w *world, _, source *v1.PersistentVolumeClaim) {
			w.bound("victim", "1Gi", "first")
			w.volumes[source.Spec.VolumeName].Spec.NFS.Path = "/export/victim"
		}, []string{provision.AnnotationDirectory, "until they agree"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			source, claim := w.bound("a", "1Gi", "first"), w.claim("b", "1Gi", "a")
			c.spoil(w, claim, source)
			_, err := w.ask(claim, "first")
			expectWords(t, err, c.words...)
			w.expectNothing("first", "b")
		})
	}
}

func TestACloneThatWaitsForItsSourceIsMadeWhenItIsThere(t *testing.T) {
	w := newWorld(t)
	claim := w.claim("b", "1Gi", "a")
	_, err := w.ask(claim, "first")
	expectWords(t, err, "does not exist")
	w.bound("a", "1Gi", "first")
	if _, err := w.ask(claim, "first"); err != nil {
		t.Fatal(err)
	}
	w.expectData("first", "b/file", "data of a")
}

func TestAWholeCopyNeedsNoSourceAnyMore(t *testing.T) {
	w := newWorld(t)
	w.bound("a", "1Gi", "first")
	claim := w.claim("b", "1Gi", "a")
	first, err := w.ask(claim, "first")
	if err != nil {
		t.Fatal(err)
	}
	// The volume could not be saved, and meanwhile the source is deleted.
	delete(w.claims, "a")
	second, err := w.ask(claim, "first")
	if err != nil || second.Spec.NFS.Path != first.Spec.NFS.Path {
		t.Errorf("then the volume is %+v (%v)", second, err)
	}
	w.expectData("first", "b/file", "data of a")
}

// begun is a clone that another process has begun and not ended.
func (w *world) begun(name string) {
	w.Helper()
	record := `{"version":1,"cluster":"cluster-1","volume":"pvc-uid-` + name + `","claim":{"namespace":"default","name":"` + name + `","uid":"uid-` + name +
		`"},"directory":"` + name + `","state":"active","copy":"pvc-uid-` + name + `_BEGUN","changed":"2026-01-01T00:00:00Z"}` + "\n"
	for path, content := range map[string]string{
		".nfs-provisioner/records/" + name:                        record,
		".nfs-provisioner/clones/pvc-uid-" + name + "_BEGUN/half": "half",
	} {
		place := w.place("first", path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(place), 0o700), os.WriteFile(place, []byte(content), 0o600)); err != nil {
			w.Fatal(err)
		}
	}
}

func TestWhatAnotherProcessBeganIsBegunAnew(t *testing.T) {
	w := newWorld(t)
	source, claim := w.bound("a", "1Gi", "first"), w.claim("b", "1Gi", "a")
	w.begun("b")
	// The source has grown since.
	w.volumes[source.Spec.VolumeName].Spec.Capacity[v1.ResourceStorage] = resource.MustParse("5Gi")
	if _, err := w.ask(claim, "first"); err != nil {
		t.Fatal(err)
	}
	w.expectData("first", "b/file", "data of a")
	if _, err := os.Lstat(w.place("first", "b/half")); !os.IsNotExist(err) {
		t.Errorf("the half of the earlier copy is there (%v)", err)
	}
}

func TestIfTheSourceIsGoneWhatWasCopiedGoesToo(t *testing.T) {
	w := newWorld(t)
	claim := w.claim("b", "1Gi", "a")
	w.begun("b")
	_, err := w.ask(claim, "first")
	expectWords(t, err, "default/a does not exist")
	w.expectNothing("first", "b")
}

func TestACloneWhoseClaimVanishesLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.bound("a", "1Gi", "first")
	claim := w.claim("b", "1Gi", "a")
	w.begun("b")
	delete(w.claims, "b")
	volume, err := w.ask(claim, "first")
	if volume != nil {
		t.Errorf("it has a volume (%v)", err)
	}
	w.expectNothing("first", "b")
}
