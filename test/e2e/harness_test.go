//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/wait"
)

// patience is how long a test waits for something that should happen at once
// on a machine that is not busy.
const patience = 2 * time.Minute

// scene is a namespace of its own for one test.
type scene struct {
	*testing.T
	namespace string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	name := "e2e-" + rand.String(5)
	_, err := under.client.CoreV1().Namespaces().Create(t.Context(), &v1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{label: "true"}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t, name}
	t.Cleanup(func() {
		if t.Failed() {
			s.explain()
		}
		if err := under.client.CoreV1().Namespaces().Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	// Without it there are no pods, and after an outage of the API server it comes late.
	s.eventually("the namespace's service account", func(ctx context.Context) (bool, string, error) {
		_, err := under.client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, fmt.Sprint(err), nil
	})
	return s
}

// explain keeps, for the end, what the namespace looks like after a failure: in
// the test's own output it would come between the failure and its name.
func (s *scene) explain() {
	for _, look := range [][]string{
		{"get", "pods,persistentvolumeclaims", "--namespace", s.namespace, "-o", "wide"},
		{"get", "events", "--namespace", s.namespace},
	} {
		text, err := command(context.Background(), "kubectl", look...)
		under.remark(fmt.Sprintf("%s: kubectl %s (%v)\n%s", s.Name(), strings.Join(look, " "), err, text))
	}
}

// eventually waits until condition is true; it says what it waited for, and
// what it saw last.
func (s *scene) eventually(what string, condition func(ctx context.Context) (done bool, seen string, err error)) {
	s.Helper()
	s.within(patience, what, condition)
}

func (s *scene) within(limit time.Duration, what string, condition func(ctx context.Context) (done bool, seen string, err error)) {
	s.Helper()
	var last string
	err := wait.PollUntilContextTimeout(s.Context(), 100*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
		done, seen, err := condition(ctx)
		if last = seen; err != nil {
			last = err.Error()
		}
		return done, nil
	})
	if err != nil {
		s.Fatalf("%s: not within %v; last seen: %s", what, limit, last)
	}
}

func (s *scene) makeClass(c *storagev1.StorageClass) {
	s.Helper()
	if _, err := under.client.StorageV1().StorageClasses().Create(s.Context(), c, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { s.dropClass(c.Name) })
}

func (s *scene) dropClass(name string) {
	s.Helper()
	err := under.client.StorageV1().StorageClasses().Delete(context.Background(), name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		s.Error(err)
	}
}

// unique is a name for what lives outside namespaces.
func (s *scene) unique(name string) string { return name + "-" + s.namespace }

func (s *scene) makeClaim(c *v1.PersistentVolumeClaim) *v1.PersistentVolumeClaim {
	s.Helper()
	made, err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Create(s.Context(), c, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return made
}

func (s *scene) claim(name string) *v1.PersistentVolumeClaim {
	s.Helper()
	c, err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Get(s.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// bound waits until a claim is Bound and returns its volume.
func (s *scene) bound(name string) *v1.PersistentVolume {
	s.Helper()
	var volume string
	s.eventually("claim "+name+" Bound", func(ctx context.Context) (bool, string, error) {
		c, err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		volume = c.Spec.VolumeName
		return c.Status.Phase == v1.ClaimBound, string(c.Status.Phase), nil
	})
	return s.volume(volume)
}

func (s *scene) volume(name string) *v1.PersistentVolume {
	s.Helper()
	pv, err := under.client.CoreV1().PersistentVolumes().Get(s.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return pv
}

// deleteClaim deletes a claim and waits until its volume is gone too.
func (s *scene) deleteClaim(name string) {
	s.Helper()
	volume := s.claim(name).Spec.VolumeName
	if err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Delete(s.Context(), name, metav1.DeleteOptions{}); err != nil {
		s.Fatal(err)
	}
	s.eventually("volume "+volume+" gone", func(ctx context.Context) (bool, string, error) {
		pv, err := under.client.CoreV1().PersistentVolumes().Get(ctx, volume, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, "", nil
		}
		return false, fmt.Sprintf("%v", pv.Status.Phase), err
	})
}

// expectEvent waits for an event of an object whose message holds every part.
func (s *scene) expectEvent(object, namespace string, parts ...string) {
	s.Helper()
	s.eventually(fmt.Sprintf("event of %s with %q", object, parts), func(ctx context.Context) (bool, string, error) {
		events, err := under.client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=" + object})
		if err != nil {
			return false, "", err
		}
		var seen []string
		for _, e := range events.Items {
			all := true
			for _, part := range parts {
				all = all && strings.Contains(e.Message, part)
			}
			if all {
				return true, "", nil
			}
			seen = append(seen, e.Message)
		}
		return false, strings.Join(seen, " | "), nil
	})
}

// inspectorRoot is where an inspector has its export.
const inspectorRoot = "/export"

// directory is where the inspector sees a volume's directory.
func directory(e export, pv *v1.PersistentVolume) string {
	return inspectorRoot + strings.TrimPrefix(pv.Spec.NFS.Path, strings.TrimSuffix(e.path, "/"))
}

// eventuallyGone waits until nothing is at a place of an export.
func (s *scene) eventuallyGone(e export, place string) {
	s.Helper()
	s.eventually(place+" gone", func(ctx context.Context) (bool, string, error) {
		out, err := command(ctx, "kubectl", "exec", "--namespace", home, e.inspector(), "--", "sh", "-c", "ls -d "+place+" 2>/dev/null || echo gone")
		return strings.TrimSpace(out) == "gone", out, err
	})
}
