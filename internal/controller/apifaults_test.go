package controller

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	clientgotesting "k8s.io/client-go/testing"
)

var (
	claimsOf  = v1.SchemeGroupVersion.WithResource("persistentvolumeclaims")
	volumesOf = v1.SchemeGroupVersion.WithResource("persistentvolumes")
)

// keepFinalizers makes the fake API server keep a volume that is deleted for as
// long as it has finalizers, as a real one does.
func (s *system) keepFinalizers() {
	tracker := s.client.Tracker()
	react := clientgotesting.ObjectReaction(tracker)
	var mu sync.Mutex
	s.client.PrependReactor("delete", "persistentvolumes", func(action clientgotesting.Action) (bool, runtime.Object, error) {
		mu.Lock()
		defer mu.Unlock()
		volume, err := s.volume(action.(clientgotesting.DeleteAction).GetName())
		if err != nil || len(volume.Finalizers) == 0 {
			return false, nil, nil
		}
		if volume.DeletionTimestamp == nil {
			now := metav1.Now()
			volume.DeletionTimestamp = &now
			err = tracker.Update(volumesOf, volume, "")
		}
		return true, nil, err
	})
	s.client.PrependReactor("patch", "persistentvolumes", func(action clientgotesting.Action) (bool, runtime.Object, error) {
		mu.Lock()
		defer mu.Unlock()
		_, patched, err := react(action)
		if volume, ok := patched.(*v1.PersistentVolume); ok && err == nil && volume.DeletionTimestamp != nil && len(volume.Finalizers) == 0 {
			err = tracker.Delete(volumesOf, "", volume.Name)
		}
		return true, patched, err
	})
}

// volume reads a volume past all reactors.
func (s *system) volume(name string) (*v1.PersistentVolume, error) {
	object, err := s.client.Tracker().Get(volumesOf, "", name)
	if err != nil {
		return nil, err
	}
	volume, ok := object.(*v1.PersistentVolume)
	if !ok {
		return nil, fmt.Errorf("%T", object)
	}
	return volume.DeepCopy(), nil
}

func (s *system) liveClaim(name string) *v1.PersistentVolumeClaim {
	object, err := s.client.Tracker().Get(claimsOf, "default", name)
	if claim, ok := object.(*v1.PersistentVolumeClaim); ok && err == nil {
		return claim.DeepCopy()
	}
	return nil
}

func (s *system) allVolumes() []v1.PersistentVolume {
	object, err := s.client.Tracker().List(volumesOf, v1.SchemeGroupVersion.WithKind("PersistentVolume"), "")
	if list, ok := object.(*v1.PersistentVolumeList); ok && err == nil {
		return list.Items
	}
	return nil
}

// bind does what the control plane does with volumes: bound to their claims,
// and released when these are gone.
func (s *system) bind() {
	tracker := s.client.Tracker()
	for _, v := range s.allVolumes() {
		volume, phase := v.DeepCopy(), v1.VolumeReleased
		if claim := s.liveClaim(volume.Spec.ClaimRef.Name); claim != nil && claim.UID == volume.Spec.ClaimRef.UID {
			phase = v1.VolumeBound
			if claim.Spec.VolumeName == "" {
				claim.Spec.VolumeName = volume.Name
				_ = tracker.Update(claimsOf, claim, "default") // gone since
			}
		}
		if volume.Status.Phase != phase {
			volume.Status.Phase = phase
			_ = tracker.Update(volumesOf, volume, "") // gone since
		}
	}
}

// settles lets the control plane work until the claims that exist have their
// volumes and directories, and nothing else is there.
func (s *system) settles(claims ...string) {
	s.Helper()
	claims = slices.Sorted(slices.Values(claims))
	var volumes, directories []string
	var odd string
	err := wait.PollUntilContextTimeout(s.Context(), 50*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) {
		s.bind()
		volumes, directories, odd = nil, nil, ""
		for _, v := range s.allVolumes() {
			name := v.Spec.ClaimRef.Name
			if claim := s.liveClaim(name); claim == nil || claim.UID != v.Spec.ClaimRef.UID || claim.Spec.VolumeName != v.Name {
				odd = fmt.Sprintf("; volume %s (%s, being deleted: %v) has the claim %v", v.Name, v.Status.Phase, v.DeletionTimestamp != nil, claim)
			}
			volumes = append(volumes, name)
		}
		entries, err := os.ReadDir(filepath.Join(s.mount, "default"))
		for _, entry := range entries {
			directories = append(directories, entry.Name())
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		slices.Sort(volumes)
		return odd == "" && slices.Equal(volumes, claims) && slices.Equal(directories, claims), err
	})
	if err != nil {
		s.Errorf("claims %q have the volumes %q and the directories %q%s: %v", claims, volumes, directories, odd, err)
	}
}

func (s *system) create(claim *v1.PersistentVolumeClaim) {
	s.Helper()
	if err := s.client.Tracker().Create(claimsOf, claim, "default"); err != nil {
		s.Error(err)
	}
}

func (s *system) drop(claim string) {
	s.Helper()
	if err := s.client.Tracker().Delete(claimsOf, "default", claim); err != nil {
		s.Error(err)
	}
}

// again is the claim of a name, made anew.
func again(name string) *v1.PersistentVolumeClaim {
	claim := claimOf(name)
	claim.UID = types.UID("uid-of-another-" + name)
	return claim
}

// A reply is how the API server fails a request; lost says that it has done
// what was asked all the same.
type reply struct {
	err  error
	lost bool
}

var (
	throttled = reply{err: apierrors.NewTooManyRequests("later", 1)}
	conflict  = reply{err: apierrors.NewConflict(v1.Resource("persistentvolumes"), "x", errors.New("the object has been modified"))}
	broken    = reply{err: apierrors.NewInternalError(errors.New("etcd is away"))}
	late      = reply{err: apierrors.NewTimeoutError("request did not complete within requested timeout", 1)}
	lost      = reply{err: errors.New("connection reset by peer"), lost: true}
)

// objectOf is the name of what a request is about.
func objectOf(action clientgotesting.Action) string {
	switch a := action.(type) {
	case clientgotesting.GetAction: // delete and patch, too
		return a.GetName()
	case clientgotesting.CreateAction:
		switch o := a.GetObject().(type) {
		case *v1.Event:
			return o.InvolvedObject.Name
		case *v1.PersistentVolume:
			return o.Name
		}
	}
	return ""
}

// failing gives these answers to the first requests of a kind for an object,
// and counts them.
func (s *system) failing(verb, resource, name string, answers ...reply) (given *atomic.Int32) {
	given = new(atomic.Int32)
	chain := slices.Clone(s.client.ReactionChain)
	s.client.PrependReactor(verb, resource, func(action clientgotesting.Action) (bool, runtime.Object, error) {
		if objectOf(action) != name {
			return false, nil, nil
		}
		n := int(given.Add(1)) - 1
		if n >= len(answers) {
			return false, nil, nil
		}
		for _, r := range chain {
			if !answers[n].lost || !r.Handles(action) {
				continue
			}
			if handled, _, _ := r.React(action); handled {
				break
			}
		}
		return true, nil, answers[n].err
	})
	return given
}

// TestClaimsComeAndGoWhateverTheAPIServerAnswers has one claim for each way to
// be answered.
func TestClaimsComeAndGoWhateverTheAPIServerAnswers(t *testing.T) {
	type fault struct {
		verb, resource string
		answers        []reply
		given          *atomic.Int32
	}
	var faults []*fault
	for _, one := range []struct{ verb, resource string }{
		{"create", "persistentvolumes"}, {"get", "persistentvolumeclaims"}, {"delete", "persistentvolumes"}, {"patch", "persistentvolumes"}, {"create", "events"},
	} {
		for _, answers := range [][]reply{{throttled}, {conflict}, {broken}, {late, lost}, {lost}} {
			faults = append(faults, &fault{verb: one.verb, resource: one.resource, answers: answers})
		}
	}
	claims, names := []runtime.Object{claimOf("neighbour")}, []string{"neighbour"}
	for i := range faults {
		names = append(names, fmt.Sprintf("claim-%d", i))
		claims = append(claims, claimOf(names[i+1]))
	}
	s := startAgainst(t, func(s *system) {
		s.keepFinalizers()
		for i, f := range faults {
			object := names[i+1]
			if f.resource == "persistentvolumes" {
				object = "pvc-uid-" + object
			}
			f.given = s.failing(f.verb, f.resource, object, f.answers...)
		}
	}, claims...)
	s.settles(names...)
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(s.mount, "default", name, "file"), []byte("data"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names[1:] {
		s.drop(name)
	}
	s.settles("neighbour")
	if data, err := os.ReadFile(filepath.Join(s.mount, "default/neighbour/file")); string(data) != "data" {
		t.Errorf("the neighbour has %q (%v)", data, err)
	}
	for _, f := range faults {
		if given := int(f.given.Load()); given == 0 || given < len(f.answers) && f.resource != "events" {
			t.Errorf("%s %s was asked for only %d times", f.verb, f.resource, f.given.Load())
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	s.settles("neighbour")
}

// lagging makes every watch of a kind tell its events late.
func (s *system) lagging(resource string, by time.Duration) {
	s.client.PrependWatchReactor(resource, func(action clientgotesting.Action) (bool, watch.Interface, error) {
		options := metav1.ListOptions{}
		if w, ok := action.(clientgotesting.WatchActionImpl); ok {
			options = w.ListOptions
		}
		source, err := s.client.Tracker().Watch(action.GetResource(), action.GetNamespace(), options)
		if err != nil {
			return true, nil, err
		}
		return true, watch.Filter(source, func(e watch.Event) (watch.Event, bool) {
			<-time.After(by)
			return e, true
		}), nil
	})
}

func TestEventsThatComeLateMakeAndLeaveNothing(t *testing.T) {
	for _, lag := range [][]string{{"persistentvolumeclaims"}, {"persistentvolumes"}} {
		t.Run(strings.Join(lag, " and "), func(t *testing.T) {
			s := startAgainst(t, func(s *system) {
				s.keepFinalizers()
				for _, resource := range lag {
					s.lagging(resource, 100*time.Millisecond)
				}
			}, claimOf("neighbour"))
			s.settles("neighbour")
			s.create(claimOf("a"))
			s.create(claimOf("b"))
			s.drop("a")
			s.create(again("a"))
			s.drop("b")
			s.settles("a", "neighbour")
			s.drop("a")
			third := claimOf("a")
			third.UID = "uid-third-a" // one that has been is never given again
			s.create(third)
			s.create(again("b"))
			s.drop("b")
			s.settles("a", "neighbour")
			if err := s.stop(); err != nil {
				t.Error(err)
			}
			s.settles("a", "neighbour")
		})
	}
}
