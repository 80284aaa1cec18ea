package controller

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clientgotesting "k8s.io/client-go/testing"
	"k8s.io/klog/v2"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func TestMain(m *testing.M) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// olderName is the provisioner's name of an install that was adopted.
const olderName = "fuseim.pri/ifs"

// system is a cluster whose API server is a fake, one share, and the program
// but for its process.
type system struct {
	*testing.T
	client *fake.Clientset
	mount  string
	stop   func() error // asks the program to stop and says how it ended
}

// watchCopies lets a fake API server give copies of its objects to who watches
// them, as each client of a real one has its own.
func watchCopies(client *fake.Clientset) {
	client.PrependWatchReactor("*", func(action clientgotesting.Action) (bool, watch.Interface, error) {
		var options metav1.ListOptions
		if a, ok := action.(clientgotesting.WatchActionImpl); ok {
			options = a.ListOptions
		}
		w, err := client.Tracker().Watch(action.GetResource(), action.GetNamespace(), options)
		if err != nil {
			return true, nil, err
		}
		return true, watch.Filter(w, func(e watch.Event) (watch.Event, bool) {
			e.Object = e.Object.DeepCopyObject()
			return e, true
		}), nil
	})
}

func start(t *testing.T, objects ...runtime.Object) *system {
	t.Helper()
	return startAgainst(t, func(*system) {}, objects...)
}

// startAgainst is start with an API server that was prepared.
func startAgainst(t *testing.T, prepare func(*system), objects ...runtime.Object) *system {
	t.Helper()
	s := &system{T: t, mount: t.TempDir()}
	s.client = fake.NewClientset(append(objects,
		&v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: metav1.NamespaceSystem, UID: "cluster-1"}},
		&storagev1.StorageClass{
			ObjectMeta:  metav1.ObjectMeta{Name: "gold"},
			Provisioner: valid().Provisioner,
			Parameters:  map[string]string{"pathPattern": "${.PVC.namespace}/${.PVC.name}", "onDelete": "delete"},
		})...)
	watchCopies(s.client)
	allow(s.client, func(*authorizationv1.ResourceAttributes) bool { return true })
	prepare(s)
	c := valid()
	c.Additional = []string{olderName}
	c.Shares = []share.Location{{Name: "first", Server: "nas", Path: "/export", Mount: s.mount}}
	r := &runner{Config: c, clients: connected(s.client, s.client)}
	ctx, cancel := context.WithCancel(context.Background())
	if err := errors.Join(r.build(), r.prepare(ctx)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx) }()
	stopped := false
	s.stop = func() error {
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if !stopped {
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

func claimOf(name string) *v1.PersistentVolumeClaim {
	class := "gold"
	return &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, UID: types.UID("uid-" + name),
			Annotations: map[string]string{"volume.kubernetes.io/storage-provisioner": valid().Provisioner},
		},
		Spec: v1.PersistentVolumeClaimSpec{
			StorageClassName: &class,
			AccessModes:      []v1.PersistentVolumeAccessMode{v1.ReadWriteMany},
			Resources:        v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
}

// await watches objects of one kind until one of them is as wanted.
func await[T runtime.Object](s *system, w func(context.Context, metav1.ListOptions) (watch.Interface, error), list func() []T, what string, wanted func(T) bool) T {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	events, err := w(ctx, metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	defer events.Stop()
	for _, o := range list() {
		if wanted(o) {
			return o
		}
	}
	for {
		select {
		case event := <-events.ResultChan():
			if o, ok := event.Object.(T); ok && wanted(o) {
				return o
			}
		case <-ctx.Done():
			s.Fatalf("%s never came", what)
		}
	}
}

func (s *system) awaitVolume(name string) *v1.PersistentVolume {
	s.Helper()
	volumes := s.client.CoreV1().PersistentVolumes()
	return await(s, volumes.Watch, func() []*v1.PersistentVolume {
		if v, err := volumes.Get(s.Context(), name, metav1.GetOptions{}); err == nil {
			return []*v1.PersistentVolume{v}
		}
		return nil
	}, "volume "+name, func(v *v1.PersistentVolume) bool { return v.Name == name })
}

// awaitEvent waits for an event that says all these words.
func (s *system) awaitEvent(words ...string) {
	s.Helper()
	says := func(e *v1.Event) bool {
		for _, word := range words {
			if !strings.Contains(e.Message, word) {
				return false
			}
		}
		return true
	}
	await(s, s.client.CoreV1().Events("").Watch, func() []*v1.Event {
		all, err := s.client.CoreV1().Events("").List(s.Context(), metav1.ListOptions{})
		if err != nil {
			s.Fatal(err)
		}
		var events []*v1.Event
		for i := range all.Items {
			events = append(events, &all.Items[i])
		}
		return events
	}, strings.Join(words, " "), says)
}

func TestAClaimGetsItsVolume(t *testing.T) {
	s := start(t, claimOf("early"))
	if _, err := s.client.CoreV1().PersistentVolumeClaims("default").Create(t.Context(), claimOf("late"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"early", "late"} {
		volume := s.awaitVolume("pvc-uid-" + name)
		if ref := volume.Spec.ClaimRef; ref == nil || ref.Name != name || volume.Spec.StorageClassName != "gold" || volume.Spec.NFS.Path != "/export/default/"+name {
			t.Errorf("the volume is %+v", volume.Spec)
		}
		if len(volume.Finalizers) == 0 {
			t.Error("the volume has no finalizer: deleted by hand, it leaves its directory behind")
		}
		if _, err := os.Stat(filepath.Join(s.mount, "default", name)); err != nil {
			t.Error(err)
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if h := holder(t, s.client); h != "" {
		t.Errorf("the lease is still held by %q", h)
	}
}

func TestAClaimThatWaitedForItsPodGetsItsVolumeThoughTheNodeIsGone(t *testing.T) {
	late := storagev1.VolumeBindingWaitForFirstConsumer
	claim := claimOf("a")
	claim.Spec.StorageClassName = new("late")
	claim.Annotations["volume.kubernetes.io/selected-node"] = "gone"
	s := start(t, claim, &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: "late"}, Provisioner: valid().Provisioner, VolumeBindingMode: &late,
	})
	s.awaitVolume("pvc-uid-a")
	for _, did := range s.client.Actions() {
		if did.GetResource().Resource == "nodes" || did.Matches("update", "persistentvolumeclaims") {
			t.Errorf("the program did %s %s", did.GetVerb(), did.GetResource().Resource)
		}
	}
}

func TestAClaimThatIsRefusedIsToldWhy(t *testing.T) {
	claim := claimOf("a")
	claim.Spec.DataSource = &v1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "other"}
	s := start(t, claim)
	s.awaitEvent("default/other does not exist", "the clone waits for it")
	if _, err := os.Stat(filepath.Join(s.mount, "default")); !os.IsNotExist(err) {
		t.Errorf("something was made (%v)", err)
	}
}

func TestABlockClaimIsRefusedInOurWords(t *testing.T) {
	claim, block := claimOf("a"), v1.PersistentVolumeBlock
	claim.Spec.VolumeMode = &block
	s := start(t, claim)
	s.awaitEvent("volumeMode: Filesystem")
}

func TestAReleasedVolumeGoesWithItsDirectory(t *testing.T) {
	s := start(t, claimOf("a"))
	volume := s.awaitVolume("pvc-uid-a")
	if err := os.WriteFile(filepath.Join(s.mount, "default/a/file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	volumes := s.client.CoreV1().PersistentVolumes()
	gone, err := volumes.Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Stop()
	if err := s.client.CoreV1().PersistentVolumeClaims("default").Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	released := volume.DeepCopy()
	released.Status.Phase = v1.VolumeReleased // what the control plane does
	if _, err := volumes.Update(t.Context(), released, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	timeout := time.After(time.Minute)
	for deleted := false; !deleted; {
		select {
		case event := <-gone.ResultChan():
			deleted = event.Type == watch.Deleted
		case <-timeout:
			t.Fatal("the volume is never deleted")
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(s.mount, "default/a")); !os.IsNotExist(err) {
		t.Errorf("the directory is still there (%v)", err)
	}
}

func TestNobodyElsesClaimIsServed(t *testing.T) {
	other, ours := claimOf("other"), claimOf("ours")
	other.Annotations["volume.kubernetes.io/storage-provisioner"] = "example.com/other"
	s := start(t, other, ours)
	s.awaitVolume("pvc-uid-ours")
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(s.mount, "default/other")); !os.IsNotExist(err) {
		t.Errorf("the claim of another provisioner has a directory (%v)", err)
	}
}

func TestPrepareReportsEveryMountThatCannotBeUsed(t *testing.T) {
	client := fake.NewClientset()
	allow(client, func(*authorizationv1.ResourceAttributes) bool { return true })
	c := valid()
	c.Shares = []share.Location{
		{Name: "first", Server: "nas", Path: "/a", Mount: "/does/not/exist"},
		{Name: "second", Server: "nas", Path: "/b", Mount: "/nor/does/this"},
	}
	r := &runner{Config: c, clients: connected(client, client)}
	if err := r.build(); err != nil {
		t.Fatal(err)
	}
	expectWords(t, r.prepare(t.Context()), "first", "/does/not/exist", "second", "/nor/does/this")
}

func TestTheLeaseIsNotReleasedWhileWorkIsInFlight(t *testing.T) {
	client := newLeaseServer()
	allow(client.Clientset, func(*authorizationv1.ResourceAttributes) bool { return true })
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: metav1.NamespaceSystem, UID: "c"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c := valid()
	c.Shares[0].Mount = t.TempDir()
	c.DrainTimeout = 10 * time.Millisecond
	r := &runner{Config: c, clients: connected(client.Clientset, client)}
	ctx, cancel := context.WithCancel(context.Background())
	if err := errors.Join(r.build(), r.prepare(ctx)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx) }()
	<-r.election.started
	r.gate.enter("pv-1") // and it never comes back
	cancel()
	if err := <-ended; err == nil {
		t.Error("run says that all is well")
	}
	// The process lives a moment longer: flushing logs, printing the error.
	deadline := time.After(2 * time.Second)
	for {
		if holder(t, client) == "" {
			t.Fatal("the lease was released with work in flight")
		}
		select {
		case <-deadline:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
