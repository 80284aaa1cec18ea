package chart

import (
	"regexp"
	"strings"
	"testing"
)

// clusterScoped are the kinds that live outside namespaces.
var clusterScoped = map[string]bool{"PersistentVolume": true, "ClusterRole": true, "ClusterRoleBinding": true, "StorageClass": true}

var subdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// TestNamesDisjoint renders releases whose names and namespaces are made to run into each other.
func TestNamesDisjoint(t *testing.T) {
	long := strings.Repeat("a", 40)
	releases := []release{
		{name: "nfs", namespace: "one"},
		{name: "nfs", namespace: "two"},
		{name: "two", namespace: "one"},
		{name: "b-c", namespace: "a"},
		{name: "c", namespace: "a-b"},
		{name: "b.c", namespace: "a"},
		{name: long + "-x", namespace: long + long[:23]},
		{name: long + "-y", namespace: long + long[:23]},
	}
	values := `
shares:
- {name: default, server: nfs.example.com, path: /export}
- {name: default-two, server: nfs.example.com, path: /export-two}
- {name: ` + long + `, server: nfs.example.com, path: /export-long}
`
	seen := map[string]string{}
	for _, r := range releases {
		r.values = []string{values}
		for _, o := range renderAll(t, r) {
			limit := 253
			if o.kind() == "Deployment" {
				limit = 63
			}
			if n := o.name(); len(n) > limit || !subdomain.MatchString(n) {
				t.Errorf("%s %q is no name: it has %d characters, at most %d are good", o.kind(), n, len(n), limit)
			}
			key := o.kind() + " " + o.name()
			if !clusterScoped[o.kind()] {
				if got := o.str("metadata", "namespace"); got != r.namespace {
					t.Errorf("%s of %s/%s is in the namespace %q", key, r.namespace, r.name, got)
				}
				key += " in " + r.namespace
			}
			if other, ok := seen[key]; ok {
				t.Errorf("%s belongs to both %s and %s/%s", key, other, r.namespace, r.name)
			}
			seen[key] = r.namespace + "/" + r.name
		}
	}
}

// TestClaimNamesDisjoint has a release and a share whose names join to the same text as another's.
func TestClaimNamesDisjoint(t *testing.T) {
	claim := func(full, share string) string {
		all := render(t, release{values: []string{"fullnameOverride: " + full + "\nshares: [{name: " + share + ", server: s, path: /p}]"}})
		return all.one(t, "PersistentVolumeClaim").name()
	}
	if a, b := claim("a", "b-c"), claim("a-b", "c"); a == b {
		t.Errorf("both claims are named %s", a)
	}
}

// TestNamesStable renders twice: nothing may depend on time or chance.
func TestNamesStable(t *testing.T) {
	for file, values := range ciValues(t) {
		a, _, err := template(t, release{values: []string{values}})
		if err != nil {
			t.Fatal(err)
		}
		if b, _, _ := template(t, release{values: []string{values}}); a != b {
			t.Errorf("%s renders differently the second time", file)
		}
	}
}

// TestSelector keeps the labels that a Deployment may never change apart from those that change with a version.
func TestSelector(t *testing.T) {
	d := render(t, release{values: []string{minimal, "podLabels: {app.kubernetes.io/name: theirs, team: storage}"}}).one(t, "Deployment")
	selector := d.at("spec", "selector", "matchLabels").(map[string]any)
	labels := d.at("spec", "template", "metadata", "labels").(map[string]any)
	if len(selector) != 2 {
		t.Errorf("the selector has %v, want the name and the instance", selector)
	}
	for k, v := range selector {
		if labels[k] != v {
			t.Errorf("the selector wants %s=%v, the pods have %v", k, v, labels[k])
		}
	}
	if labels["team"] != "storage" {
		t.Errorf("podLabels are lost: %v", labels)
	}
}
