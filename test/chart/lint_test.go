package chart

import (
	"strings"
	"testing"
)

// everything is a release with all objects that there can be.
const everything = monitored + `
storageClasses: [{name: nfs}]
networkPolicy: {enabled: true}
`

// TestContainers: what linters of manifests ask of every container, that of helm test too.
func TestContainers(t *testing.T) {
	for _, profile := range []string{"", "securityProfile: restricted"} {
		all := renderAll(t, release{values: []string{minimal, profile}})
		pods := []object{all.one(t, "Pod"), all.one(t, "Deployment").at("spec", "template").(map[string]any)}
		for i, pod := range pods {
			c := object(pod.list("spec", "containers")[0].(map[string]any))
			name := c.str("name")
			if _, tag, _ := strings.Cut(c.str("image"), ":"); tag == "" || tag == "latest" {
				t.Errorf("%s: the image is %s, which may be any", name, c.str("image"))
			}
			for _, keys := range [][]string{{"requests", "cpu"}, {"requests", "memory"}, {"limits", "memory"}} {
				if c.at(append([]string{"resources"}, keys...)...) == nil {
					t.Errorf("%s has no resources.%s", name, strings.Join(keys, "."))
				}
			}
			if c.at("securityContext", "readOnlyRootFilesystem") != true || c.at("securityContext", "allowPrivilegeEscalation") != false {
				t.Errorf("%s may change its image or gain privileges: %v", name, c.at("securityContext"))
			}
			if account := pod.str("spec", "serviceAccountName"); account == "default" || account == "" && pod.at("spec", "automountServiceAccountToken") != false {
				t.Errorf("%s has the token of the default service account", name)
			}
			if restricted := i == 0 || profile != ""; restricted && pod.at("spec", "securityContext", "runAsNonRoot") != true {
				t.Errorf("%s may be root", name)
			}
		}
	}
}

// TestSelectors: whatever selects pods selects the provisioner's.
func TestSelectors(t *testing.T) {
	all := render(t, release{values: []string{minimal, everything}})
	labels := all.one(t, "Deployment").at("spec", "template", "metadata", "labels").(map[string]any)
	for kind, keys := range map[string][]string{
		"Deployment":          {"spec", "selector", "matchLabels"},
		"Service":             {"spec", "selector"},
		"PodDisruptionBudget": {"spec", "selector", "matchLabels"},
		"NetworkPolicy":       {"spec", "podSelector", "matchLabels"},
	} {
		selector, _ := all.one(t, kind).at(keys...).(map[string]any)
		if len(selector) == 0 {
			t.Errorf("the %s selects all pods", kind)
		}
		for k, v := range selector {
			if labels[k] != v {
				t.Errorf("the %s wants %s=%v, the pods have %v", kind, k, v, labels[k])
			}
		}
	}
}

// TestAddresses: a server by name, IPv4 or IPv6 goes into the volume as Kubernetes wants it, which is without brackets,
// and to the program in the same way.
func TestAddresses(t *testing.T) {
	for _, server := range []string{"nfs.example.com", "nas", "192.0.2.10", "fd00::10", "2001:db8:0:0:0:0:0:1", "::ffff:192.0.2.10", "NAS.Example.COM"} {
		all := render(t, release{values: []string{"shares: [{name: a, server: '" + server + "', path: /p}]"}})
		if got := all.one(t, "PersistentVolume").str("spec", "nfs", "server"); got != server {
			t.Errorf("the volume's server is %q, want %q", got, server)
		}
		env := object(all.one(t, "Deployment").container(t).list("env")[0].(map[string]any)).str("value")
		if want := "name=a,server=" + server + ",path=/p,mount=/shares/a\n"; env != want {
			t.Errorf("the program is told of %q, want %q", env, want)
		}
	}
}
