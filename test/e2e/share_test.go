//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shareSuite begins the names of the folders that the suite works in.
const shareSuite = "share-test-"

// The behaviour of a share is one suite. Here it runs on every export, as a
// node's kernel mounts it, with NFS 4.2, 4.1 and 3.
func TestShareBehavesTheSameOnEveryExport(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := pod("suite", forever)
	root, no := int64(0), false // as the provisioner
	p.Spec.SecurityContext = &v1.PodSecurityContext{RunAsUser: &root, RunAsNonRoot: &no}
	p.Spec.Containers[0].SecurityContext = nil
	p.Spec.Volumes = []v1.Volume{{Name: "work", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}}}
	p.Spec.Containers[0].VolumeMounts = []v1.VolumeMount{{Name: "work", MountPath: "/work"}}
	var mounts, twins []string
	mount := func(e export, name string, options ...string) string {
		volume := s.unique(name)
		if err := under.makeStatic(t.Context(), s.namespace, name, volume, e, options...); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.deleteVolume(volume) })
		p.Spec.Volumes = append(p.Spec.Volumes, v1.Volume{Name: name, VolumeSource: v1.VolumeSource{
			PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: name},
		}})
		p.Spec.Containers[0].VolumeMounts = append(p.Spec.Containers[0].VolumeMounts, v1.VolumeMount{Name: name, MountPath: "/" + name})
		return "/" + name
	}
	for _, e := range under.exports {
		v42, v4, v3 := []string{"nfsvers=4.2"}, []string{"nfsvers=4.1"}, []string{"nfsvers=3", "nolock"}
		versions := map[string][]string{"v4": v4}
		if e != under.plain() && !e.squash {
			versions = map[string][]string{"v42": v42}
		}
		switch {
		case !e.squash && !testing.Short():
			versions["v3"] = v3
		case e == under.plain():
			versions = map[string][]string{"v3": v3}
		}
		for version, options := range versions {
			mounts = append(mounts, mount(e, e.share+"-"+version, options...))
		}
		if !e.squash {
			// Mounts of two versions share no cache, and are to a server as the nodes of
			// two leaders: those of one version are one client's, to which it says
			// nothing of what that client has changed of a file it has delegated to it.
			twins = append(twins, mount(e, e.share+"-one", "nfsvers=4.1", "nosharecache")+"="+mount(e, e.share+"-other", "nfsvers=4.2", "nosharecache"))
		}
	}
	s.start(p)
	program := s.buildShareSuite()
	s.ready("suite")
	s.upload(program, s.namespace, "suite", "/work/share.test")
	slices.Sort(mounts)
	out := s.in("suite", "cd /work && TMPDIR=/work SHARE_TEST_MOUNTS="+strings.Join(mounts, ":")+" SHARE_TEST_TWINS="+strings.Join(twins, ":")+" ./share.test -test.v -test.short="+strconv.FormatBool(testing.Short())+" 2>&1 || echo FAILED")
	for _, mount := range mounts {
		if !strings.Contains(out, "/"+strings.TrimPrefix(mount, "/")+" (") {
			t.Errorf("no test ran on %s", mount)
		}
	}
	for _, pair := range twins {
		if one, _, _ := strings.Cut(pair, "="); !strings.Contains(out, one[1:]+"_and_") {
			t.Errorf("no test ran on %s", pair)
		}
	}
	if strings.HasSuffix(out, "FAILED") {
		t.Errorf("the suite failed:\n%s", failures(out))
	}
	t.Logf("%d tests passed on %d mounts", strings.Count(out, "--- PASS"), len(mounts))
}

// failures are the lines of a verbose test's output that tell what failed.
func failures(out string) string {
	passes := regexp.MustCompile(`^\s*(=== |--- (PASS|SKIP))`)
	return strings.Join(slices.DeleteFunc(strings.Split(out, "\n"), passes.MatchString), "\n")
}

// buildShareSuite compiles the tests of package share for the nodes.
func (s *scene) buildShareSuite() string {
	s.Helper()
	program := filepath.Join(s.TempDir(), "share.test")
	s.compile("test", "-c", "-ldflags", "-s -w", "-o", program, "../../internal/share")
	return program
}

// compile runs the go command for the nodes.
func (s *scene) compile(arguments ...string) {
	s.Helper()
	node, err := under.client.CoreV1().Nodes().Get(s.Context(), s.nodes()[0], metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.CommandContext(s.Context(), "go", arguments...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+node.Status.NodeInfo.Architecture)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("compile: %v\n%s", err, out)
	}
}

// upload copies a program into a pod.
func (s *scene) upload(file, namespace, pod, to string) {
	s.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.CommandContext(s.Context(), "kubectl", "exec", "--stdin", "--namespace", namespace, pod, "--", "sh", "-c", "cat > "+to+" && chmod +x "+to)
	cmd.Stdin = bytes.NewReader(data)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("upload %s: %v\n%s", to, err, out)
	}
}
