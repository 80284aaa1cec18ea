//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A chartRelease is a release of the chart in the scene's namespace, beside the
// one under test.
type chartRelease struct {
	*scene
	name string
}

// folder makes a folder on an export, as a share of its own for a release, which
// only its owner may write to, and removes it at the end of the test.
func (s *scene) folder(on export, name, owner string) export {
	s.Helper()
	folder := s.unique(name)
	inside := inspectorRoot + "/" + folder
	s.look(on, "mkdir -m 755 "+inside)
	if owner != "" {
		s.look(on, "chown "+owner+" "+inside)
	}
	s.Cleanup(func() {
		if _, err := inInspector(context.Background(), on, "rm -rf "+inside); err != nil {
			s.Error(err)
		}
	})
	return export{on.server, strings.TrimSuffix(on.path, "/") + "/" + folder, name, on.squash}
}

// release is one that is uninstalled at the end of the test, if it was ever
// installed.
func (s *scene) release(name string) chartRelease {
	r := chartRelease{s, name}
	s.Cleanup(func() {
		if _, err := command(context.Background(), "helm", "uninstall", name, "--namespace", s.namespace, "--ignore-not-found", "--wait"); err != nil {
			s.Error(err)
		}
	})
	return r
}

// helm installs or upgrades the release to these shares and values. It waits
// until that is done.
func (r chartRelease) helm(shares []export, values map[string]any) error {
	r.Helper()
	all := under.imageAndShares(shares)
	all["replicaCount"] = 1
	all["commonLabels"] = map[string]any{label: "true"}
	maps.Copy(all, values)
	file, err := writeValues(r.namespace+"-"+r.name, all)
	if err != nil {
		r.Fatal(err)
	}
	_, err = command(r.Context(), "helm", "upgrade", "--install", r.name, under.chart, "--namespace", r.namespace,
		"--values", file, "--wait", "--timeout", "3m")
	return err
}

func (r chartRelease) mustHelm(shares []export, values map[string]any) {
	r.Helper()
	if err := r.helm(shares, values); err != nil {
		log, _ := command(context.Background(), "kubectl", "logs", "--namespace", r.namespace, "--selector", "app.kubernetes.io/instance="+r.name, "--tail", "100", "--prefix")
		r.Fatalf("%v\n%s", err, log)
	}
}

// test runs helm test, and holds it to what it promises: that nothing is left.
func (r chartRelease) test(shares ...export) {
	r.Helper()
	out, err := command(r.Context(), "helm", "test", r.name, "--namespace", r.namespace, "--timeout", "3m", "--logs")
	if err != nil {
		r.Fatal(err)
	}
	for _, share := range shares {
		if want := "/shares/" + share.share + ": written and read"; !strings.Contains(out, want) {
			r.Errorf("helm test does not say %q:\n%s", want, out)
		}
	}
	r.eventually("nothing left of helm test", func(ctx context.Context) (bool, string, error) {
		left, err := command(ctx, "kubectl", "get", "pods,persistentvolumeclaims", "--namespace", r.namespace, "-o", "name")
		if err != nil {
			return false, "", err
		}
		classes, err := command(ctx, "kubectl", "get", "storageclasses", "-o", "name")
		if err != nil {
			return false, "", err
		}
		volumes, err := command(ctx, "kubectl", "get", "persistentvolumes", "-o", `jsonpath={range .items[*]}{.spec.claimRef.namespace}/{.spec.claimRef.name}{"\n"}{end}`)
		pod := r.name + "-nfs-provisioner-test"
		gone := !strings.Contains(left, pod) && !strings.Contains(classes, r.namespace+"."+pod) && !strings.Contains(volumes, r.namespace+"/"+pod)
		return gone, left + classes + volumes, err
	})
}

// admit makes the scene's namespace enforce a Pod Security Standard.
func (s *scene) admit(standard string) {
	s.Helper()
	patch := fmt.Sprintf(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":%q,"pod-security.kubernetes.io/enforce-version":"latest"}}}`, standard)
	if _, err := under.client.CoreV1().Namespaces().Patch(s.Context(), s.namespace, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		s.Fatal(err)
	}
}

func TestReleaseOfEachSecurityProfileTestsItselfWhereThatIsEnforced(t *testing.T) {
	t.Parallel()
	for profile, c := range map[string]struct {
		user  any
		owner string // of the share on the export without root_squash
	}{
		"baseline":   {nil, ""},
		"restricted": {65534, "65534:65534"}, // as root_squash makes of root
	} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.admit(profile)
			shares := []export{
				s.folder(under.plain(), "own-"+profile, c.owner),
				s.folder(under.squashed(), "squash-"+profile, ""),
			}
			values := map[string]any{"securityProfile": profile}
			if c.user != nil {
				values["podSecurityContext"] = map[string]any{"runAsUser": c.user, "runAsGroup": c.user}
			}
			r := s.release("secure-" + profile) // two of one name would not be let in
			r.mustHelm(shares, values)
			r.test(shares...)
			for _, on := range []export{under.plain(), under.squashed()} {
				if left := s.look(on, "find "+inspectorRoot+"/*"+s.namespace+" -name .nfs-provisioner -prune -o -name '*test*' -print"); left != "" {
					t.Errorf("left on %s:%s is\n%s", on.server, on.path, left)
				}
			}
		})
	}
}

func TestUpgradeAndUninstallLeaveClaimsUnharmed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.squashed()
	first, second := s.folder(on, "first", ""), s.folder(on, "second", "")
	classes := func(onDelete string, more ...map[string]any) map[string]any {
		all := append([]map[string]any{{
			"name": s.unique("first"), "parameters": map[string]any{"onDelete": onDelete, "pathPattern": "${.PVC.name}"},
		}}, more...)
		return map[string]any{"storageClasses": all}
	}
	r := s.release("kept")
	r.mustHelm([]export{first}, classes("archive"))
	s.makeClaim(claim("data", s.unique("first")))
	pv := s.bound("data")
	s.start(pod("writer", "while :; do date >> /data/file; sleep 0.2; done", "data"))
	started := s.ready("writer")
	writes := func(when string) {
		s.Helper()
		lines := s.in("writer", "wc -l < /data/file")
		s.eventually("more written "+when, func(ctx context.Context) (bool, string, error) {
			now, err := command(ctx, "kubectl", "exec", "--namespace", s.namespace, "writer", "--", "sh", "-c", "wc -l < /data/file")
			return err == nil && strings.TrimSpace(now) != lines, now, err
		})
		if now := s.ready("writer"); now.UID != started.UID || now.Status.ContainerStatuses[0].RestartCount != 0 {
			t.Errorf("%s the writer was started anew", when)
		}
		if c := s.claim("data"); c.Status.Phase != v1.ClaimBound || c.Spec.VolumeName != pv.Name {
			t.Errorf("%s the claim is %s, with the volume %s", when, c.Status.Phase, c.Spec.VolumeName)
		}
	}
	writes("before the upgrade")

	// A share and a class more.
	added := map[string]any{"name": s.unique("second"), "share": "second", "parameters": map[string]any{"onDelete": "delete"}}
	r.mustHelm([]export{first, second}, classes("archive", added))
	writes("after the upgrade")
	s.makeClaim(claim("more", s.unique("second")))
	s.bound("more")
	s.deleteClaim("more")

	// What nobody can change in a class stops the upgrade, and says what helps.
	err := r.helm([]export{first, second}, classes("delete", added))
	name := s.unique("first")
	for _, want := range []string{
		fmt.Sprintf("Kubernetes lets nobody change this in the class %q", name),
		`parameters: {"onDelete":"archive","pathPattern":"${.PVC.name}"} becomes {"onDelete":"delete","pathPattern":"${.PVC.name}"}`,
		"kubectl delete storageclass " + name,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("helm does not say %q, but %v", want, err)
		}
	}
	if _, err := command(t.Context(), "kubectl", "delete", "storageclass", name); err != nil {
		t.Fatal(err)
	}
	r.mustHelm([]export{first, second}, classes("delete", added))
	writes("after the class was made anew")

	// What nobody can change in a share's volume makes a new one.
	r.mustHelm([]export{first, second}, merged(classes("delete", added), map[string]any{"shares": []map[string]any{
		{"name": "first", "server": first.server, "path": first.path, "mountOptions": []string{"nfsvers=4.2"}},
	}, "storageClasses": []any{}}))
	writes("after its share was changed, and its class removed")

	if _, err := command(t.Context(), "helm", "uninstall", r.name, "--namespace", s.namespace, "--wait"); err != nil {
		t.Fatal(err)
	}
	writes("after the release was uninstalled")
	if got := s.look(on, "test -s "+inspectorRoot+"/"+s.unique("first")+"/data/file && echo there"); got != "there" {
		t.Error("the file is not on the share")
	}

	// Whoever installs it again can delete the claim.
	s.deletePod("writer")
	r.mustHelm([]export{first}, nil)
	s.deleteClaim("data")
	if got := s.look(on, "ls "+inspectorRoot+"/"+s.unique("first")); !strings.Contains(got, "archived-data") {
		t.Errorf("the class said to archive, but on the share is %q", got)
	}
}

func TestSecondReleaseThatWouldAnswerToTheSameNameIsRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	share := s.folder(under.squashed(), "twin", "")
	r := s.release(release) // as the one under test, in another namespace
	err := r.helm([]export{share}, nil)
	way := fmt.Sprintf("--set provisionerName=cluster.local/%s-%s-nfs-provisioner", s.namespace, release)
	for _, want := range []string{fmt.Sprintf("%q already belongs to the release %q in the namespace %q", provisioner, release, home), way} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("helm does not say %q, but %v", want, err)
		}
	}
	_, name, _ := strings.Cut(way, "=")
	r.mustHelm([]export{share}, map[string]any{"provisionerName": name})
	third := s.release("other") // in one namespace with the second
	other := s.folder(under.squashed(), "other", "")
	third.mustHelm([]export{other}, nil)
	r.test(share)
	third.test(other)
}

// merged is a copy of some values with more over them.
func merged(values, more map[string]any) map[string]any {
	all := maps.Clone(values)
	maps.Copy(all, more)
	return all
}
