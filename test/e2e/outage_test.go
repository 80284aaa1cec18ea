//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// outage is how long the API server is away: API_OUTAGE, or as long as the
// leader tries to renew its lease, to which comes the time that the API server
// takes to start.
func outage() (time.Duration, error) { return time.ParseDuration(fallback("API_OUTAGE", "10s")) }

// The API server goes away in the midst of claims that are made and deleted.
func TestAPIServerAwayAmidClaims(t *testing.T) {
	s := newScene(t)
	s.needControl()
	const claims = 120
	length, err := outage()
	if err != nil {
		t.Fatalf("API_OUTAGE is %q: %v", os.Getenv("API_OUTAGE"), err)
	}
	on := under.squashed()
	k := class(s.unique("churn"), on, map[string]string{"onDelete": "delete", "pathPattern": "${.PVC.namespace}-${.PVC.name}"})
	s.makeClass(k)
	leader, before := s.leader(underTest).Name, map[string]int32{}
	for _, p := range s.podsOf(underTest) {
		before[p.Name] = restarts(&p)
	}

	// Every other claim is deleted as soon as the one after it was made.
	amid := make(chan struct{})
	var churn sync.WaitGroup
	const atOnce = 8
	for first := range atOnce {
		churn.Go(func() {
			for i := first; i < claims; i += atOnce {
				s.insist(func(ctx context.Context) error {
					_, err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Create(ctx, claim(numbered(i), k.Name), metav1.CreateOptions{})
					if apierrors.IsAlreadyExists(err) {
						return nil
					}
					return err
				})
				if before := i - 2*atOnce; before >= 0 && !stays(before) {
					s.insist(func(ctx context.Context) error {
						err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Delete(ctx, numbered(before), metav1.DeleteOptions{})
						if apierrors.IsNotFound(err) {
							return nil
						}
						return err
					})
				}
				if i == claims/3 {
					close(amid)
				}
			}
		})
	}
	<-amid
	s.control("api", "kill")
	away := time.Now()
	<-time.After(length)
	s.control("api", "start")
	back := time.Now()
	churn.Wait()
	if t.Failed() {
		t.FailNow()
	}
	t.Logf("the API server was away for %v", back.Sub(away).Round(time.Second/10))

	var wanted []string
	for i := range claims {
		if last := i >= claims-2*atOnce; last || stays(i) {
			pv := s.bound(numbered(i))
			if want := on.path + "/" + s.namespace + "-" + numbered(i); pv.Spec.NFS.Path != want {
				t.Errorf("%s got %s, want %s", numbered(i), pv.Spec.NFS.Path, want)
			}
			wanted = append(wanted, s.namespace+"-"+numbered(i))
		}
	}
	t.Logf("all %d claims that are left are Bound %v after it came back", len(wanted), time.Since(back).Round(time.Second/10))
	slices.Sort(wanted)
	want := strings.Join(wanted, "\n")
	for _, folder := range []string{".", ".nfs-provisioner/records"} {
		s.eventually("exactly their names in "+folder, func(ctx context.Context) (bool, string, error) {
			out, err := command(ctx, "kubectl", "exec", "--namespace", home, on.inspector(), "--", "sh", "-c",
				"cd "+inspectorRoot+"/"+folder+"; ls -d "+s.namespace+"-* | sort")
			out = strings.TrimSpace(out)
			return out == want, difference(want, out), err
		})
	}
	s.eventuallyVolumes(len(wanted))
	for _, p := range s.podsOf(underTest) {
		// A leader that cannot renew its lease ends, so that only one writes.
		was, known := before[p.Name]
		most := was
		if p.Name == leader && length >= renewDeadline {
			most++
		}
		if now := restarts(&p); !known || now > most {
			t.Errorf("%s has restarted %d times, %d before; it led: %v", p.Name, now, was, p.Name == leader)
		}
	}
}

// renewDeadline is the program's default.
const renewDeadline = 10 * time.Second

func numbered(i int) string { return fmt.Sprintf("c-%d", i) }

// stays says which claims are not deleted while others are made.
func stays(i int) bool { return i%2 == 0 }

// insist repeats a request until the API server has accepted it.
func (s *scene) insist(request func(ctx context.Context) error) {
	var last error
	err := wait.PollUntilContextTimeout(s.Context(), 100*time.Millisecond, 2*patience, true, func(ctx context.Context) (bool, error) {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		last = request(attempt)
		return last == nil, nil
	})
	if err != nil {
		s.Errorf("%v; last: %v", err, last)
	}
}

// restarts is how often the containers of a pod were started again.
func restarts(p *v1.Pod) (count int32) {
	for _, c := range p.Status.ContainerStatuses {
		count += c.RestartCount
	}
	return count
}
