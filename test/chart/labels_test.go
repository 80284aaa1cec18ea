package chart

import "testing"

// TestCommonLabels are on everything, those that only pods, classes or Services have beside them, and none in place of
// what the chart finds its own objects by.
func TestCommonLabels(t *testing.T) {
	all := renderAll(t, release{values: []string{minimal, monitored, `
storageClasses: [{name: nfs, labels: {team: theirs}}]
networkPolicy: {enabled: true}
commonLabels: {team: storage, tier: low, app.kubernetes.io/instance: other}
commonAnnotations: {example.com/contact: storage}
deploymentLabels: {tier: high}
deploymentAnnotations: {example.com/contact: nobody}
podLabels: {tier: pod}
`}})
	for _, o := range all {
		labels, annotations := o.at("metadata", "labels").(map[string]any), o.at("metadata", "annotations").(map[string]any)
		of := o.kind() + " " + o.name()
		for key, want := range map[string]string{"team": "storage", "tier": "low", "app.kubernetes.io/instance": "rel"} {
			switch {
			case key == "team" && o.name() == "nfs":
				want = "theirs"
			case key == "tier" && o.kind() == "Deployment":
				want = "high"
			}
			if labels[key] != want {
				t.Errorf("%s has the label %s=%v, want %s", of, key, labels[key], want)
			}
		}
		want := "storage"
		if o.kind() == "Deployment" {
			want = "nobody"
		}
		if got := annotations["example.com/contact"]; got != want {
			t.Errorf("%s has the annotation example.com/contact=%v, want %s", of, got, want)
		}
	}
	pods := object(all.one(t, "Deployment").at("spec", "template").(map[string]any))
	labels := pods.at("metadata", "labels").(map[string]any)
	if labels["team"] != "storage" || labels["tier"] != "pod" || labels["app.kubernetes.io/instance"] != "rel" {
		t.Errorf("the labels of the pods are %v", labels)
	}
	if got := pods.at("metadata", "annotations"); got != nil {
		t.Errorf("the pods have the annotations %v, and would be replaced with them", got)
	}
}

// TestNamespaceOverride: everything that lives in a namespace moves, and what names it follows.
func TestNamespaceOverride(t *testing.T) {
	all := renderAll(t, release{values: []string{minimal, monitored, "namespaceOverride: elsewhere\nnetworkPolicy: {enabled: true}"}})
	for _, o := range all {
		if got := o.str("metadata", "namespace"); clusterScoped[o.kind()] == (got != "") || got != "" && got != "elsewhere" {
			t.Errorf("%s %s is in the namespace %q", o.kind(), o.name(), got)
		}
	}
	for _, kind := range []string{"ClusterRoleBinding", "RoleBinding"} {
		if got := object(all.one(t, kind).list("subjects")[0].(map[string]any)).str("namespace"); got != "elsewhere" {
			t.Errorf("the %s is for an account in the namespace %q", kind, got)
		}
	}
	if got := all.one(t, "PersistentVolume").str("spec", "claimRef", "namespace"); got != "elsewhere" {
		t.Errorf("the share's volume is for a claim in the namespace %q", got)
	}
	wantArgs(t, all.one(t, "Deployment"), "--leader-election-namespace=elsewhere")
}
