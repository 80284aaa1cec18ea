package usage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clientgotesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func TestMain(m *testing.M) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// interval is that of the share "first".
const interval = 24 * time.Hour

// world is an API server, and two shares, of which the first is to be measured.
type world struct {
	*testing.T
	client *fake.Clientset
	shares []*share.Share
	events *record.FakeRecorder

	mu    sync.Mutex
	files map[string]int // that were looked at, by share
	known map[string]Known
	until int    // so many files are looked at before a meter is ended; 0 for no end
	while func() // once, when the next files have been looked at

	hangs atomic.Pointer[chan struct{}] // what changes the first share hangs until this is closed
}

func play(t *testing.T, test func(*world)) {
	t.Helper()
	mounts := []string{t.TempDir(), t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, client: fake.NewClientset(), events: record.NewFakeRecorder(1000), files: map[string]int{}}
		for i, l := range []share.Location{
			{Name: "first", Server: "nas", Path: "/first", UsageInterval: interval}, {Name: "second", Server: "nas", Path: "/second"},
		} {
			l.Mount = mounts[i]
			o := share.Options{Timeout: 30 * time.Second, Places: 4}
			if i == 0 {
				o.Fence = w.fence
			}
			w.shares = append(w.shares, share.New(l, o))
		}
		test(w)
		for _, s := range w.shares {
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
}

func (w *world) fence() error {
	if answer := w.hangs.Load(); answer != nil {
		<-*answer
	}
	return nil
}

// bound makes a volume pv-<name> of 1Mi, its claim default/<name> and its
// directory, with files of a KiB.
func (w *world) bound(on int, name string, files int) {
	w.Helper()
	claim := &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
	claim.Status.Conditions = []v1.PersistentVolumeClaimCondition{{Type: "example.org/Checked", Status: v1.ConditionTrue}}
	volume := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pv-" + name, UID: types.UID("pv-" + name)},
		Spec: v1.PersistentVolumeSpec{
			StorageClassName: "gold", Capacity: v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Mi")},
			ClaimRef:               &v1.ObjectReference{Namespace: "default", Name: name, UID: claim.UID},
			PersistentVolumeSource: v1.PersistentVolumeSource{NFS: &v1.NFSVolumeSource{Server: "nas", Path: w.shares[on].Path + "/" + name}},
		},
		Status: v1.PersistentVolumeStatus{Phase: v1.VolumeBound},
	}
	if err := w.client.Tracker().Add(claim); err != nil {
		w.Fatal(err)
	}
	if err := w.client.Tracker().Add(volume); err != nil {
		w.Fatal(err)
	}
	w.fill(on, name, files)
}

func (w *world) fill(on int, name string, files int) {
	w.Helper()
	folder := filepath.Join(w.shares[on].Mount, name)
	if err := os.RemoveAll(folder); err != nil {
		w.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		w.Fatal(err)
	}
	for i := range files {
		if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(i)), make([]byte, 1<<10), 0o600); err != nil {
			w.Fatal(err)
		}
	}
}

// large makes a volume hold 2Mi.
func (w *world) large(name string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.shares[0].Mount, name, "large"), make([]byte, 2<<20), 0o600); err != nil {
		w.Fatal(err)
	}
}

// grow gives a volume another size.
func (w *world) grow(name, size string) {
	w.Helper()
	v := w.volume(name)
	v.Spec.Capacity[v1.ResourceStorage] = resource.MustParse(size)
	if _, err := w.client.CoreV1().PersistentVolumes().Update(w.Context(), v, metav1.UpdateOptions{}); err != nil {
		w.Error(err)
	}
}

// start starts a meter, and returns what ends it.
func (w *world) start() (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	m := New(Config{
		Client: w.client,
		Volumes: func() (all []*v1.PersistentVolume) {
			list, err := w.client.CoreV1().PersistentVolumes().List(w.Context(), metav1.ListOptions{})
			if err != nil {
				w.Error(err)
			}
			for i := range list.Items {
				all = append(all, &list.Items[i])
			}
			return all
		},
		Volume: func(name string) *v1.PersistentVolume {
			v, err := w.client.CoreV1().PersistentVolumes().Get(w.Context(), name, metav1.GetOptions{})
			if err != nil {
				return nil
			}
			return v
		},
		Locate: func(v *v1.PersistentVolume) (*share.Share, share.Volume, error) {
			for _, s := range w.shares {
				if below, ok := s.Contains(v.Spec.NFS.Server, v.Spec.NFS.Path); ok {
					d, err := share.ParseDirectory(below)
					return s, share.Volume{Directory: d}, err
				}
			}
			return nil, share.Volume{}, fmt.Errorf("volume %s is on no share", v.Name)
		},
		Events: w.events,
		Looked: func(share string, files int) {
			w.mu.Lock()
			if w.files[share] += files; w.files[share] == w.until {
				cancel()
			}
			while := w.while
			w.while = nil
			w.mu.Unlock()
			if while != nil {
				while()
			}
		},
		Show: func(known map[string]Known) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.known = known
		},
	})
	var group sync.WaitGroup
	group.Go(func() { m.Run(ctx) })
	return func() { cancel(); group.Wait() }
}

func (w *world) volume(name string) *v1.PersistentVolume {
	w.Helper()
	v, err := w.client.CoreV1().PersistentVolumes().Get(w.Context(), "pv-"+name, metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return v
}

func (w *world) conditions(name string) (types []string) {
	w.Helper()
	c, err := w.client.CoreV1().PersistentVolumeClaims("default").Get(w.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	for _, condition := range c.Status.Conditions {
		types = append(types, string(condition.Type)+"="+string(condition.Status))
	}
	slices.Sort(types)
	return types
}

// patched counts the patches of volumes.
func (w *world) patched() (count int) {
	for _, did := range w.client.Actions() {
		if did.Matches("patch", "persistentvolumes") {
			count++
		}
	}
	w.client.ClearActions()
	return count
}

// looked is how many files were looked at on a share.
func (w *world) looked(share string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[share]
}

// gold is what is shown of the class that all volumes are of.
func (w *world) gold() Known {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known["gold"]
}

func TestWhatVolumesHoldIsWrittenOnThemOnceAnInterval(t *testing.T) {
	play(t, func(w *world) {
		w.bound(0, "data", 10)
		w.bound(0, "empty", 0)
		w.bound(1, "elsewhere", 10)
		defer w.start()()
		time.Sleep(interval - time.Hour)
		held, at, ok := read(w.volume("data"))
		if !ok || held < 10<<10 || held > 1<<20 || time.Since(at) < interval-2*time.Hour {
			t.Errorf("%d bytes at %v, %v", held, at, ok)
		}
		if held, _, ok := read(w.volume("empty")); !ok || held != 0 {
			t.Errorf("an empty one holds %d, %v", held, ok)
		}
		if _, _, ok := read(w.volume("elsewhere")); ok {
			t.Error("one of a share without an interval was measured")
		}
		if n := w.patched(); n != 2 {
			t.Errorf("%d patches", n)
		}
		if w.looked("first") != 10 || w.looked("second") != 0 {
			t.Errorf("looked at %d and %d", w.looked("first"), w.looked("second"))
		}
		if want := (Known{Volumes: 2, Bytes: float64(held)}); w.gold() != want {
			t.Errorf("shown are %+v", w.gold())
		}
		time.Sleep(2 * time.Hour)
		if n := w.patched(); n != 2 || w.looked("first") != 20 {
			t.Errorf("after the interval: %d patches, %v files", n, w.looked("first"))
		}
	})
}

func TestAClaimIsToldThatItsVolumeHoldsTooMuchAndWhenItDoesNotAnyMore(t *testing.T) {
	play(t, func(w *world) {
		w.bound(0, "data", 0)
		w.large("data")
		defer w.start()()
		for range 2 {
			time.Sleep(interval + time.Hour)
			if got := w.conditions("data"); !slices.Equal(got, []string{"example.org/Checked=True", "nfs-provisioner/OverCapacity=True"}) {
				t.Fatalf("%q", got)
			}
			if e := <-w.events.Events; !strings.HasPrefix(e, "Warning OverCapacity") || !strings.Contains(e, "1Mi") {
				t.Errorf("%q", e)
			}
			if w.gold().Over != 1 {
				t.Errorf("%+v", w.gold())
			}
		}
		w.fill(0, "data", 1)
		time.Sleep(interval + time.Hour)
		if got := w.conditions("data"); !slices.Equal(got, []string{"example.org/Checked=True"}) || w.gold().Over != 0 {
			t.Errorf("%q, %+v", got, w.gold())
		}
	})
}

const (
	foreign      = "example.org/Checked=True"
	overCapacity = "nfs-provisioner/OverCapacity=True"
)

func TestTheConditionGoesWhenTheClaimHasGrown(t *testing.T) {
	play(t, func(w *world) {
		w.bound(0, "data", 0)
		w.large("data")
		defer w.start()()
		time.Sleep(time.Hour)
		if got := w.conditions("data"); !slices.Equal(got, []string{foreign, overCapacity}) {
			t.Fatalf("%q", got)
		}
		if w.volume("data").Annotations[AnnotationOver] == "" {
			t.Error("the volume does not say that its claim was told")
		}
		w.grow("data", "10Mi")
		time.Sleep(interval)
		if got := w.conditions("data"); !slices.Equal(got, []string{foreign}) || w.gold().Over != 0 {
			t.Errorf("when it has grown: %q, %+v", got, w.gold())
		}
		if said, is := w.volume("data").Annotations[AnnotationOver]; is {
			t.Errorf("the volume says %q", said)
		}
	})
}

func TestThatAClaimIsWellIsToldLaterIfItCannotBeToldNow(t *testing.T) {
	play(t, func(w *world) {
		w.bound(0, "data", 0)
		w.large("data")
		var ill atomic.Bool
		w.client.PrependReactor("patch", "persistentvolumeclaims", func(clientgotesting.Action) (bool, runtime.Object, error) {
			return ill.Load(), nil, errors.New("the API server is ill")
		})
		defer w.start()()
		time.Sleep(time.Hour)
		ill.Store(true)
		w.fill(0, "data", 1)
		time.Sleep(interval)
		if got := w.conditions("data"); !slices.Contains(got, overCapacity) {
			t.Fatalf("%q", got)
		}
		ill.Store(false)
		time.Sleep(interval)
		if got := w.conditions("data"); !slices.Equal(got, []string{foreign}) {
			t.Errorf("%q", got)
		}
	})
}

func TestAVolumeThatGrowsWhileItIsMeasuredIsJudgedByWhatItHasThen(t *testing.T) {
	play(t, func(w *world) {
		w.bound(0, "data", 0)
		w.large("data")
		w.while = func() { w.grow("data", "10Mi") }
		defer w.start()()
		time.Sleep(time.Hour)
		if held, _, ok := read(w.volume("data")); !ok || held < 2<<20 {
			t.Errorf("%d bytes, %v", held, ok)
		}
		if got := w.conditions("data"); !slices.Equal(got, []string{foreign}) || len(w.events.Events) > 0 {
			t.Errorf("%q, and %d events", got, len(w.events.Events))
		}
	})
}

func TestAVolumeThatIsMadeAgainWhileItIsMeasuredIsLeftAlone(t *testing.T) {
	play(t, func(w *world) {
		w.bound(0, "data", 1)
		w.while = func() {
			again := w.volume("data")
			again.UID = "another"
			again.Status.Phase = v1.VolumeAvailable
			volumes := w.client.CoreV1().PersistentVolumes()
			err := volumes.Delete(t.Context(), again.Name, metav1.DeleteOptions{})
			if _, problem := volumes.Create(t.Context(), again, metav1.CreateOptions{}); err != nil || problem != nil {
				t.Errorf("%v, %v", err, problem)
			}
		}
		defer w.start()()
		time.Sleep(time.Hour)
		if n := w.patched(); n != 0 || w.looked("first") != 1 {
			t.Errorf("%d patches after %d files", n, w.looked("first"))
		}
	})
}

func TestOfAClaimThatIsWellNothingIsRead(t *testing.T) {
	play(t, func(w *world) {
		w.bound(0, "data", 1)
		defer w.start()()
		time.Sleep(3 * interval)
		for _, did := range w.client.Actions() {
			if did.GetResource().Resource == "persistentvolumeclaims" {
				t.Errorf("%s %s", did.GetVerb(), did.GetResource().Resource)
			}
		}
	})
}

func TestTheNextProcessGoesOnWhereTheOneBeforeItWas(t *testing.T) {
	play(t, func(w *world) {
		for i := range 10 {
			w.bound(0, fmt.Sprint("data-", i), 1)
		}
		w.until = 4
		stop := w.start()
		time.Sleep(time.Hour)
		stop()
		if n := w.patched(); n != 3 {
			t.Errorf("%d were measured when it ended in the middle of the fourth", n)
		}
		w.until = 0
		stop = w.start()
		time.Sleep(time.Hour)
		stop()
		if n := w.patched(); n != 7 || w.looked("first") != 11 {
			t.Errorf("then %d were measured; %v files were looked at", n, w.looked("first"))
		}
	})
}

func TestWhatCannotBeMeasuredHoldsUpNothing(t *testing.T) {
	play(t, func(w *world) {
		w.bound(0, "a-gone", 0)
		w.bound(0, "data", 1)
		if err := os.Remove(filepath.Join(w.shares[0].Mount, "a-gone")); err != nil {
			t.Fatal(err)
		}
		defer w.start()()
		time.Sleep(time.Hour)
		if _, _, ok := read(w.volume("data")); !ok {
			t.Error("another volume was not measured")
		}
		if _, _, ok := read(w.volume("a-gone")); ok {
			t.Error("what is not there was measured")
		}
		w.fill(0, "a-gone", 1)
		time.Sleep(interval)
		if _, _, ok := read(w.volume("a-gone")); !ok {
			t.Error("it was not tried again")
		}
	})
}

func TestAShareThatHangsHoldsUpNoOther(t *testing.T) {
	play(t, func(w *world) {
		w.bound(0, "a-first", 1)
		w.bound(1, "b-second", 1)
		w.shares[1].UsageInterval = interval
		answer := make(chan struct{})
		w.while = func() {
			w.hangs.Store(&answer)
			d, err := share.ParseDirectory("new")
			if err != nil {
				t.Error(err)
			}
			go func() {
				_, _ = w.shares[0].Make(context.Background(), share.Record{Cluster: "cluster-1", Volume: "pv-new", Directory: d}, share.MakeOptions{Mode: 0o777})
			}()
			time.Sleep(time.Millisecond) // until it hangs
		}
		defer w.start()()
		time.Sleep(time.Hour)
		if _, _, ok := read(w.volume("b-second")); !ok {
			t.Error("a volume of the other share was not measured")
		}
		close(answer)
		time.Sleep(interval)
		if _, _, ok := read(w.volume("a-first")); !ok {
			t.Error("the volume was not measured when its share answered")
		}
	})
}

func TestVolumesThatAreNotBoundAreNotMeasured(t *testing.T) {
	play(t, func(w *world) {
		w.bound(0, "data", 1)
		v := w.volume("data")
		v.Status.Phase = v1.VolumeReleased
		if _, err := w.client.CoreV1().PersistentVolumes().UpdateStatus(t.Context(), v, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		defer w.start()()
		time.Sleep(time.Hour)
		if n := w.patched(); n != 0 {
			t.Errorf("%d patches", n)
		}
	})
}

func TestWhatIsWrittenOnAVolumeByHandIsNotBelieved(t *testing.T) {
	for _, annotations := range []map[string]string{
		nil,
		{AnnotationBytes: "1"}, {AnnotationTime: "2026-01-31T12:00:00Z"},
		{AnnotationBytes: "-1", AnnotationTime: "2026-01-31T12:00:00Z"}, {AnnotationBytes: "1e30", AnnotationTime: "2026-01-31T12:00:00Z"},
		{AnnotationBytes: "1", AnnotationTime: "yesterday"},
	} {
		v := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Annotations: annotations}}
		if used, at, ok := read(v); ok {
			t.Errorf("%v is read as %d at %v", annotations, used, at)
		}
	}
}
