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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A fault is something that happens to an NFS server.
type fault struct {
	name       string
	sick       place
	begin, end func(ctx context.Context) error
	// says is what the events name, besides the share.
	says []string
	// deletes: volumes can be deleted all the same.
	deletes bool
}

// Whatever happens to an NFS server, its claims say so, nothing half-made is
// left, everything goes on when the server does, and other shares notice
// nothing.
func TestFaultOfAnNFSServer(t *testing.T) {
	s := newScene(t)
	s.needControl()
	f := s.installFrail()
	nfs := func(action string) func(context.Context) error {
		return func(ctx context.Context) error { _, err := control(ctx, "nfs", action); return err }
	}
	onKernel, onGanesha := s.healthy(f.kernel[0]), s.healthy(f.ganesha)
	s.emptied(f.kernel[0], f.ganesha)
	const away = "does not answer"
	for _, c := range []fault{
		{"stopped", f.ganesha, nfs("stop"), nfs("start"), []string{away}, false},
		{"killed", f.ganesha, nfs("kill"), nfs("start"), []string{away}, false},
		{"frozen", f.ganesha, nfs("pause"), nfs("continue"), []string{away}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "stopped" && testing.Short() {
				t.Skip("to a client it is as if the server had been killed")
			}
			// Both together are more than are worked on at once, and no call returns.
			o := newOutbreak(t, onKernel, 10, c)
			o.breakOut()
			o.heal(c)
			o.emptied(c.sick, o.well.place)
		})
	}

	// What happens to one export of a server happens while other things happen
	// to others.
	t.Run("each export its own", func(t *testing.T) {
		on := map[string]place{}
		for _, p := range f.kernel {
			on[p.share] = p
		}
		server := func(script string, p place) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := onServer(ctx, "cd "+kernelMount(p.share)+"; "+script)
				return err
			}
		}
		readOnly, full, quota, refused, gone, anew := on["read-only"], on["full"], on["over-quota"], on["refused"], on["not-exported"], on["made-anew"]
		withThisMount := []fault{
			{
				"read-only", readOnly,
				server(exportAs("ro", readOnly.share), readOnly), server(exportAs("rw", readOnly.share), readOnly),
				[]string{"read-only file system", "export and mount the share for writing"}, false,
			},
			{
				"full", full,
				server(fillUp, full), server(makeRoom, full),
				[]string{"no space left on device", "free space on the share"}, true,
			},
			{
				"over quota", quota,
				server("xfs_quota -x -c 'limit -u ihard=1 65534' $PWD", quota), server("xfs_quota -x -c 'limit -u ihard=0 65534' $PWD", quota),
				[]string{"disk quota exceeded", "raise the quota"}, true,
			},
			{
				"permission refused", refused,
				server("chmod 755 root", refused), server("chmod 777 root", refused),
				[]string{"permission denied", "let the provisioner's user write"}, false,
			},
			{
				"not exported", gone,
				server(unexport(gone.share), gone), server(exportAs("rw", gone.share), gone),
				[]string{"stale"}, false,
			},
		}
		// What was mounted is no more: this one takes a new mount.
		withAnother := fault{
			"made anew", anew,
			server("cp -a root new; mv root old; mv new root; exportfs -f", anew),
			replaceFrailPods,
			[]string{"stale"}, false,
		}
		o := newOutbreak(t, onGanesha, 4, append(withThisMount, withAnother)...)
		o.breakOut()
		o.heal(withThisMount...)
		o.heal(withAnother)
		o.emptied(append([]place{f.ganesha}, f.kernel...)...)
	})
}

// An outbreak is faults that begin at once.
type outbreak struct {
	*scene
	well   healthy
	faults []fault
	// waiting is how many claims wait for the end of each fault, and how many
	// leave before it.
	waiting int
	doomed  map[string]*v1.PersistentVolume // by the fault's name
	ended   map[string]bool
}

// healthy is a share that stays well while others do not.
type healthy struct {
	place
	class string
	quiet time.Duration // p99 of its claims while all are well
}

// healthy measures how long claims take while all is well.
func (s *scene) healthy(p place) healthy {
	s.Helper()
	h := healthy{place: p, class: s.unique("well-" + p.share)}
	s.makeClass(p.class(h.class, map[string]string{"onDelete": "delete"}))
	h.quiet = s.p99(h.class, "quiet-"+p.share)
	return h
}

// newOutbreak makes what every share that will be sick should have before.
func newOutbreak(t *testing.T, well healthy, waiting int, faults ...fault) *outbreak {
	o := &outbreak{scene: newScene(t), well: well, faults: faults, waiting: waiting, doomed: map[string]*v1.PersistentVolume{}, ended: map[string]bool{}}
	for _, f := range faults {
		o.makeClass(f.sick.class(o.class(f), map[string]string{"onDelete": "delete", "pathPattern": "${.PVC.namespace}-${.PVC.name}"}))
		o.makeClaim(claim(o.named(f, "bystander"), o.class(f)))
		o.makeClaim(claim(o.named(f, "doomed"), o.class(f)))
	}
	for _, f := range faults {
		o.bound(o.named(f, "bystander"))
		o.doomed[f.name] = o.bound(o.named(f, "doomed"))
		f.sick.look(o.scene, fmt.Sprintf("cd %s-%s; echo precious > file; cd ../%[1]s-%[3]s; echo rubbish > file", o.namespace, o.named(f, "bystander"), o.named(f, "doomed")))
	}
	return o
}

func (o *outbreak) class(f fault) string { return o.unique(f.sick.share) }

// named is the name of a claim on the share of a fault.
func (o *outbreak) named(f fault, claim string) string { return f.sick.share + "-" + claim }

// breakOut lets the faults begin, and expects of the shares that are sick that
// they say so, and of the one that is well that it does not notice.
func (o *outbreak) breakOut() {
	o.Helper()
	began := time.Now()
	for _, f := range o.faults {
		o.Cleanup(func() {
			if o.ended[f.name] {
				return
			}
			if err := f.end(context.Background()); err != nil {
				o.Errorf("%s: end: %v", f.name, err)
			}
		})
		if err := f.begin(o.Context()); err != nil {
			o.Fatalf("%s: %v", f.name, err)
		}
	}
	for _, f := range o.faults {
		for i := range o.waiting {
			o.makeClaim(claim(o.named(f, fmt.Sprintf("waits-%d", i)), o.class(f)))
			o.makeClaim(claim(o.named(f, fmt.Sprintf("leaves-%d", i)), o.class(f)))
		}
		o.dropClaim(o.named(f, "doomed"))
	}
	limit := max(2*o.well.quiet, unnoticed)
	var during time.Duration
	for attempt := range 3 { // what else the machine does can only make it worse
		if during = o.p99(o.well.class, fmt.Sprintf("well-%d", attempt)); during <= limit {
			break
		}
	}
	o.Logf("p99 of the claims on the share that is well: %v before, %v during", o.well.quiet, during)
	if during > limit {
		o.Errorf("p99 of the claims on the share that is well: %v during the fault, more than %v", during, limit)
	}

	for _, f := range o.faults {
		says := append(slices.Clone(f.says), fmt.Sprintf("%q (%s:%s)", f.sick.share, f.sick.server, f.sick.path))
		for i := range o.waiting {
			o.expectWarning(o.namespace, o.named(f, fmt.Sprintf("waits-%d", i)), says...)
		}
		if f.deletes {
			o.volumeGone(o.doomed[f.name].Name)
		} else {
			o.expectWarning(metav1.NamespaceDefault, o.doomed[f.name].Name, says...)
			o.expectPhase(o.doomed[f.name].Name, v1.VolumeReleased)
		}
		o.Logf("%s: all claims said so within %v", f.name, time.Since(began).Round(time.Second/10))
	}
	for _, f := range o.faults {
		for i := range o.waiting {
			o.dropClaim(o.named(f, fmt.Sprintf("leaves-%d", i)))
		}
	}
}

// unnoticed is a p99 that nobody would blame on a fault, on two busy cores.
const unnoticed = time.Second

// heal ends faults and expects that everything goes on by itself.
func (o *outbreak) heal(faults ...fault) {
	o.Helper()
	for _, f := range faults {
		if err := f.end(o.Context()); err != nil {
			o.Fatalf("%s: end: %v", f.name, err)
		}
		o.ended[f.name] = true
	}
	healed := time.Now()
	for _, f := range faults {
		wanted := []string{o.named(f, "bystander")}
		for i := range o.waiting {
			name := o.named(f, fmt.Sprintf("waits-%d", i))
			o.bound(name)
			wanted = append(wanted, name)
		}
		o.Logf("%s: all claims were Bound within %v of its end", f.name, time.Since(healed).Round(time.Second/10))
		o.volumeGone(o.doomed[f.name].Name)
		o.expectDirectories(f.sick, wanted)
		if got := f.sick.look(o.scene, fmt.Sprintf("cat %s-%s/file", o.namespace, o.named(f, "bystander"))); got != "precious" {
			o.Errorf("%s: the file of a volume that nobody touched holds %q", f.name, got)
		}
	}
}

// dropClaim deletes a claim and waits for nothing.
func (s *scene) dropClaim(name string) {
	s.Helper()
	if err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Delete(s.Context(), name, metav1.DeleteOptions{}); err != nil {
		s.Fatal(err)
	}
}

// expectWarning waits for an event of type Warning whose message holds every
// part.
func (s *scene) expectWarning(namespace, object string, parts ...string) {
	s.Helper()
	s.eventually(fmt.Sprintf("warning of %s with %q", object, parts), func(ctx context.Context) (bool, string, error) {
		events, err := under.client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "type=Warning,involvedObject.name=" + object})
		if err != nil {
			return false, "", err
		}
		var seen []string
		for _, e := range events.Items {
			if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(e.Message, part) }) {
				return true, "", nil
			}
			seen = append(seen, e.Message)
		}
		return false, strings.Join(seen, " | "), nil
	})
}

func (s *scene) volumeGone(name string) {
	s.Helper()
	s.eventually("volume "+name+" gone", func(ctx context.Context) (bool, string, error) {
		list, err := under.client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		return err == nil && len(list.Items) == 0, "still there", err
	})
}

// expectDirectories waits until the scene's directories on a share, and its
// records, are those of these claims and no others, and nothing is on its way
// in or out.
func (s *scene) expectDirectories(p place, claims []string) {
	s.Helper()
	var wanted []string
	for _, name := range claims {
		wanted = append(wanted, s.namespace+"-"+name)
	}
	slices.Sort(wanted)
	want := strings.Join(wanted, "\n")
	for _, folder := range []string{".", ".nfs-provisioner/records"} {
		s.eventually(fmt.Sprintf("%d names in %s on %q", len(wanted), folder, p.share), func(ctx context.Context) (bool, string, error) {
			out, err := p.run(ctx, "cd "+folder+"; ls -d "+s.namespace+"-* 2>/dev/null | sort")
			return out == want, difference(want, out), err
		})
	}
	s.eventually(fmt.Sprintf("nothing on its way on %q", p.share), func(ctx context.Context) (bool, string, error) {
		// Records that a process which was stopped was writing stay for a while.
		out, err := p.run(ctx, "ls -d .nfs-provisioner/trash/* 2>/dev/null || true")
		return out == "", out, err
	})
}

// emptied deletes all claims of the scene and waits until nothing is left of
// them.
func (s *scene) emptied(places ...place) {
	s.Helper()
	if err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).DeleteCollection(s.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		s.Fatal(err)
	}
	s.eventuallyVolumes(0)
	for _, p := range places {
		s.expectDirectories(p, nil)
	}
}

// replaceFrailPods gives the frail release new pods, and so new mounts.
func replaceFrailPods(ctx context.Context) error {
	for _, what := range [][]string{{"restart"}, {"status", "--timeout", "3m"}} {
		arguments := append([]string{"rollout", what[0], "deployment", "--namespace", frailHome, "--selector", "app.kubernetes.io/instance=" + frailRelease}, what[1:]...)
		if _, err := command(ctx, "kubectl", arguments...); err != nil {
			return err
		}
	}
	return nil
}
