//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The leader is stopped in the midst of its work and finds, when it goes on,
// that another has done it and that new claims live where the old ones did.
func TestLeaderThatWasStoppedTouchesNothingOfItsSuccessor(t *testing.T) {
	s := newScene(t)
	s.needControl() // for the exports
	f := s.installFrail()
	t.Run("amid deletions", func(t *testing.T) {
		p := newPair(t, f.ganesha)
		p.make()
		p.write("old")
		p.stopLeaderWhen(fmt.Sprintf("-lt %d", len(p.claims)*3/4), p.delete)
		if left, err := p.countVolumes(t.Context()); err != nil || left == 0 {
			t.Fatalf("the leader was stopped too late: %d volumes are left (%v)", left, err)
		}
		p.expectSuccessor()
		p.eventuallyVolumes(0)
		p.make()
		p.write("new")
		p.resumeLeader()
		p.expect("new")
	})
	t.Run("amid claims", func(t *testing.T) {
		if testing.Short() {
			t.Skip("it takes a minute more, and make chaos stops leaders too")
		}
		p := newPair(t, f.ganesha)
		p.stopLeaderWhen(fmt.Sprintf("-gt %d", len(p.claims)/4), p.request)
		if made, err := p.countVolumes(t.Context()); err != nil || made == len(p.claims) {
			t.Fatalf("the leader was stopped too late: %d volumes are made (%v)", made, err)
		}
		p.expectSuccessor()
		p.awaitBound()
		// All are made again under their names, on the same paths.
		p.delete()
		p.eventuallyVolumes(0)
		p.make()
		p.write("new")
		p.resumeLeader()
		p.expect("new")
	})
}

// pair is a scene in which two processes of the frail release believe that
// they lead.
type pair struct {
	*scene
	on     place
	claims map[string]string // their classes by their names
	killer string
	leader *v1.Pod
	holder string // of the lease, when the leader was stopped
}

func newPair(t *testing.T, on place) *pair {
	p := &pair{scene: newScene(t), on: on, claims: map[string]string{}}
	for _, policy := range []string{"delete", "archive"} {
		k := on.class(p.unique(policy), map[string]string{"onDelete": policy, "pathPattern": "${.PVC.namespace}-${.PVC.name}"})
		p.makeClass(k)
		for i := range 20 {
			p.claims[fmt.Sprintf("%s-%d", policy, i)] = k.Name
		}
	}
	p.leader, p.holder = p.scene.leader(frailInstall), p.scene.holder(frailInstall)
	p.killer = p.killerOn(p.leader.Spec.NodeName)
	return p
}

// request makes all claims and waits for nothing.
func (p *pair) request() {
	p.Helper()
	for name, class := range p.claims {
		p.makeClaim(claim(name, class))
	}
}

func (p *pair) awaitBound() {
	p.Helper()
	for name := range p.claims {
		if pv := p.bound(name); pv.Spec.NFS.Path != p.on.path+"/"+p.directory(name) {
			p.Errorf("claim %s got %s", name, pv.Spec.NFS.Path)
		}
	}
}

func (p *pair) make() { p.Helper(); p.request(); p.awaitBound() }

// delete deletes all claims at once and waits until they are gone.
func (p *pair) delete() {
	p.Helper()
	if err := under.client.CoreV1().PersistentVolumeClaims(p.namespace).DeleteCollection(p.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		p.Fatal(err)
	}
	for name := range p.claims {
		p.claimGone(name)
	}
}

func (p *pair) directory(claim string) string { return p.namespace + "-" + claim }

// write puts a word and the claim's name into every directory.
func (p *pair) write(word string) {
	p.Helper()
	p.on.look(p.scene, fmt.Sprintf("for d in %s-*; do echo %s $d > $d/canary; done", p.namespace, word))
}

// expect: every claim has its directory, with what was written to it, and
// there is no other directory, record or volume.
func (p *pair) expect(word string) {
	p.Helper()
	p.awaitBound()
	p.eventuallyVolumes(len(p.claims))
	var lines []string
	for name := range p.claims {
		lines = append(lines, fmt.Sprintf("%s %s", word, p.directory(name)))
	}
	slices.Sort(lines)
	want := strings.Join(lines, "\n")
	if got := p.on.look(p.scene, fmt.Sprintf("cat %s-*/canary | sort", p.namespace)); got != want {
		p.Errorf("the canaries have changed:\n%s", difference(want, got))
	}
	for _, folder := range []string{".", ".nfs-provisioner/records"} {
		if got := p.on.look(p.scene, fmt.Sprintf("cd %s; ls -d %s-* | wc -l", folder, p.namespace)); got != fmt.Sprint(len(p.claims)) {
			p.Errorf("there are %s names in %s for %d claims", got, folder, len(p.claims))
		}
	}
	p.emptied(p.on)
}

// stopLeaderWhen begins some work and stops the leader in its midst: as soon as
// the number of the scene's directories is what condition says, seen through
// the leader's own mount.
func (p *pair) stopLeaderWhen(condition string, begin func()) {
	p.Helper()
	script := inProvisionerOf(p.leader, fmt.Sprintf(`{ echo watching; while set -- /proc/$p/root/shares/%s/%s-*; [ -e "$1" ] || set --; ! [ $# %s ]; do :; done; kill -STOP $p; echo $#; }`,
		p.on.share, p.namespace, condition))
	cmd := exec.CommandContext(p.Context(), "kubectl", "exec", "--namespace", p.namespace, p.killer, "--", "sh", "-c", script)
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = cmd.Process.Kill() }) // if it still watches
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		p.Fatalf("the watch of the leader did not begin: %v", cmd.Wait())
	}
	began := time.Now()
	begin()
	if !lines.Scan() {
		p.Fatalf("the leader was not stopped: %v", cmd.Wait())
	}
	p.Logf("the leader was stopped %v after the work began, with %s directories there", time.Since(began).Round(time.Millisecond), lines.Text())
	if err := cmd.Wait(); err != nil {
		p.Fatal(err)
	}
}

func (p *pair) expectSuccessor() {
	p.Helper()
	p.expectAnotherLeader(frailInstall, p.holder, frailLease+5*time.Second)
}

// resumeLeader lets the old leader go on, and waits for its end.
func (p *pair) resumeLeader() {
	p.Helper()
	before := restarts(p.leader)
	p.in(p.killer, inProvisionerOf(p.leader, "kill -CONT $p"))
	p.eventually("the old leader ends", func(ctx context.Context) (bool, string, error) {
		now, err := under.client.CoreV1().Pods(frailHome).Get(ctx, p.leader.Name, metav1.GetOptions{})
		return err == nil && restarts(now) > before, fmt.Sprintf("%d restarts", restarts(now)), err
	})
}
