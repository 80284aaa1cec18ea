//go:build e2e

package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTwoPodsOnTwoNodesSeeEachOthersFiles(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	k := class(s.unique("many"), under.squashed(), map[string]string{"onDelete": "delete"})
	s.makeClass(k)
	s.makeClaim(claim("shared", k.Name, v1.ReadWriteMany))
	nodes := s.nodes()
	both := []string{"left", "right"}
	for i, name := range both {
		p := pod(name, "echo from "+name+" > /shared/"+name+"; "+forever, "shared")
		p.Spec.NodeSelector = map[string]string{v1.LabelHostname: nodes[i%len(nodes)]}
		s.start(p)
	}
	for i, reader := range both {
		s.ready(reader)
		writer := both[1-i]
		s.eventually(reader+" sees what "+writer+" wrote", func(ctx context.Context) (bool, string, error) {
			out, err := command(ctx, "kubectl", "exec", "--namespace", s.namespace, reader, "--", "cat", "/shared/"+writer)
			return strings.TrimSpace(out) == "from "+writer, out, err
		})
	}
	for _, name := range both {
		s.deletePod(name)
	}
	s.deleteClaim("shared")
}

func TestReadOnlyClaimCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	k := class(s.unique("read"), under.squashed(), map[string]string{"onDelete": "delete"})
	s.makeClass(k)
	s.makeClaim(claim("archive", k.Name, v1.ReadOnlyMany))
	pv := s.bound("archive")
	if !pv.Spec.NFS.ReadOnly {
		t.Error("the volume's NFS source is not readOnly")
	}
	s.look(under.squashed(), "echo published > "+directory(under.squashed(), pv)+"/file")
	s.start(pod("reader", forever, "archive"))
	s.ready("reader")
	if got := s.in("reader", "cat /archive/file; touch /archive/new 2>&1 || true"); !strings.Contains(got, "published") || !strings.Contains(got, "Read-only file system") {
		t.Errorf("reading and then writing says %q", got)
	}
}

func TestEveryAccessModeIsThatOfTheClaim(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	k := class(s.unique("modes"), under.squashed(), map[string]string{"onDelete": "delete"})
	s.makeClass(k)
	for name, modes := range map[string][]v1.PersistentVolumeAccessMode{
		"rwo":  {v1.ReadWriteOnce},
		"rwx":  {v1.ReadWriteMany},
		"rwop": {v1.ReadWriteOncePod},
		"all":  {v1.ReadWriteOnce, v1.ReadOnlyMany, v1.ReadWriteMany},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.with(t)
			s.makeClaim(claim(name, k.Name, modes...))
			if pv := s.bound(name); !slices.Equal(pv.Spec.AccessModes, modes) || pv.Spec.NFS.ReadOnly {
				t.Errorf("modes are %v, readOnly %v; want %v", pv.Spec.AccessModes, pv.Spec.NFS.ReadOnly, modes)
			}
		})
	}
	t.Run("one pod at a time", func(t *testing.T) {
		s := s.with(t)
		s.start(pod("first", forever, "rwop"))
		s.ready("first")
		s.start(pod("second", forever, "rwop"))
		s.eventually("the second pod is not scheduled", func(ctx context.Context) (bool, string, error) {
			p, err := under.client.CoreV1().Pods(s.namespace).Get(ctx, "second", metav1.GetOptions{})
			if err != nil {
				return false, "", err
			}
			for _, c := range p.Status.Conditions {
				if c.Type == v1.PodScheduled && strings.Contains(c.Message, "ReadWriteOncePod") {
					return true, "", nil
				}
			}
			return false, string(p.Status.Phase), nil
		})
	})
}
