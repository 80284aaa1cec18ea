package provision

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func TestMain(m *testing.M) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// world is what a Provisioner sees: real shares on temporary directories, and
// an API server of three maps.
type world struct {
	*testing.T
	*Provisioner
	claims   map[string]*v1.PersistentVolumeClaim // by namespace/name
	volumes  map[string]*v1.PersistentVolume
	classes  map[string]*storagev1.StorageClass
	apiError error // of every read that goes past the caches
	warnings []string
	// cloner stands in for package clone; nil where no claim is a clone.
	cloner func(on *share.Share, r share.Record) (share.Record, error)
	told   []string
}

// newWorld has the share "first" at nas:/export, and those that are given.
func newWorld(t *testing.T, more ...share.Location) *world {
	t.Helper()
	w := &world{
		T:       t,
		claims:  map[string]*v1.PersistentVolumeClaim{},
		volumes: map[string]*v1.PersistentVolume{},
		classes: map[string]*storagev1.StorageClass{},
	}
	var shares []*share.Share
	for _, l := range append([]share.Location{{Name: "first", Server: "nas", Path: "/export"}}, more...) {
		if l.Mount == "" {
			l.Mount = t.TempDir()
		}
		s := share.New(l, share.Options{Timeout: 30 * time.Second, Places: 4})
		t.Cleanup(func() {
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		shares = append(shares, s)
	}
	w.Provisioner = New(Config{
		Shares: shares, Cluster: "cluster-1",
		Claim: func(_ context.Context, namespace, name string) (*v1.PersistentVolumeClaim, error) {
			if claim, ok := w.claims[namespace+"/"+name]; ok || w.apiError != nil {
				return claim, w.apiError
			}
			return nil, apierrors.NewNotFound(v1.Resource("persistentvolumeclaims"), name)
		},
		Volume: func(_ context.Context, name string) (*v1.PersistentVolume, error) {
			if volume, ok := w.volumes[name]; ok || w.apiError != nil {
				return volume, w.apiError
			}
			return nil, apierrors.NewNotFound(v1.Resource("persistentvolumes"), name)
		},
		Class: func(name string) (*storagev1.StorageClass, error) {
			if class, ok := w.classes[name]; ok {
				return class, nil
			}
			return nil, apierrors.NewNotFound(storagev1.Resource("storageclasses"), name)
		},
		Overlapping: w.overlapping,
		Ledger:      capacity.NewLedger(),
		Warn: func(claim *v1.PersistentVolumeClaim, reason, message string) {
			w.warnings = append(w.warnings, claim.Name+" "+reason+": "+message)
		},
		Clone: func(_ context.Context, _ *v1.PersistentVolumeClaim, on *share.Share, r share.Record) (share.Record, error) {
			return w.cloner(on, r)
		},
		Tell: func(claim *v1.PersistentVolumeClaim, message string) {
			w.told = append(w.told, claim.Name+": "+message)
		},
	})
	return w
}

// overlapping goes through all volumes.
func (w *world) overlapping(on share.Location, d share.Directory) (some []*v1.PersistentVolume, _ error) {
	for _, name := range slices.Sorted(maps.Keys(w.volumes)) {
		volume := w.volumes[name]
		place, ok := on.Contains(volume.Spec.NFS.Server, volume.Spec.NFS.Path)
		if ok && (strings.HasPrefix(place+"/", d.String()+"/") || strings.HasPrefix(d.String()+"/", place+"/")) {
			some = append(some, volume)
		}
	}
	return some, nil
}

// sweep drops what is remembered of volumes that are gone.
func (w *world) sweep() {
	w.Helper()
	for _, s := range w.Shares {
		if _, err := s.Sweep(w.Context(), w.Cluster, func(string) bool { return false }); err != nil {
			w.Error(err)
		}
	}
}

// static is a volume that somebody made by hand.
func (w *world) static(name, path string) *v1.PersistentVolume {
	volume := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}}
	volume.Spec.NFS = &v1.NFSVolumeSource{Server: "nas", Path: path}
	w.volumes[name] = volume
	return volume
}

// class is a class of the name "gold" with these parameters, as pairs.
func (w *world) class(parameters ...string) *storagev1.StorageClass {
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "gold"}, Parameters: map[string]string{}}
	for i := 0; i < len(parameters); i += 2 {
		class.Parameters[parameters[i]] = parameters[i+1]
	}
	w.classes[class.Name] = class
	return class
}

// claim is a claim default/<name> of 1Gi, which exists.
func (w *world) claim(name string) *v1.PersistentVolumeClaim {
	claim := &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name)},
		Spec: v1.PersistentVolumeClaimSpec{
			AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteMany},
			Resources:   v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
	w.claims["default/"+name] = claim
	return claim
}

func options(class *storagev1.StorageClass, claim *v1.PersistentVolumeClaim) lib.ProvisionOptions {
	return lib.ProvisionOptions{StorageClass: class, PVC: claim, PVName: "pvc-" + string(claim.UID)}
}

// provision must make the volume of the claim, as the library completes it.
func (w *world) provision(class *storagev1.StorageClass, claim *v1.PersistentVolumeClaim) *v1.PersistentVolume {
	w.Helper()
	volume, state, err := w.Provision(w.Context(), options(class, claim))
	if err != nil || state != lib.ProvisioningFinished {
		w.Fatalf("Provision: state %s, %v", state, err)
	}
	volume.Spec.StorageClassName = class.Name
	volume.Spec.ClaimRef = &v1.ObjectReference{Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID}
	w.volumes[volume.Name] = volume
	w.Settled(volume.Name)
	return volume
}

// refused must not make anything, and say each of the words.
func (w *world) refused(class *storagev1.StorageClass, claim *v1.PersistentVolumeClaim, words ...string) {
	w.Helper()
	_ = w.refusal(class, claim, words...)
}

// refusal is refused, and returns the error.
func (w *world) refusal(class *storagev1.StorageClass, claim *v1.PersistentVolumeClaim, words ...string) error {
	w.Helper()
	before := w.names(0)
	volume, _, err := w.Provision(w.Context(), options(class, claim))
	if err == nil {
		w.Fatalf("not refused: %+v", volume)
	}
	expectWords(w.T, err, words...)
	if after := w.names(0); after != before {
		w.Errorf("the refusal changed the share from %q to %q", before, after)
	}
	return err
}

func expectWords(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Error("there is no error")
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

func (w *world) mount(i int) string { return w.Shares[i].Mount }

// names lists all directories and files on a share, records and trash apart.
func (w *world) names(i int) string {
	w.Helper()
	var names []string
	err := filepath.WalkDir(w.mount(i), func(path string, _ fs.DirEntry, err error) error {
		name := strings.TrimPrefix(strings.TrimPrefix(path, w.mount(i)), "/")
		switch {
		case name == ".nfs-provisioner":
			return fs.SkipDir
		case name != "":
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return strings.Join(names, " ")
}

// expectNames compares all that is on the first share.
func (w *world) expectNames(want string) {
	w.Helper()
	if got := w.names(0); got != want {
		w.Errorf("on the share is %q, want %q", got, want)
	}
}

func (w *world) write(i int, path string) {
	w.Helper()
	full := filepath.Join(w.mount(i), path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o777), os.WriteFile(full, []byte("data"), 0o666)); err != nil {
		w.Fatal(err)
	}
}
