//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Everything that is refused says, in an event of the claim, what is wrong and
// what to change, makes nothing on the share, and leaves the provisioner well.
func TestRefusalsSayWhatToChange(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.plain()
	s.look(on, "mkdir -p /export/"+s.namespace+"-old/sub && echo precious > /export/"+s.namespace+"-old/file && ln -s /etc /export/"+s.namespace+"-link")
	t.Cleanup(func() { s.with(t).clean(on) })
	fixed := map[string]string{"pathPattern": "${.PVC.namespace}-${.PVC.name}"}
	s.makeClass(class(s.unique("owner"), on, fixed))
	s.makeClaim(claim("neighbour", s.unique("owner")))
	s.bound("neighbour")
	before := s.shareWithout(on)

	block, group := v1.PersistentVolumeBlock, "snapshot.storage.k8s.io"
	free := map[string]string{"pathPattern": "${.PVC.namespace}-${.PVC.annotations.path}"}
	path := func(path string) func(*v1.PersistentVolumeClaim) {
		return func(c *v1.PersistentVolumeClaim) { c.Annotations = map[string]string{"path": path} }
	}
	for name, c := range map[string]struct {
		parameters map[string]string
		change     func(*v1.PersistentVolumeClaim)
		event      []string
	}{
		"block": {fixed, func(c *v1.PersistentVolumeClaim) { c.Spec.VolumeMode = &block }, []string{"Block", "volumeMode: Filesystem"}},
		"selector": {fixed, func(c *v1.PersistentVolumeClaim) {
			c.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		}, []string{"remove spec.selector"}},
		"clone": {fixed, func(c *v1.PersistentVolumeClaim) {
			c.Spec.DataSource = &v1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "nobody"}
		}, []string{"nobody does not exist"}},
		"snapshot": {fixed, func(c *v1.PersistentVolumeClaim) {
			c.Spec.DataSource = &v1.TypedLocalObjectReference{APIGroup: &group, Kind: "VolumeSnapshot", Name: "snap"}
		}, []string{`VolumeSnapshot "snap"`, "remove dataSource"}},
		"no-value":       {free, nil, []string{"${.PVC.annotations.path} has no value"}},
		"dotdot":         {free, path("x/../../other"), []string{"is \"..\"", "pathPattern"}},
		"absolute":       {map[string]string{"pathPattern": "${.PVC.annotations.path}"}, path("/etc"), []string{"absolute"}},
		"metadata":       {map[string]string{"pathPattern": "${.PVC.annotations.path}"}, path(".nfs-provisioner/records/x"), []string{"reserved"}},
		"backslash":      {free, path(`a\b`), []string{"U+005C"}},
		"newline":        {free, path("a\nb"), []string{"U+000A"}},
		"long":           {free, path(strings.Repeat("x", 250)), []string{"at most 255"}},
		"stolen":         {free, path("neighbour"), []string{"belongs to", s.namespace + "/neighbour"}},
		"inside":         {free, path("neighbour/sub"), []string{"lies inside", s.namespace + "/neighbour"}},
		"existing":       {free, path("old"), []string{"exists already", "allowExisting"}},
		"in-symlink":     {free, path("link/x"), []string{"symbolic link"}},
		"on-delete":      {merge(fixed, map[string]string{"onDelete": "shred"}), nil, []string{`onDelete: "shred"`, "delete, archive or retain"}},
		"archive-bool":   {merge(fixed, map[string]string{"archiveOnDelete": "maybe"}), nil, []string{`archiveOnDelete: "maybe"`}},
		"mode":           {merge(fixed, map[string]string{"mode": "999"}), nil, []string{`mode: "999"`, "octal"}},
		"uid":            {merge(fixed, map[string]string{"uid": "4294967296"}), nil, []string{`uid: "4294967296"`, "4294967294"}},
		"gid":            {merge(fixed, map[string]string{"gid": "staff"}), nil, []string{`gid: "staff"`}},
		"unknown":        {merge(fixed, map[string]string{"onDelte": "delete"}), nil, []string{"onDelte is not known", "onDelete"}},
		"pattern":        {map[string]string{"pathPattern": "${.PVC.nmae}"}, nil, []string{"${.PVC.nmae} is not known", "${.PVC.name}"}},
		"pattern-open":   {map[string]string{"pathPattern": "${.PVC.name"}, nil, []string{"not closed"}},
		"pattern-empty":  {map[string]string{"pathPattern": ""}, nil, []string{"empty"}},
		"several-things": {merge(fixed, map[string]string{"mode": "x", "uid": "y"}), nil, []string{`mode: "x"`, `uid: "y"`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.with(t)
			k := class(s.unique("refused-"+name), on, c.parameters)
			s.makeClass(k)
			wanted := claim(name, k.Name)
			if c.change != nil {
				c.change(wanted)
			}
			s.makeClaim(wanted)
			s.expectEvent(name, s.namespace, c.event...)
			if got := s.claim(name); got.Status.Phase != v1.ClaimPending {
				t.Errorf("the claim is %s", got.Status.Phase)
			}
		})
	}
	if after := s.shareWithout(on); after != before {
		t.Errorf("the refusals changed the share:\n%s", difference(before, after))
	}
}

func TestChownOnARootSquashExportIsRefusedInWordsThatHelp(t *testing.T) {
	t.Parallel()
	for _, on := range under.of(true) {
		t.Run(on.share, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			k := class(s.unique("owned"), on, map[string]string{"uid": "1000", "pathPattern": "${.PVC.namespace}"})
			s.makeClass(k)
			s.makeClaim(claim("data", k.Name))
			s.expectEvent("data", s.namespace, on.server+":"+on.path, "uid 1000", "root_squash")
			s.eventuallyGone(on, inspectorRoot+"/"+s.namespace)
		})
	}
}

func TestExistingDirectoryIsTakenOnlyWhenTheClassSaysSo(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.plain()
	t.Cleanup(func() { s.with(t).clean(on) })
	for name, c := range map[string]struct {
		parameters map[string]string
		survives   bool
	}{
		"kept":      {map[string]string{"allowExisting": "true"}, true},
		"old-style": {map[string]string{"allowExisting": "true", "archiveOnDelete": "false"}, true},
		"spelled":   {map[string]string{"allowExisting": "true", "onDelete": "delete"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.with(t)
			place := inspectorRoot + "/" + s.namespace + "-" + name
			s.look(on, fmt.Sprintf("mkdir -m 755 %s && echo precious > %[1]s/file", place))
			k := class(s.unique(name), on, merge(c.parameters, map[string]string{"pathPattern": "${.PVC.namespace}-${.PVC.name}"}))
			s.makeClass(k)
			s.makeClaim(claim(name, k.Name))
			s.bound(name)
			if got := s.look(on, "stat -c %a "+place); got != "755" {
				t.Errorf("the mode of the existing directory has become %s", got)
			}
			s.deleteClaim(name)
			if got := s.look(on, "cat "+place+"/file 2>/dev/null || true"); (got == "precious") != c.survives {
				t.Errorf("its file holds %q after the claim is gone", got)
			}
		})
	}
}

// shareWithout lists everything on an export but what other scenes, which run
// at the same time, have there, and the folders that the first of them makes.
func (s *scene) shareWithout(e export) string {
	s.Helper()
	var lines []string
	for line := range strings.SplitSeq(s.look(e, "find "+inspectorRoot+" 2>/dev/null | sort"), "\n") {
		ours := strings.HasPrefix(line, inspectorRoot+"/.nfs-provisioner")
		record := strings.HasPrefix(line, inspectorRoot+"/.nfs-provisioner/records/")
		others := strings.Contains(line, "e2e-") || strings.Contains(line, shareSuite) || ours && !record
		if strings.Contains(line, s.namespace) || !others {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// clean removes what a scene made by hand on an export.
func (s *scene) clean(e export) {
	s.Helper()
	if _, err := command(context.Background(), "kubectl", "exec", "--namespace", home, e.inspector(), "--", "sh", "-c", "rm -rf "+inspectorRoot+"/"+s.namespace+"*"); err != nil {
		s.Error(err)
	}
}

// difference lists the lines that only one of two texts has.
func difference(before, after string) string {
	var changes []string
	was, is := map[string]bool{}, map[string]bool{}
	for line := range strings.SplitSeq(before, "\n") {
		was[line] = true
	}
	for line := range strings.SplitSeq(after, "\n") {
		if is[line] = true; !was[line] {
			changes = append(changes, "+ "+line)
		}
	}
	for line := range was {
		if !is[line] {
			changes = append(changes, "- "+line)
		}
	}
	return strings.Join(changes, "\n")
}
