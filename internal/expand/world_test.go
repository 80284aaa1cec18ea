package expand

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clientgotesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func TestMain(m *testing.M) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	os.Exit(m.Run())
}

var (
	claimsOf  = v1.SchemeGroupVersion.WithResource("persistentvolumeclaims")
	volumesOf = v1.SchemeGroupVersion.WithResource("persistentvolumes")
)

// world is an API server, one share at nas:/export, and processes that expand.
// It is played in the bubble of a test, where time passes when nothing else is
// to be done.
type world struct {
	*testing.T
	client *fake.Clientset
	on     *share.Share
	ledger *capacity.Ledger
	ratio  string // of the class

	mu       sync.Mutex
	version  int
	requests []string // "claim NAME" and "volume NAME", for every patch
	fail     func(request string) error
	outcomes map[Outcome]int
}

// play runs a test in a world.
func play(t *testing.T, test func(*world)) {
	t.Helper()
	mount := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, client: fake.NewClientset(), ledger: capacity.NewLedger(), version: 100, outcomes: map[Outcome]int{}}
		w.on = share.New(share.Location{Name: "first", Server: "nas", Path: "/export", Mount: mount}, share.Options{Timeout: 30 * time.Second, Places: 4})
		if err := w.on.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, of := range []string{"persistentvolumeclaims", "persistentvolumes"} {
			w.client.PrependReactor("patch", of, w.patch)
		}
		test(w)
		if err := w.on.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// patch does what an API server does and the fake one does not: it gives objects
// versions, and refuses a patch that was made for another one.
func (w *world) patch(action clientgotesting.Action) (bool, runtime.Object, error) {
	patch := action.(clientgotesting.PatchAction)
	request := "volume " + patch.GetName()
	if patch.GetNamespace() != "" {
		request = "claim " + patch.GetName()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, request)
	if w.fail != nil {
		if err := w.fail(request); err != nil {
			return true, nil, err
		}
	}
	current, err := w.client.Tracker().Get(patch.GetResource(), patch.GetNamespace(), patch.GetName())
	if err != nil {
		return true, nil, err
	}
	before, err := meta.Accessor(current)
	if err != nil {
		return true, nil, err
	}
	var asked struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(patch.GetPatch(), &asked); err != nil {
		return true, nil, err
	}
	if asked.Metadata.ResourceVersion != before.GetResourceVersion() || asked.Metadata.UID != before.GetUID() {
		return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: patch.GetResource().Resource}, patch.GetName(), io.EOF)
	}
	data, err := json.Marshal(current)
	if err != nil {
		return true, nil, err
	}
	if patched, isVolume := current.(*v1.PersistentVolume); isVolume {
		after := patched.DeepCopy()
		err = json.Unmarshal(patch.GetPatch(), after)
		return true, after, w.save(volumesOf, after, err)
	}
	var after v1.PersistentVolumeClaim
	if data, err = strategicpatch.StrategicMergePatch(data, patch.GetPatch(), v1.PersistentVolumeClaim{}); err == nil {
		err = json.Unmarshal(data, &after)
	}
	if patch.GetSubresource() != "status" {
		w.Errorf("claim %s was patched, not its status", patch.GetName())
	}
	return true, &after, w.save(claimsOf, &after, err)
}

// save gives an object its next version.
func (w *world) save(kind schema.GroupVersionResource, object runtime.Object, err error) error {
	if err != nil {
		return err
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	w.version++
	accessor.SetResourceVersion(strconv.Itoa(w.version))
	return w.client.Tracker().Update(kind, object, accessor.GetNamespace())
}

// bound makes a claim default/<name>, and the volume pv-<name> that it is bound
// to, of one size.
func (w *world) bound(name, size string, change ...func(*v1.PersistentVolumeClaim, *v1.PersistentVolume)) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	class := "gold"
	storage := v1.ResourceList{v1.ResourceStorage: resource.MustParse(size)}
	w.version++
	claim := &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name), ResourceVersion: strconv.Itoa(w.version)},
		Spec: v1.PersistentVolumeClaimSpec{
			VolumeName: "pv-" + name, StorageClassName: &class, Resources: v1.VolumeResourceRequirements{Requests: storage},
		},
		Status: v1.PersistentVolumeClaimStatus{Phase: v1.ClaimBound, Capacity: storage.DeepCopy()},
	}
	w.version++
	volume := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pv-" + name, UID: types.UID("uid-pv-" + name), ResourceVersion: strconv.Itoa(w.version)},
		Spec: v1.PersistentVolumeSpec{
			StorageClassName: class, Capacity: storage.DeepCopy(),
			ClaimRef:               &v1.ObjectReference{Namespace: "default", Name: name, UID: claim.UID},
			PersistentVolumeSource: v1.PersistentVolumeSource{NFS: &v1.NFSVolumeSource{Server: "nas", Path: "/export/" + name}},
		},
	}
	for _, c := range change {
		c(claim, volume)
	}
	for _, o := range []runtime.Object{claim, volume} {
		if err := w.client.Tracker().Add(o); err != nil {
			w.Fatal(err)
		}
	}
	w.ledger.Show(volume.Name, "first", volume.Spec.Capacity[v1.ResourceStorage])
}

// made makes the directory of a claim, with its record.
func (w *world) made(name, size string) {
	w.Helper()
	d, err := share.ParseDirectory(name)
	if err == nil {
		_, err = w.on.Make(w.Context(), share.Record{
			Cluster: "cluster-1", Volume: "pv-" + name, Claim: share.Claim{Namespace: "default", Name: name, UID: "uid-" + name},
			Directory: d, Capacity: size,
		}, share.MakeOptions{Mode: 0o777})
	}
	if err != nil {
		w.Fatal(err)
	}
}

// record is the file of a directory's record.
func (w *world) record(name string) string {
	return filepath.Join(w.on.Mount, ".nfs-provisioner/records", name)
}

// edit makes a claim ask for another size.
func (w *world) edit(name, size string) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	claim := w.claim(name)
	claim.Spec.Resources.Requests[v1.ResourceStorage] = resource.MustParse(size)
	if err := w.save(claimsOf, claim, nil); err != nil {
		w.Fatal(err)
	}
}

func (w *world) claim(name string) *v1.PersistentVolumeClaim {
	w.Helper()
	o, err := w.client.Tracker().Get(claimsOf, "default", name)
	if err != nil {
		w.Fatal(err)
	}
	return o.(*v1.PersistentVolumeClaim).DeepCopy()
}

func (w *world) volume(name string) *v1.PersistentVolume {
	w.Helper()
	o, err := w.client.Tracker().Get(volumesOf, "", "pv-"+name)
	if err != nil {
		w.Fatal(err)
	}
	return o.(*v1.PersistentVolume).DeepCopy()
}

// patched are the patches since the last call.
func (w *world) patched() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.requests
	w.requests = nil
	return all
}

func (w *world) failing(fail func(request string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = fail
}

// count is how many attempts have ended so.
func (w *world) count(o Outcome) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outcomes[o]
}

// process is one process that leads, or believes that it does.
type process struct {
	events *record.FakeRecorder
	stop   func() // and waits for its end
}

// start starts a process and lets it do what there is to do.
func (w *world) start(change ...func(*Config)) *process {
	w.Helper()
	factory := informers.NewSharedInformerFactory(w.client, 0)
	claims, volumes := factory.Core().V1().PersistentVolumeClaims().Informer(), factory.Core().V1().PersistentVolumes().Informer()
	if _, err := volumes.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: w.shown, UpdateFunc: func(_, o any) { w.shown(o) },
	}); err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	factory.StartWithContext(ctx)
	factory.WaitForCacheSyncWithContext(ctx)
	p := &process{events: record.NewFakeRecorder(1000)}
	c := Config{
		Client: w.client, Cluster: "cluster-1", Claims: claims,
		Volume: func(name string) (*v1.PersistentVolume, bool) {
			o, found, err := volumes.GetStore().GetByKey(name)
			volume, _ := o.(*v1.PersistentVolume)
			return volume, found && err == nil
		},
		Locate: func(v *v1.PersistentVolume) (*share.Share, share.Volume, error) {
			below, _ := w.on.Contains(v.Spec.NFS.Server, v.Spec.NFS.Path)
			d, err := share.ParseDirectory(below)
			return w.on, share.Volume{Directory: d}, err
		},
		Ratio: func(string) (*capacity.Ratio, error) {
			if w.ratio == "" {
				return nil, nil
			}
			return capacity.ParseRatio(w.ratio)
		},
		Ledger: w.ledger, Events: p.events, Open: func() bool { return true }, Fence: func() error { return nil },
		Ended: func(o Outcome) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.outcomes[o]++
		},
		Workers: 4, Timeout: 30 * time.Second, FirstRetry: 50 * time.Millisecond, LastRetry: 20 * time.Second,
	}
	for _, f := range change {
		f(&c)
	}
	var group sync.WaitGroup
	group.Go(func() { New(c).Run(ctx) })
	p.stop = func() {
		cancel()
		group.Wait()
		factory.Shutdown()
	}
	synctest.Wait()
	return p
}

func (w *world) shown(o any) {
	if v, ok := o.(*v1.PersistentVolume); ok {
		w.ledger.Show(v.Name, "first", v.Spec.Capacity[v1.ResourceStorage])
	}
}

// told are the events of a process since the last call.
func (p *process) told() (all []string) {
	for {
		select {
		case e := <-p.events.Events:
			all = append(all, e)
		default:
			return all
		}
	}
}
