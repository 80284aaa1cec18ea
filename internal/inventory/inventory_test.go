package inventory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// world is a share and the volumes of a cluster.
type world struct {
	*testing.T
	*share.Share
	volumes map[string]*v1.PersistentVolume
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s := share.New(share.Location{Name: "first", Server: "nas", Path: "/export", Mount: t.TempDir()},
		share.Options{Timeout: 30 * time.Second, Places: 2})
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &world{t, s, map[string]*v1.PersistentVolume{}}
}

func (w *world) source(context.Context) ([]*v1.PersistentVolume, error) {
	return slices.Collect(maps.Values(w.volumes)), nil
}

// static is a volume that knows nothing of us.
func (w *world) static(name, path string) *v1.PersistentVolume {
	v := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}}
	v.Spec.NFS = &v1.NFSVolumeSource{Server: "nas", Path: path}
	v.Spec.PersistentVolumeReclaimPolicy = v1.PersistentVolumeReclaimDelete
	v.Spec.ClaimRef = &v1.ObjectReference{Namespace: "default", Name: "of-" + name, UID: "uid"}
	w.volumes[name] = v
	return v
}

// volume is one of ours.
func (w *world) volume(name, directory string) *v1.PersistentVolume {
	v := w.static(name, "/export/"+directory)
	v.Annotations = map[string]string{provision.AnnotationDirectory: directory}
	return v
}

func record(t *testing.T, volume, path string) share.Record {
	t.Helper()
	d, err := share.ParseDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	return share.Record{
		Cluster: "cluster-1", Volume: volume, Directory: d,
		Claim:   share.Claim{Namespace: "default", Name: "of-" + volume, UID: "uid"},
		Changed: time.Now().Add(-time.Hour).UTC().Truncate(time.Second),
	}
}

// make makes the directory of a volume, an hour ago.
func (w *world) make(r share.Record, shared bool) {
	w.Helper()
	if _, err := w.Make(w.Context(), r, share.MakeOptions{Mode: 0o777, AllowShared: shared}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) mkdir(path string) {
	w.Helper()
	if err := os.MkdirAll(filepath.Join(w.Mount, path), 0o755); err != nil {
		w.Fatal(err)
	}
}

// expect compares the inventory: directory, volume and state of each item.
func (w *world) expect(want ...string) []Item {
	w.Helper()
	items, err := Take(w.Context(), w.Share, "cluster-1", w.source)
	if err != nil {
		w.Fatal(err)
	}
	var got []string
	for _, i := range items {
		if i.Share != "first" {
			w.Errorf("%+v is on no share", i)
		}
		got = append(got, strings.TrimSpace(i.Directory+" "+i.Volume)+" "+string(i.State))
	}
	if !slices.Equal(got, want) {
		w.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return items
}

func TestEveryDirectoryAndEveryVolumeHasAState(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, name := range []string{"bound", "team/deep", "missing", "orphan", "kept", "archive-me", "binned"} {
		w.make(record(t, "pv-"+filepath.Base(name), name), false)
	}
	w.volume("pv-bound", "bound")
	w.volume("pv-deep", "team/deep")
	w.volume("pv-missing", "missing")
	w.volume("pv-never", "never")
	w.volume("pv-unproven", "unproven")
	w.volume("pv-outside", "../outside").Spec.NFS.Path = "/elsewhere/x"
	w.static("pv-adopted", "/export/old/adopted")
	w.static("pv-lost", "/export/old/lost")
	w.static("pv-inside", "/export/bound/inside")
	w.static("pv-root", "/export")
	for _, path := range []string{"unproven", "old/adopted", "old/leftover", "bound/inside", "foreign", "archived-of-old"} {
		w.mkdir(path)
	}
	pending := record(t, "pv-pending", "pending")
	pending.Changed = time.Time{} // now
	w.make(pending, false)
	other := record(t, "pv-other", "other")
	other.Cluster = "cluster-2"
	w.make(other, false)
	if err := os.Remove(filepath.Join(w.Mount, "missing")); err != nil {
		t.Fatal(err)
	}
	of := func(name, path string) share.Volume {
		r := record(t, name, path)
		return share.Volume{Name: name, Cluster: r.Cluster, Claim: r.Claim, Directory: r.Directory}
	}
	_, err := w.Archive(ctx, of("pv-archive-me", "archive-me"))
	if err := errors.Join(err, w.Retain(ctx, of("pv-kept", "kept")), w.Remove(ctx, of("pv-binned", "binned")),
		os.WriteFile(filepath.Join(w.Mount, ".nfs-provisioner/records/damaged"), []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	trash := filepath.Join(w.Mount, ".nfs-provisioner/trash/pv-binned")
	if err := os.Rename(filepath.Join(w.Mount, ".nfs-provisioner/removed/pv-binned"), trash+"_record"); err != nil {
		t.Fatal(err)
	}
	w.mkdir(".nfs-provisioner/trash/pv-binned") // not empty yet
	items := w.expect(
		".nfs-provisioner/trash/pv-binned pv-binned trash",
		"archived-archive-me-pv-archive-me pv-archive-me archived",
		"archived-of-old archived",
		"bound pv-bound bound",
		"bound/inside pv-inside adopted",
		"damaged damaged",
		"foreign unrecorded",
		"kept pv-kept released",
		"missing pv-missing missing",
		"never pv-never missing",
		"old/adopted pv-adopted adopted",
		"old/leftover unrecorded",
		"old/lost pv-lost missing",
		"orphan pv-orphan orphan",
		"other pv-other foreign",
		"pending pv-pending pending",
		"team/deep pv-deep bound",
		"unproven pv-unproven unproven",
	)
	count := Count(items)
	if len(count) != len(States()) || count[Missing] != 3 || count[Bound] != 2 || count[Orphan] != 1 {
		t.Errorf("counted %v", count)
	}
}

func TestADirectoryWhoseVolumeIsElsewhereIsAnOrphan(t *testing.T) {
	w := newWorld(t)
	w.make(record(t, "pv-1", "before"), false)
	w.volume("pv-1", "after")
	w.make(record(t, "pv-1", "after"), false)
	w.expect("after pv-1 bound", "before pv-1 orphan")
}

func TestEveryVolumeThatSharesADirectoryIsListed(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"pv-1", "pv-2", "pv-ghost"} {
		w.make(record(t, name, "common"), true)
	}
	w.volume("pv-1", "common")
	w.volume("pv-2", "common")
	items := w.expect("common pv-1 bound", "common pv-2 bound", "common pv-ghost orphan")
	if ghost := items[2]; ghost.Claim != "default/of-pv-ghost" || ghost.Owner.UID != "uid" {
		t.Errorf("the ghost is %+v", ghost)
	}
}

func TestAVolumeOnItsWayOutIsNotMissing(t *testing.T) {
	w := newWorld(t)
	w.volume("pv-released", "gone").Status.Phase = v1.VolumeReleased
	now := metav1.Now()
	w.volume("pv-deleted", "too").DeletionTimestamp = &now
	w.expect()
	kept := w.volume("pv-kept", "kept")
	kept.Status.Phase = v1.VolumeReleased
	kept.Spec.PersistentVolumeReclaimPolicy = v1.PersistentVolumeReclaimRetain
	w.expect("kept pv-kept missing")
}

// The volumes are read before and after the share; what came between is no
// finding.
func TestWhatComesAndGoesMeanwhileIsNotReported(t *testing.T) {
	w := newWorld(t)
	w.make(record(t, "pv-late", "late"), false)
	read := 0
	items, err := Take(t.Context(), w.Share, "cluster-1", func(ctx context.Context) ([]*v1.PersistentVolume, error) {
		if read++; read == 2 {
			w.volume("pv-late", "late")
		}
		return w.source(ctx)
	})
	if err != nil || len(items) != 1 || items[0].State != Bound {
		t.Errorf("got %+v, %v", items, err)
	}
}

func TestAShareOrVolumesThatCannotBeReadAreAnError(t *testing.T) {
	w := newWorld(t)
	away := errors.New("the API server is away")
	if _, err := Take(t.Context(), w.Share, "cluster-1", func(context.Context) ([]*v1.PersistentVolume, error) { return nil, away }); !errors.Is(err, away) {
		t.Errorf("volumes: %v", err)
	}
	gone := share.New(share.Location{Name: "gone", Server: "nas", Path: "/export", Mount: "/does/not/exist"}, share.Options{Timeout: time.Second, Places: 1})
	if _, err := Take(t.Context(), gone, "cluster-1", w.source); !errors.Is(err, share.ErrUnfit) {
		t.Errorf("share: %v", err)
	}
}

func TestTakingAnInventoryChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.make(record(t, "pv-orphan", "orphan"), false)
	w.mkdir("foreign")
	before := w.tree()
	w.expect("foreign unrecorded", "orphan pv-orphan orphan")
	if after := w.tree(); after != before {
		t.Errorf("the share was\n%s\nand is\n%s", before, after)
	}
}

func (w *world) tree() string {
	w.Helper()
	var names []string
	err := filepath.WalkDir(w.Mount, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return strings.Join(names, "\n")
}

func TestACopyInTheMakingIsNoOrphan(t *testing.T) {
	w := newWorld(t)
	w.make(record(t, "pv-1", "source"), false)
	w.volume("pv-1", "source")
	if err := os.Mkdir(filepath.Join(w.Mount, "source", "folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	// One that its process has left unfinished.
	r := record(t, "pv-2", "copy")
	r.Copy = "pv-2_BEGUN"
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Replace(data, []byte(`"version":0`), []byte(`"version":1`), 1)
	data = bytes.Replace(data, []byte(`"state":""`), []byte(`"state":"active"`), 1)
	for path, content := range map[string][]byte{
		".nfs-provisioner/records/copy":           data,
		".nfs-provisioner/clones/pv-2_BEGUN/half": nil,
		".nfs-provisioner/clones/pv-9_STRAY/half": nil,
	} {
		full := filepath.Join(w.Mount, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o700), os.WriteFile(full, content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	items, err := Take(t.Context(), w.Share, "cluster-1", w.source)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]State{}
	for _, i := range items {
		got[i.Directory] = i.State
	}
	want := map[string]State{"source": Bound, "copy": Cloning, ".nfs-provisioner/clones/pv-9_STRAY": Orphan}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
