//go:build e2e

package e2e

import (
	"context"
	"testing"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestClaimWaitsForItsClassAndThenBinds(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	name := s.unique("late")
	s.makeClaim(claim("early", name))
	s.expectEvent("early", s.namespace, "not found")
	if phase := s.claim("early").Status.Phase; phase != v1.ClaimPending {
		t.Errorf("the claim is %s without its class", phase)
	}
	s.makeClass(class(name, under.squashed(), nil))
	s.bound("early")
}

func TestClaimWithoutAClassGetsTheDefaultOne(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := claim("plain", "")
	c.Spec.StorageClassName = nil
	s.makeClaim(c)
	if pv := s.bound("plain"); pv.Spec.StorageClassName != defaultClass {
		t.Errorf("the volume is of class %q, want %q", pv.Spec.StorageClassName, defaultClass)
	}
	s.deleteClaim("plain")
}

func TestLegacyClassAnnotationBinds(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	name := s.unique("legacy")
	s.makeClass(class(name, under.squashed(), map[string]string{"onDelete": "delete"}))
	c := claim("old-style", "")
	c.Spec.StorageClassName = nil
	c.Annotations = map[string]string{v1.BetaStorageClassAnnotation: name}
	s.makeClaim(c)
	if pv := s.bound("old-style"); pv.Spec.StorageClassName != name {
		t.Errorf("the volume is of class %q, want %q", pv.Spec.StorageClassName, name)
	}
	s.deleteClaim("old-style")
}

func TestWaitForFirstConsumerWaitsForItsPod(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	wait := storagev1.VolumeBindingWaitForFirstConsumer
	c := class(s.unique("patient"), under.squashed(), map[string]string{"onDelete": "delete"})
	c.VolumeBindingMode = &wait
	s.makeClass(c)
	s.makeClaim(claim("data", c.Name))
	s.expectEvent("data", s.namespace, "waiting for first consumer")
	if got := s.claim("data"); got.Spec.VolumeName != "" {
		t.Errorf("the claim has volume %s before a pod uses it", got.Spec.VolumeName)
	}
	s.start(pod("consumer", "echo here > /data/file; "+forever, "data"))
	s.ready("consumer")
	s.bound("data")
	s.deletePod("consumer")
	s.deleteClaim("data")
}

func TestVolumeIsWhatItsClassSays(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for name, c := range map[string]struct {
		on         export
		parameters map[string]string
		owner      string // uid, gid and mode on the server
	}{
		"mode":     {under.squashed(), map[string]string{"mode": "2750"}, "65534 65534 2750"},
		"owner":    {under.plain(), map[string]string{"uid": "1000", "gid": "4294967294", "mode": "0700"}, "1000 4294967294 700"},
		"sticky":   {under.plain(), map[string]string{"mode": "1777"}, "0 0 1777"},
		"defaults": {under.plain(), nil, "0 0 777"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.with(t)
			c.parameters = merge(c.parameters, map[string]string{
				"onDelete": "delete", "pathPattern": "${.PVC.namespace}/${.PVC.labels.tier:-none}/${.PVC.annotations.example.org/path}",
			})
			s.makeClass(class(s.unique(name), c.on, c.parameters))
			k := claim(name, s.unique(name))
			k.Annotations = map[string]string{"example.org/path": "of/" + name}
			k.Spec.Resources.Requests[v1.ResourceStorage] = resource.MustParse("1500Mi")
			s.makeClaim(k)
			pv := s.bound(name)
			if want := c.on.path + "/" + s.namespace + "/none/of/" + name; pv.Spec.NFS.Path != want {
				t.Errorf("path is %q, want %q", pv.Spec.NFS.Path, want)
			}
			if size := pv.Spec.Capacity[v1.ResourceStorage]; size.String() != "1500Mi" {
				t.Errorf("capacity is %s, want 1500Mi as the claim says", size.String())
			}
			if got := s.look(c.on, "stat -c '%u %g %a' "+directory(c.on, pv)); got != c.owner {
				t.Errorf("uid, gid and mode are %q, want %q", got, c.owner)
			}
			s.deleteClaim(name)
			if got := s.look(c.on, "ls -d "+directory(c.on, pv)+" 2>/dev/null || echo gone"); got != "gone" {
				t.Errorf("%s is still there", got)
			}
		})
	}
}

func TestClaimOfAClassWithAnUnknownShareIsTold(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.makeClass(class(s.unique("lost"), export{share: "nowhere"}, nil))
	s.makeClaim(claim("data", s.unique("lost")))
	s.expectEvent("data", s.namespace, `there is no share "nowhere"`, under.squashed().share)
}

// merge adds the entries of more to some.
func merge(some, more map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range []map[string]string{some, more} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

// with is the same scene for a subtest.
func (s *scene) with(t *testing.T) *scene { return &scene{t, s.namespace} }

// claimGone waits until a claim of the scene is gone.
func (s *scene) claimGone(name string) {
	s.Helper()
	s.eventually("claim "+name+" gone", func(ctx context.Context) (bool, string, error) {
		list, err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		return err == nil && len(list.Items) == 0, "", err
	})
}
