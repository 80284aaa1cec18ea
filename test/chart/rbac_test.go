package chart

import (
	"fmt"
	"strings"
	"testing"
)

// rules writes the rules of a role as "group/resource[names]: verbs", one a line.
func rules(o object) string {
	join := func(v any) string {
		l, _ := v.([]any)
		s := make([]string, len(l))
		for i := range l {
			s[i] = l[i].(string)
		}
		return strings.Join(s, " ")
	}
	var lines []string
	for _, r := range o.list("rules") {
		r := r.(map[string]any)
		lines = append(lines, fmt.Sprintf("%s/%s[%s]: %s",
			join(r["apiGroups"]), join(r["resources"]), join(r["resourceNames"]), join(r["verbs"])))
	}
	return strings.Join(lines, "\n")
}

// TestRules lists every permission: one more or one less is a decision, not an accident.
func TestRules(t *testing.T) {
	all := render(t, release{values: []string{minimal}})

	want := strings.TrimSpace(`
/persistentvolumes[]: get list watch create patch delete
/persistentvolumeclaims[]: get list watch patch
/persistentvolumeclaims/status[]: patch
storage.k8s.io/storageclasses[]: list watch
/events[]: create patch
/namespaces[kube-system]: get`)
	if got := rules(all.one(t, "ClusterRole")); got != want {
		t.Errorf("ClusterRole:\n%s\nwant:\n%s", got, want)
	}

	want = strings.TrimSpace(`
coordination.k8s.io/leases[]: create
coordination.k8s.io/leases[cluster.local-rel-nfs-provisioner]: get update`)
	if got := rules(all.one(t, "Role")); got != want {
		t.Errorf("Role:\n%s\nwant:\n%s", got, want)
	}
}

// TestBindings follows each binding to a role and a service account that exist.
func TestBindings(t *testing.T) {
	for file, values := range ciValues(t) {
		all := render(t, release{values: []string{values}})
		exists := map[string]bool{}
		for _, o := range all {
			exists[o.kind()+" "+o.name()] = true
		}
		for _, o := range append(all.ofKind("ClusterRoleBinding"), all.ofKind("RoleBinding")...) {
			if role := o.str("roleRef", "kind") + " " + o.str("roleRef", "name"); !exists[role] {
				t.Errorf("%s: %s %s names the %s, which is not rendered", file, o.kind(), o.name(), role)
			}
			subject := object(o.list("subjects")[0].(map[string]any))
			if got, want := subject.str("name"), all.one(t, "Deployment").str("spec", "template", "spec", "serviceAccountName"); got != want {
				t.Errorf("%s: %s %s is for the service account %q, the pods have %q", file, o.kind(), o.name(), got, want)
			}
			if !exists["ServiceAccount "+subject.str("name")] {
				t.Errorf("%s: the service account %q is not rendered", file, subject.str("name"))
			}
		}
	}
}

// TestLeaseName keeps the lease that the role permits and the one that the program asks for the same.
func TestLeaseName(t *testing.T) {
	for provisioner, lease := range map[string]string{
		`""`:                   "cluster.local-rel-nfs-provisioner",
		"example.com/nfs":      "example.com-nfs",
		"fuseim.pri/ifs_older": "fuseim.pri-ifs-older",
		"Example":              "example",
	} {
		all := render(t, release{values: []string{minimal, "provisionerName: " + provisioner}})
		rule := object(all.one(t, "Role").list("rules")[1].(map[string]any))
		if got := rule.list("resourceNames")[0]; got != lease {
			t.Errorf("provisioner %s: the role names the lease %q, want %q", provisioner, got, lease)
		}
		wantArgs(t, all.one(t, "Deployment"), "--leader-elect=true", "--leader-election-namespace=storage", "--leader-election-lease-name="+lease)
	}
}

// TestNothingCreated leaves roles and service account to somebody else.
func TestNothingCreated(t *testing.T) {
	all := render(t, release{values: []string{minimal, "rbac: {create: false}\nserviceAccount: {create: false, name: theirs}"}})
	for _, kind := range []string{"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"} {
		if n := len(all.ofKind(kind)); n != 0 {
			t.Errorf("rendered %d objects of the kind %s, want none", n, kind)
		}
	}
	if got := all.one(t, "Deployment").str("spec", "template", "spec", "serviceAccountName"); got != "theirs" {
		t.Errorf("serviceAccountName is %q, want theirs", got)
	}
}
