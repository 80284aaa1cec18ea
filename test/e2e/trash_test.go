//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	trash     = inspectorRoot + "/.nfs-provisioner/trash"
	byItsName = "${.PVC.namespace}/${.PVC.name}"
)

func TestDataThatCannotBeRemovedKeepsItsVolumeAndNotItsPath(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.squashed()
	k := class(s.unique("closed"), on, map[string]string{"onDelete": "delete", "pathPattern": byItsName})
	s.makeClass(k)
	s.makeClaim(claim("data", k.Name))
	old := s.bound("data")
	// The tenant mounts the directory without a claim, so as to be there still
	// when the claim is gone.
	tenant := pod("tenant", forever)
	tenant.Spec.Volumes = []v1.Volume{{Name: "data", VolumeSource: v1.VolumeSource{
		NFS: &v1.NFSVolumeSource{Server: old.Spec.NFS.Server, Path: old.Spec.NFS.Path},
	}}}
	tenant.Spec.Containers[0].VolumeMounts = []v1.VolumeMount{{Name: "data", MountPath: "/data"}}
	s.start(tenant)
	s.ready("tenant")
	s.in("tenant", `mkdir -p /data/open /data/mine/closed && echo precious > /data/mine/closed/file && touch /data/open/file
		chmod 777 /data/open && chmod 700 /data/mine/closed`)

	s.dropClaim("data")
	s.claimGone("data")
	s.expectWarning(metav1.NamespaceDefault, old.Name, `"mine/closed"`, "permission denied",
		"let the provisioner's user remove them, or remove them by hand on the server")
	s.expectPhase(old.Name, v1.VolumeReleased)

	s.makeClaim(claim("data", k.Name))
	again := s.bound("data")
	if again.Spec.NFS.Path != old.Spec.NFS.Path {
		t.Errorf("the claim that was made again is at %s, was at %s", again.Spec.NFS.Path, old.Spec.NFS.Path)
	}
	if got := s.look(on, "ls -A "+directory(on, again)+"; echo new > "+directory(on, again)+"/file"); got != "" {
		t.Errorf("it is not empty: %s", got)
	}
	if left := s.look(on, "cd "+trash+"/"+old.Name+" && find . ! -name . | sort"); !strings.HasPrefix(left, "./mine\n./mine/closed") || strings.Contains(left, "open") {
		t.Errorf("of the old data there is %q", left)
	}

	opened := time.Now()
	s.in("tenant", "chmod 777 /data/mine /data/mine/closed")
	s.volumeGone(old.Name)
	t.Logf("the volume is gone %v after its data was opened", time.Since(opened).Round(time.Second/10))
	s.eventuallyGone(on, trash+"/"+old.Name)
	if got := s.look(on, "cat "+directory(on, again)+"/file"); got != "new" {
		t.Errorf("the file of the new claim holds %q", got)
	}
}

// The sizes of what is removed at once.
const (
	manyFiles = 5000
	fewClaims = 10
)

func TestRemovalOfManyFilesDelaysNoOther(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.needControl()                               // to make that many files where they are
	on := under.of(false)[len(under.of(false))-1] // the kernel's
	k := class(s.unique("many"), on, map[string]string{"onDelete": "delete", "pathPattern": byItsName})
	s.makeClass(k)
	s.makeClaim(claim("giant", k.Name))
	giant := s.bound("giant")
	if _, err := onServer(t.Context(), fmt.Sprintf("mkdir %s/d; cd %[1]s/d; seq 1 %d | xargs touch", "/srv/nfs"+giant.Spec.NFS.Path, manyFiles)); err != nil {
		t.Fatal(err)
	}
	s.makeFew(k.Name, "alone")
	s.makeFew(k.Name, "beside")
	alone := s.timeDeletions("alone")

	began := time.Now()
	s.dropClaim("giant")
	s.claimGone("giant")
	s.eventuallyGone(on, directory(on, giant))
	beside := s.timeDeletions("beside")
	_, early := under.client.CoreV1().PersistentVolumes().Get(t.Context(), giant.Name, metav1.GetOptions{})

	progress := ""
	s.within(2*patience, "the giant gone", func(ctx context.Context) (bool, string, error) {
		pv, err := under.client.CoreV1().PersistentVolumes().Get(ctx, giant.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, "", nil
		}
		if note := pv.Annotations["nfs-provisioner/removal"]; err == nil && note != "" {
			progress = note
		}
		return false, progress, err
	})
	took := time.Since(began)
	t.Logf("%d files are removed after %v (%q)", manyFiles, took.Round(time.Second/10), progress)
	t.Logf("deletions without them took %v", alone)
	t.Logf("deletions beside them took %v", beside)
	// How much slower exactly is for the benchmark to say: other tests run beside this one.
	const middle, last = fewClaims / 2, fewClaims - 1
	if limit := 2*alone[middle] + time.Second; beside[middle] > limit {
		t.Errorf("the median deletion took %v beside the giant, %v without", beside[middle], alone[middle])
	}
	if limit := max(2*alone[last]+time.Second, took/4); beside[last] > limit {
		t.Errorf("the longest deletion took %v beside the giant, which took %v, and %v without", beside[last], took, alone[last])
	}
	if apierrors.IsNotFound(early) && !t.Failed() {
		t.Errorf("%d files were removed before %d claims: nothing was measured", manyFiles, fewClaims)
	}
	const between = 10 * time.Second // two notes of progress
	if took > between+5*time.Second && !strings.Contains(progress, "files and folders removed since") {
		t.Errorf("nothing on the volume told of progress; the last note is %q", progress)
	}
}

// makeFew makes claims whose names begin with prefix.
func (s *scene) makeFew(class, prefix string) {
	s.Helper()
	for i := range fewClaims {
		s.makeClaim(claim(fmt.Sprintf("%s-%d", prefix, i), class))
	}
	for i := range fewClaims {
		s.bound(fmt.Sprintf("%s-%d", prefix, i))
	}
}

// timeDeletions deletes them one after the other and returns how long each
// took, the shortest first.
func (s *scene) timeDeletions(prefix string) (times []time.Duration) {
	s.Helper()
	for i := range fewClaims {
		from := time.Now()
		s.deleteClaim(fmt.Sprintf("%s-%d", prefix, i))
		times = append(times, time.Since(from).Round(time.Millisecond))
	}
	slices.Sort(times)
	return times
}
