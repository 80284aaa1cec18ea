//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// cloned is a claim that asks for a copy of another one.
func cloned(name, of, class string) *v1.PersistentVolumeClaim {
	c := claim(name, class)
	c.Spec.DataSource = &v1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: of}
	return c
}

const (
	clones    = inspectorRoot + "/.nfs-provisioner/clones"
	discarded = inspectorRoot + "/.nfs-provisioner/discarded"
)

// portrait is a script that tells what is in the directory that it runs in, but
// for the times of symlinks, which not every server keeps.
const portrait = `find . ! -type d | sort | while read f; do echo "$f $(stat -c '%a %u:%g %s %h' "$f") $(readlink "$f") $([ -f "$f" ] && md5sum < "$f")"; done
	find . ! -type l | sort | xargs stat -c '%n %a %u:%g %Y'`

func TestAPodReadsInACloneWhatAnotherWrote(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.plain()
	k := class(s.unique("source"), on, map[string]string{"onDelete": "delete"})
	s.makeClass(k)
	s.makeClaim(claim("source", k.Name))
	s.start(pod("writer", forever, "source"))
	s.ready("writer")
	s.in("writer", `cd /source && mkdir -p a/b private && echo hello > a/b/file && echo secret > private/key && chmod 600 private/key && chmod 700 private
		ln a/b/file twin && ln -s ../a/b/file private/link && ln -s /etc/passwd outside && mkfifo fifo
		dd if=/dev/urandom of=large bs=64k count=40 2>/dev/null && dd if=/dev/zero of=sparse bs=1 count=1 seek=20000000 2>/dev/null
		touch -d '2020-02-02 02:02:02' a/b/file private/key a/b private`)
	want := s.in("writer", "cd /source && "+portrait)
	places := map[string]export{"same": on}
	if all := under.of(false); len(all) > 1 {
		places["other"] = all[1]
	}
	for name, place := range places {
		t.Run("on the "+name+" share", func(t *testing.T) {
			s := s.with(t)
			k := class(s.unique("clone-"+name), place, map[string]string{"onDelete": "delete"})
			s.makeClass(k)
			s.makeClaim(cloned(name, "source", k.Name))
			pv := s.bound(name)
			if pv.Spec.NFS.Server != place.server || !strings.HasPrefix(pv.Spec.NFS.Path, place.path) {
				t.Errorf("the clone is at %+v", pv.Spec.NFS)
			}
			s.start(pod("reader-"+name, forever, name))
			s.ready("reader-" + name)
			if got := s.in("reader-"+name, "cd /"+name+" && "+portrait); got != want {
				t.Errorf("the clone is another one:\n%s", difference(want, got))
			}
			s.in("reader-"+name, "echo more >> /"+name+"/a/b/file") // a clone is no view
			if got := s.in("writer", "cat /source/a/b/file"); got != "hello" {
				t.Errorf("the source holds %q now", got)
			}
			s.deletePod("reader-" + name)
			s.deleteClaim(name)
		})
	}
	if got := s.in("writer", "cd /source && "+portrait); got != want {
		t.Errorf("the source has changed:\n%s", difference(want, got))
	}
}

func TestACloneThatCannotBeIsRefusedInWordsThatHelp(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.plain()
	k := class(s.unique("clone"), on, map[string]string{"onDelete": "delete"})
	s.makeClass(k)
	s.makeClaim(claim("source", k.Name))
	s.bound("source")
	if err := under.makeStatic(t.Context(), s.namespace, "static", s.unique("static"), on); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.with(t).deleteVolume(s.unique("static")) })
	group := "example.org"
	recipe := claim("cake", k.Name)
	recipe.Spec.DataSourceRef = &v1.TypedObjectReference{APIGroup: &group, Kind: "Recipe", Name: "sponge"}
	larger := claim("larger", k.Name)
	larger.Spec.Resources.Requests[v1.ResourceStorage] = resource.MustParse("2Gi")
	s.makeClaim(larger)
	s.bound("larger")
	for name, c := range map[string]struct {
		claim *v1.PersistentVolumeClaim
		words []string
	}{
		"no-source":   {cloned("no-source", "nobody", k.Name), []string{s.namespace + "/nobody does not exist", "waits"}},
		"foreign":     {cloned("foreign", "static", k.Name), []string{"not made by this provisioner"}},
		"too-small":   {cloned("too-small", "larger", k.Name), []string{"asks for 1Gi", "has 2Gi"}},
		"a-populator": {recipe, []string{`Recipe "sponge"`, "populator"}},
	} {
		s.makeClaim(c.claim)
		s.expectEvent(c.claim.Name, s.namespace, c.words...)
		if got := s.claim(c.claim.Name); got.Status.Phase != v1.ClaimPending {
			t.Errorf("%s: the claim is %s", name, got.Status.Phase)
		}
		if got := s.look(on, "ls "+inspectorRoot+" | grep -e '"+s.namespace+"-"+c.claim.Name+"-pvc' || true"); got != "" {
			t.Errorf("%s: it has the directory %s", name, got)
		}
	}
}

// manyCopied is how many files a clone has that is disturbed.
const manyCopied = 4000

// manyToCopy is a bound claim of the name "source" with many files.
func (s *scene) manyToCopy(on export, class string) {
	s.Helper()
	s.makeClaim(claim("source", class))
	s.look(on, makeMany(directory(on, s.bound("source")), manyCopied))
}

// makeMany is a script that makes so many files in a directory.
func makeMany(place string, files int) string {
	return fmt.Sprintf("cd %s && for d in $(seq 40); do mkdir $d; for f in $(seq %d); do echo $f > $d/$f; done; done", place, files/40)
}

// copying waits until some of a copy is there, and returns where.
func (s *scene) copying(on export, volume string) string {
	s.Helper()
	return s.copyingIn(clones, volume, func(ctx context.Context, script string) (string, error) { return inInspector(ctx, on, script) })
}

// copyingIn is copying where a shell command sees the share's clones elsewhere.
func (s *scene) copyingIn(folder, volume string, run func(ctx context.Context, script string) (string, error)) (place string) {
	s.Helper()
	s.eventually("a copy for "+volume, func(ctx context.Context) (_ bool, _ string, err error) {
		place, err = run(ctx, "ls -d "+folder+"/"+volume+"_*/?* 2>/dev/null | head -n 1")
		return place != "", place, err
	})
	return place
}

func TestACloneIsMadeByTheNextLeaderWhenItsOwnIsKilled(t *testing.T) {
	s := newScene(t)
	on := under.plain()
	k := class(s.unique("clone"), on, map[string]string{"onDelete": "delete"})
	s.makeClass(k)
	s.manyToCopy(on, k.Name)
	leader := s.leader(underTest)
	killer := s.killerOn(leader.Spec.NodeName)
	volume := "pvc-" + string(s.makeClaim(cloned("clone", "source", k.Name)).UID)
	s.copying(on, volume)
	s.in(killer, killIn(leader))
	if got := s.claim("clone"); got.Spec.VolumeName != "" {
		t.Fatal("the leader was killed too late")
	}
	killed := time.Now()
	pv := s.bound("clone")
	t.Logf("the clone is bound %v after its leader was killed", time.Since(killed).Round(time.Second/10))
	s.eventually("the note that it has ended", func(ctx context.Context) (bool, string, error) {
		c, err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Get(ctx, "clone", metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		note := c.Annotations["nfs-provisioner/cloning"]
		return strings.HasPrefix(note, "ended "), note, nil
	})
	if got := s.look(on, "cd "+directory(on, pv)+" && cat */* | wc -l"); got != fmt.Sprint(manyCopied) {
		t.Errorf("the clone has %s files, want %d", got, manyCopied)
	}
	s.eventually("no copy left", func(ctx context.Context) (bool, string, error) {
		out, err := command(ctx, "kubectl", "exec", "--namespace", home, on.inspector(), "--", "sh", "-c", "ls -d "+clones+"/"+volume+"* "+discarded+"/"+volume+"* 2>/dev/null || true")
		return strings.TrimSpace(out) == "", out, err
	})
}

func TestACloneWhoseClaimIsDeletedMeanwhileLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.plain()
	k := class(s.unique("clone"), on, map[string]string{"onDelete": "delete", "pathPattern": byItsName})
	s.makeClass(k)
	s.manyToCopy(on, k.Name)
	volume := "pvc-" + string(s.makeClaim(cloned("clone", "source", k.Name)).UID)
	place := s.copying(on, volume)
	if err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Delete(t.Context(), "clone", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.eventuallyGone(on, place)
	s.eventuallyGone(on, inspectorRoot+"/"+s.namespace+"/clone")
	s.eventuallyGone(on, inspectorRoot+"/.nfs-provisioner/records/"+s.namespace+"/clone")
	if _, err := under.client.CoreV1().PersistentVolumes().Get(t.Context(), volume, metav1.GetOptions{}); err == nil {
		t.Errorf("there is a volume %s", volume)
	}
	s.deleteClaim("source")
}

func TestACloneOnARootSquashExportSaysWhyItCannotKeepOwners(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.squashed()
	k := class(s.unique("clone"), on, map[string]string{"onDelete": "delete"})
	s.makeClass(k)
	s.makeClaim(claim("source", k.Name))
	p := pod("writer", "echo hello > /source/file", "source")
	s.start(p)
	s.eventually("the file", func(ctx context.Context) (bool, string, error) {
		now, err := under.client.CoreV1().Pods(s.namespace).Get(ctx, "writer", metav1.GetOptions{})
		return err == nil && now.Status.Phase == v1.PodSucceeded, fmt.Sprint(now.Status.Phase), err
	})
	s.makeClaim(cloned("clone", "source", k.Name))
	s.expectEvent("clone", s.namespace, `"file"`, "uid 1000", "root_squash")
	if got := s.claim("clone"); got.Status.Phase != v1.ClaimPending {
		t.Errorf("the claim is %s", got.Status.Phase)
	}
}
