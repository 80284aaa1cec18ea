//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
)

// listed is a line of an inventory.
type listed struct {
	Share, Directory, Volume, Claim, State, Detail string
}

func TestInventoryNamesEverythingAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.squashed()
	for name, onDelete := range map[string]string{"archive": "archive", "retain": "retain"} {
		s.makeClass(class(s.unique(name), on, map[string]string{"onDelete": onDelete, "pathPattern": byItsName}))
	}
	made := map[string]string{"bound": "archive", "missing": "archive", "orphan": "archive", "archive": "archive", "kept": "retain"}
	for name, class := range made {
		s.makeClaim(claim(name, s.unique(class)))
	}
	volumes := map[string]*v1.PersistentVolume{}
	for name := range made {
		volumes[name] = s.bound(name)
	}
	s.look(on, "cd "+inspectorRoot+"/"+s.namespace+" && for d in *; do echo precious > $d/file; done && rm -r missing && mkdir stray adopted")
	s.patchVolume(volumes["orphan"].Name, map[string]any{"spec": map[string]any{"persistentVolumeReclaimPolicy": "Retain"}})
	s.deleteVolume(volumes["orphan"].Name)
	for _, name := range []string{"archive", "kept", "orphan"} {
		s.deleteClaim(name)
	}
	static := export{on.server, path.Join(on.path, s.namespace, "adopted"), on.share, on.squash}
	if err := under.makeStatic(t.Context(), s.namespace, "adopted", s.unique("adopted"), static); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.deleteVolume(s.unique("adopted")) })
	s.bound("adopted")

	want := map[listed]bool{}
	for name, state := range map[string]string{
		"bound": "bound", "missing": "missing", "orphan": "orphan", "kept": "released", "archive": "archived", "stray": "unrecorded", "adopted": "adopted",
	} {
		l := listed{Share: on.share, Directory: s.namespace + "/" + name, Claim: s.namespace + "/" + name, State: state}
		switch name {
		case "stray":
			l.Claim = ""
		case "adopted":
			l.Volume = s.unique("adopted")
		case "archive":
			l.Volume = volumes[name].Name
			l.Directory = "archived-" + l.Directory + "-" + l.Volume
		default:
			l.Volume = volumes[name].Name
		}
		want[l] = true
	}
	// A directory without volume is an orphan when it is old enough.
	s.eventually("the inventory", func(ctx context.Context) (bool, string, error) {
		found, err := s.inventory(ctx)
		return err == nil && fmt.Sprint(found) == fmt.Sprint(want), fmt.Sprint(found), err
	})

	before := s.everything(on)
	if found, err := s.inventory(t.Context()); err != nil || fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("the inventory is %v (%v), want %v", found, err, want)
	}
	table, err := inventoryOf(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for l := range want {
		if !hasLine(table, l.Share, l.Directory, l.State) {
			t.Errorf("the table has no line of %v:\n%s", l, table)
		}
	}
	if after := s.everything(on); after != before {
		t.Errorf("the share has changed: %s", difference(before, after))
	}
}

// inventoryOf runs the program's command in the container of a replica, as a
// person would.
func inventoryOf(ctx context.Context, arguments ...string) (string, error) {
	return command(ctx, "kubectl", append([]string{"exec", "--namespace", home, "deploy/nfs-nfs-provisioner", "--", "/nfs-provisioner", "inventory"}, arguments...)...)
}

// inventory is what is listed of the scene, without the details.
func (s *scene) inventory(ctx context.Context) (map[listed]bool, error) {
	out, err := inventoryOf(ctx, "-o", "json")
	if err != nil {
		return nil, err
	}
	var all struct{ Items []listed }
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return nil, err
	}
	found := map[listed]bool{}
	for _, l := range all.Items {
		if strings.Contains(l.Directory, s.namespace+"/") {
			l.Detail = ""
			found[l] = true
		}
	}
	return found, nil
}

// hasLine says whether a line of a table has these words.
func hasLine(table string, words ...string) bool {
	for line := range strings.Lines(table) {
		fields := map[string]bool{}
		for _, f := range strings.Fields(line) {
			fields[f] = true
		}
		all := true
		for _, w := range words {
			all = all && fields[w]
		}
		if all {
			return true
		}
	}
	return false
}

// everything is what the share holds of the scene, records included, with what
// would tell of a change.
func (s *scene) everything(e export) string {
	s.Helper()
	return s.look(e, `cd `+inspectorRoot+` && find . -path '*`+s.namespace+`*' -exec stat -c '%n %a %u %g %s %Y %Z' {} + | sort`)
}

func TestMetricsAndReadinessTellOfEveryShare(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.squashed()
	s.makeClass(class(s.unique("counted"), on, map[string]string{"onDelete": "delete"}))
	s.makeClaim(claim("counted", s.unique("counted")))
	s.bound("counted")
	pods, leader := s.readyPodsOf(underTest), s.leader(underTest)
	s.eventually("metrics of the leader", func(ctx context.Context) (bool, string, error) {
		text, err := served(ctx, leader, "metrics")
		if err != nil {
			return false, "", err
		}
		for _, e := range under.exports {
			if !strings.Contains(text, fmt.Sprintf("\nnfs_provisioner_share_up{share=%q} 1\n", e.share)) {
				return false, "share " + e.share + " is not up:\n" + text, nil
			}
		}
		line := fmt.Sprintf("\nnfs_provisioner_directories{share=%q,state=\"bound\"} ", on.share)
		_, count, told := strings.Cut(text, line)
		return told && !strings.HasPrefix(count, "0\n"), "no " + line + "in\n" + text, nil
	})
	for _, p := range pods {
		text, err := served(t.Context(), &p, "readyz?verbose")
		if err != nil {
			t.Error(err)
		}
		says := "not looked at"
		if p.Name == leader.Name {
			says = "places in use"
		}
		for _, e := range under.exports {
			_, line, told := strings.Cut(text, "[+]share "+e.share+" ok: ")
			if line, _, _ = strings.Cut(line, "\n"); !told || !strings.Contains(line, says) {
				t.Errorf("readyz of %s says %q of %s, and not %q:\n%s", p.Name, line, e.share, says, text)
			}
		}
		text, err = served(t.Context(), &p, "healthz?verbose")
		if err != nil || !strings.Contains(text, "[+]lease ok: ") || strings.Contains(text, "[-]") {
			t.Errorf("healthz of %s: %v\n%s", p.Name, err, text)
		}
	}
}

// served is what a pod's port 8080 answers, by way of the API server.
func served(ctx context.Context, p *v1.Pod, place string) (string, error) {
	return command(ctx, "kubectl", "get", "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:8080/proxy/%s", p.Namespace, p.Name, place))
}
