//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// An installation is where a release has its pods and its lease.
type installation struct{ namespace, release, lease string }

var underTest = installation{home, release, strings.ReplaceAll(provisioner, "/", "-")}

// leaseDuration is the program's default.
const leaseDuration = 15 * time.Second

func TestKilledLeaderIsReplacedWithinTheLease(t *testing.T) {
	s := newScene(t)
	const claims = 50
	on := under.squashed()
	k := class(s.unique("burst"), on, map[string]string{"onDelete": "delete", "pathPattern": "${.PVC.namespace}-${.PVC.name}"})
	s.makeClass(k)
	leader, old := s.leader(underTest), s.holder(underTest)
	killer := s.killerOn(leader.Spec.NodeName)
	for i := range claims {
		s.makeClaim(claim(fmt.Sprintf("c-%d", i), k.Name))
		if i == claims/2 {
			s.in(killer, killIn(leader))
		}
	}
	killed := time.Now()
	s.expectAnotherLeader(underTest, old, leaseDuration+5*time.Second)
	t.Logf("another replica leads %v after the kill", time.Since(killed).Round(time.Second/10))

	volumes := map[string]string{}
	for i := range claims {
		name := fmt.Sprintf("c-%d", i)
		pv := s.bound(name)
		if other, taken := volumes[pv.Spec.NFS.Path]; taken {
			t.Errorf("%s and %s have one directory, %s", name, other, pv.Spec.NFS.Path)
		}
		volumes[pv.Spec.NFS.Path] = name
	}
	t.Logf("all %d claims are Bound %v after the kill", claims, time.Since(killed).Round(time.Second/10))
	if got := s.look(on, "ls -d "+inspectorRoot+"/"+s.namespace+"-c-* | wc -l"); got != fmt.Sprint(claims) {
		t.Errorf("there are %s directories for %d claims", got, claims)
	}
	s.expectOneVolumePerClaim(claims)
}

func TestRolloutHandsOverWithinTwoSeconds(t *testing.T) {
	s := newScene(t)
	k := class(s.unique("rollout"), under.squashed(), map[string]string{"onDelete": "delete"})
	s.makeClass(k)
	stop := make(chan struct{})
	changes := make(chan []change)
	old := s.holder(underTest)
	go func() { changes <- s.watchLease(stop) }()
	if _, err := command(t.Context(), "kubectl", "rollout", "restart", "deployment", "--namespace", home, "--selector", "app.kubernetes.io/instance="+release); err != nil {
		t.Fatal(err)
	}
	// Claims go on being made while one replica after the other is replaced.
	made := 0
	rolled := make(chan error, 1)
	go func() {
		_, err := command(t.Context(), "kubectl", "rollout", "status", "deployment", "--namespace", home, "--selector", "app.kubernetes.io/instance="+release, "--timeout", "3m")
		rolled <- err
	}()
	var rollout error
	for done := false; !done; made++ {
		s.makeClaim(claim(fmt.Sprintf("c-%d", made), k.Name))
		s.bound(fmt.Sprintf("c-%d", made))
		select {
		case rollout = <-rolled:
			done = true
		default:
		}
	}
	if rollout != nil {
		t.Fatal(rollout)
	}
	// The old leader counts no more for the rollout when it begins to stop.
	s.expectAnotherLeader(underTest, old, patience)
	s.makeClaim(claim(fmt.Sprintf("c-%d", made), k.Name))
	s.bound(fmt.Sprintf("c-%d", made))
	made++
	close(stop)
	seen := <-changes
	handovers := 0
	for i, c := range seen {
		if c.holder == "" && i+1 < len(seen) {
			gap := seen[i+1].at.Sub(c.at)
			t.Logf("the lease was nobody's for %v", gap.Round(time.Millisecond))
			handovers++
			if gap > 2*time.Second {
				t.Errorf("the handover took %v", gap)
			}
		}
	}
	if handovers == 0 {
		t.Errorf("the lease was never released: %v", seen)
	}
	t.Logf("%d claims were bound during the rollout", made)
	s.expectOneVolumePerClaim(made)
}

// change is a moment at which the lease got another holder.
type change struct {
	at     time.Time
	holder string
}

// watchLease records every change of the lease's holder until stop is closed.
func (s *scene) watchLease(stop <-chan struct{}) (seen []change) {
	ctx, cancel := context.WithCancel(s.Context())
	go func() { <-stop; cancel() }()
	_ = wait.PollUntilContextCancel(ctx, time.Second, true, func(ctx context.Context) (bool, error) {
		watcher, err := under.client.CoordinationV1().Leases(home).Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + underTest.lease})
		if err != nil {
			return false, nil
		}
		defer watcher.Stop()
		for event := range watcher.ResultChan() {
			lease, ok := event.Object.(*coordinationv1.Lease)
			if !ok {
				continue
			}
			holder := ""
			if lease.Spec.HolderIdentity != nil {
				holder = *lease.Spec.HolderIdentity
			}
			if len(seen) == 0 || seen[len(seen)-1].holder != holder {
				seen = append(seen, change{time.Now(), holder})
			}
		}
		return false, nil
	})
	return seen
}

// holder is who holds the lease of an installation: a pod's name, _, and a mark
// of the process.
func (s *scene) holder(i installation) string {
	s.Helper()
	lease, err := under.client.CoordinationV1().Leases(i.namespace).Get(s.Context(), i.lease, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return *lease.Spec.HolderIdentity
}

// leader is the pod that holds the lease of an installation.
func (s *scene) leader(i installation) *v1.Pod {
	s.Helper()
	name, _, _ := strings.Cut(s.holder(i), "_")
	p, err := under.client.CoreV1().Pods(i.namespace).Get(s.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return p
}

// pods are the pods of an installation.
func (i installation) pods(ctx context.Context) ([]v1.Pod, error) {
	list, err := under.client.CoreV1().Pods(i.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=" + i.release})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// podsOf is pods for a test, which a failure ends.
func (s *scene) podsOf(i installation) []v1.Pod {
	s.Helper()
	pods, err := i.pods(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return pods
}

// readyPodsOf is podsOf when all of them are ready, as they are again some time
// after a test that has ended one of them.
func (s *scene) readyPodsOf(i installation) (pods []v1.Pod) {
	s.Helper()
	s.eventually("all pods of release "+i.release+" ready", func(ctx context.Context) (_ bool, _ string, err error) {
		pods, err = i.pods(ctx)
		for _, p := range pods {
			if !isReady(&p) {
				return false, p.Name + " is not", nil
			}
		}
		return len(pods) > 0, "no pods", err
	})
	return pods
}

// expectAnotherLeader waits until somebody else holds the lease.
func (s *scene) expectAnotherLeader(i installation, old string, limit time.Duration) {
	s.Helper()
	s.within(limit, "another leader", func(ctx context.Context) (bool, string, error) {
		lease, err := under.client.CoordinationV1().Leases(i.namespace).Get(ctx, i.lease, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		now := lease.Spec.HolderIdentity
		return now != nil && *now != "" && *now != old, fmt.Sprint(now), nil
	})
}

// killerOn starts a pod that can send signals to all processes of a node, and
// returns its name.
func (s *scene) killerOn(node string) string {
	s.Helper()
	yes, root := true, int64(0)
	p := pod("killer", forever)
	p.Spec.NodeName = node
	p.Spec.HostPID = true
	p.Spec.SecurityContext = &v1.PodSecurityContext{RunAsUser: &root}
	p.Spec.Containers[0].SecurityContext = &v1.SecurityContext{Privileged: &yes}
	s.start(p)
	s.ready(p.Name)
	return p.Name
}

// killIn is a script that kills the provisioner of one pod and no other.
func killIn(victim *v1.Pod) string { return inProvisionerOf(victim, "kill -9 $p") }

// inProvisionerOf is a script that does something with $p, the process of the
// provisioner of one pod.
func inProvisionerOf(pod *v1.Pod, script string) string {
	return `for p in $(pidof nfs-provisioner); do if tr '\0' '\n' < /proc/$p/environ | grep -qx HOSTNAME=` + pod.Name +
		`; then ` + script + ` && exit 0; fi; done; exit 1`
}

// expectOneVolumePerClaim counts the volumes of the scene's claims.
func (s *scene) expectOneVolumePerClaim(claims int) {
	s.Helper()
	count, err := s.countVolumes(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	if count != claims {
		s.Errorf("there are %d volumes for %d claims", count, claims)
	}
}

func (s *scene) countVolumes(ctx context.Context) (count int, err error) {
	list, err := under.client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	for _, pv := range list.Items {
		if pv.Spec.ClaimRef != nil && pv.Spec.ClaimRef.Namespace == s.namespace {
			count++
		}
	}
	return count, nil
}

// eventuallyVolumes waits until the scene's claims have so many volumes.
func (s *scene) eventuallyVolumes(number int) {
	s.Helper()
	s.eventually(fmt.Sprintf("%d volumes", number), func(ctx context.Context) (bool, string, error) {
		count, err := s.countVolumes(ctx)
		return count == number, fmt.Sprint(count), err
	})
}
