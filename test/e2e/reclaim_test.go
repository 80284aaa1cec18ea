//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// written makes a claim of a class with the parameters, writes a file to it
// and returns its volume.
func (s *scene) written(name, class string) *v1.PersistentVolume {
	s.Helper()
	s.makeClaim(claim(name, class))
	pv := s.bound(name)
	writer := "writer-" + name
	s.start(pod(writer, "echo precious > /"+name+"/file; "+forever, name))
	s.ready(writer)
	s.eventually("the file", func(ctx context.Context) (bool, string, error) {
		out, err := command(ctx, "kubectl", "exec", "--namespace", s.namespace, writer, "--", "cat", "/"+name+"/file")
		return err == nil && out == "precious\n", out, err
	})
	s.deletePod(writer)
	return pv
}

func TestDeletingAClaimDoesWhatItsClassSaid(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.squashed()
	for name, c := range map[string]struct {
		parameters map[string]string
		left       string // what is left of the directory NAME, after the claim
	}{
		"delete":  {map[string]string{"onDelete": "delete"}, ""},
		"archive": {map[string]string{"onDelete": "archive"}, "archived-SPACE/archive-VOLUME"},
		"nothing": {nil, "archived-SPACE/nothing-VOLUME"},
		"true":    {map[string]string{"archiveOnDelete": "true"}, "archived-SPACE/true-VOLUME"},
		"false":   {map[string]string{"archiveOnDelete": "false"}, ""},
		"retain":  {map[string]string{"onDelete": "retain"}, "SPACE/retain"},
		"both":    {map[string]string{"onDelete": "retain", "archiveOnDelete": "false"}, "SPACE/both"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.with(t)
			k := class(s.unique(name), on, merge(c.parameters, map[string]string{"pathPattern": "${.PVC.namespace}/${.PVC.name}"}))
			s.makeClass(k)
			s.makeClaim(claim(name, k.Name))
			pv := s.bound(name)
			s.look(on, "echo precious > "+directory(on, pv)+"/file")
			s.dropClass(k.Name) // the volume remembers
			s.deleteClaim(name)
			got := s.look(on, fmt.Sprintf("cd %s; ls -d %s/%s/file archived-%[2]s/%[3]s-*/file 2>/dev/null || true", inspectorRoot, s.namespace, name))
			want := c.left
			if want != "" {
				want = expand(want, s.namespace, pv.Name) + "/file"
			}
			if got != want {
				t.Errorf("left on the share is %q, want %q", got, want)
			}
			if want != "" {
				if content := s.look(on, "cat "+inspectorRoot+"/"+want); content != "precious" {
					t.Errorf("the file holds %q", content)
				}
			}
		})
	}
}

func TestRetainedDirectoryIsGivenBackToTheSameClaimOnly(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.squashed()
	k := class(s.unique("keep"), on, map[string]string{"onDelete": "retain", "pathPattern": "${.PVC.namespace}-${.PVC.labels.dir}"})
	s.makeClass(k)
	first := claim("mine", k.Name)
	first.Labels = map[string]string{"dir": "common"}
	s.makeClaim(first)
	pv := s.bound("mine")
	s.look(on, "echo precious > "+directory(on, pv)+"/file")
	s.deleteClaim("mine")

	thief := claim("thief", k.Name)
	thief.Labels = first.Labels
	s.makeClaim(thief)
	s.expectEvent("thief", s.namespace, "belongs to", s.namespace+"/mine")

	again := claim("mine", k.Name)
	again.Labels = first.Labels
	s.makeClaim(again)
	if back := s.bound("mine"); back.Spec.NFS.Path != pv.Spec.NFS.Path {
		t.Errorf("the claim got %q, had %q", back.Spec.NFS.Path, pv.Spec.NFS.Path)
	} else if got := s.look(on, "cat "+directory(on, back)+"/file"); got != "precious" {
		t.Errorf("its file holds %q", got)
	}
	if phase := s.claim("thief").Status.Phase; phase != v1.ClaimPending {
		t.Errorf("the other claim is %s", phase)
	}
}

func TestReclaimPolicyRetainKeepsVolumeAndDataForANewClaim(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	retain := v1.PersistentVolumeReclaimRetain
	k := class(s.unique("retain"), under.squashed(), map[string]string{"onDelete": "delete"})
	k.ReclaimPolicy = &retain
	s.makeClass(k)
	pv := s.written("old", k.Name)
	if err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Delete(t.Context(), "old", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.claimGone("old")
	s.expectPhase(pv.Name, v1.VolumeReleased)
	t.Cleanup(func() { s.deleteVolume(pv.Name) })

	s.patchVolume(pv.Name, map[string]any{"spec": map[string]any{"claimRef": map[string]any{"uid": nil, "resourceVersion": nil, "name": "new"}}})
	s.expectPhase(pv.Name, v1.VolumeAvailable)
	s.makeClaim(claim("new", k.Name))
	if got := s.bound("new"); got.Name != pv.Name {
		t.Fatalf("the new claim got volume %s, want %s", got.Name, pv.Name)
	}
	s.start(pod("reader", "cat /new/file; "+forever, "new"))
	s.ready("reader")
	if got := s.in("reader", "cat /new/file"); got != "precious" {
		t.Errorf("the new claim reads %q", got)
	}
}

func TestVolumeDeletedByHandTakesItsDirectoryAlong(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	k := class(s.unique("hand"), under.squashed(), map[string]string{"onDelete": "delete"})
	s.makeClass(k)
	pv := s.written("data", k.Name)
	if err := under.client.CoreV1().PersistentVolumes().Delete(t.Context(), pv.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.deleteClaim("data")
	if got := s.look(under.squashed(), "ls -d "+directory(under.squashed(), pv)+" 2>/dev/null || echo gone"); got != "gone" {
		t.Errorf("%s is left without a volume", got)
	}
}

func (s *scene) expectPhase(volume string, phase v1.PersistentVolumePhase) {
	s.Helper()
	s.eventually("volume "+volume+" "+string(phase), func(ctx context.Context) (bool, string, error) {
		pv, err := under.client.CoreV1().PersistentVolumes().Get(ctx, volume, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		return pv.Status.Phase == phase, string(pv.Status.Phase), nil
	})
}

func (s *scene) patchVolume(name string, patch map[string]any) {
	s.Helper()
	data, err := json.Marshal(patch)
	if err != nil {
		s.Fatal(err)
	}
	if _, err := under.client.CoreV1().PersistentVolumes().Patch(s.Context(), name, types.MergePatchType, data, metav1.PatchOptions{}); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) deleteVolume(name string) {
	if err := under.client.CoreV1().PersistentVolumes().Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
		s.Error(err)
	}
}

// expand fills in the names that only a run knows.
func expand(text, namespace, volume string) string {
	return strings.NewReplacer("SPACE", namespace, "VOLUME", volume).Replace(text)
}
