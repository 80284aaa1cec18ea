package chart

import (
	"reflect"
	"strings"
	"testing"
)

// TestClassDefaults: a class that says nothing but its name.
func TestClassDefaults(t *testing.T) {
	c := render(t, release{values: []string{minimal, "storageClasses: [{name: nfs}]"}}).one(t, "StorageClass")
	delete(c["metadata"].(map[string]any), "labels")
	want := object{
		"apiVersion":           "storage.k8s.io/v1",
		"kind":                 "StorageClass",
		"metadata":             map[string]any{"name": "nfs"},
		"provisioner":          "cluster.local/rel-nfs-provisioner",
		"reclaimPolicy":        "Delete",
		"volumeBindingMode":    "Immediate",
		"allowVolumeExpansion": true,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("the class is\n%v\nwant\n%v", c, want)
	}
}

// TestClassDefaultsAreThoseOfTheSchema: what the schema, and so the README, calls a default is what a class gets that
// does not say it.
func TestClassDefaultsAreThoseOfTheSchema(t *testing.T) {
	written := object{"name": "nfs"}
	for name, p := range valuesSchema(t) {
		key, of := strings.CutPrefix(name, "storageClasses[].")
		if without, ok := p.schema["default"]; of && ok && !strings.ContainsAny(key, ".[") {
			written[key] = without
		}
	}
	rendered := func(class object) object {
		return render(t, release{values: []string{minimal, compact(t, object{"storageClasses": []object{class}})}}).one(t, "StorageClass")
	}
	if is, want := rendered(object{"name": "nfs"}), rendered(written); !reflect.DeepEqual(is, want) {
		t.Errorf("a class that says nothing is\n%v\nand one that says all defaults\n%v", is, want)
	}
}

// TestParametersWithoutQuotes: the API takes text alone; the chart writes it where only one thing can be meant.
func TestParametersWithoutQuotes(t *testing.T) {
	c := render(t, release{values: []string{minimal,
		"storageClasses: [{name: nfs, parameters: {uid: 1234567890, gid: 0, archiveOnDelete: false, allowShared: true, overcommitRatio: 1.5}}]",
	}}).one(t, "StorageClass")
	want := map[string]any{"uid": "1234567890", "gid": "0", "archiveOnDelete": "false", "allowShared": "true", "overcommitRatio": "1.5"}
	if got := c.at("parameters"); !reflect.DeepEqual(got, want) {
		t.Errorf("the parameters are %v, want %v", got, want)
	}
}

// TestClassFull: a class that says everything.
func TestClassFull(t *testing.T) {
	c := render(t, release{values: []string{twoShares, `
provisionerName: example.com/nfs
storageClasses:
- name: nfs
  share: bulk
  default: true
  reclaimPolicy: Retain
  volumeBindingMode: WaitForFirstConsumer
  allowVolumeExpansion: false
  mountOptions: [nfsvers=4.1]
  allowedTopologies: [{matchLabelExpressions: [{key: topology.kubernetes.io/zone, values: [a, b]}]}]
  parameters: {pathPattern: "${.PVC.namespace}/${.PVC.name}", onDelete: delete, mode: "0770", uid: "1000"}
  labels: {tier: bulk}
  annotations: {example.com/owner: storage}
`}}).one(t, "StorageClass")
	labels := c.at("metadata", "labels").(map[string]any)
	if labels["tier"] != "bulk" || labels["app.kubernetes.io/instance"] != "rel" {
		t.Errorf("the labels are %v", labels)
	}
	delete(c["metadata"].(map[string]any), "labels")
	want := object{
		"apiVersion": "storage.k8s.io/v1",
		"kind":       "StorageClass",
		"metadata": map[string]any{"name": "nfs", "annotations": map[string]any{
			"example.com/owner": "storage", "storageclass.kubernetes.io/is-default-class": "true"}},
		"provisioner":          "example.com/nfs",
		"reclaimPolicy":        "Retain",
		"volumeBindingMode":    "WaitForFirstConsumer",
		"allowVolumeExpansion": false,
		"mountOptions":         []any{"nfsvers=4.1"},
		"allowedTopologies": []any{map[string]any{"matchLabelExpressions": []any{
			map[string]any{"key": "topology.kubernetes.io/zone", "values": []any{"a", "b"}}}}},
		"parameters": map[string]any{"share": "bulk", "pathPattern": "${.PVC.namespace}/${.PVC.name}",
			"onDelete": "delete", "mode": "0770", "uid": "1000"},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("the class is\n%v\nwant\n%v", c, want)
	}
}

// TestClassProvisioner: the program answers to the name that its classes call.
func TestClassProvisioner(t *testing.T) {
	for _, values := range ciValues(t) {
		all := render(t, release{values: []string{values}})
		for _, c := range all.ofKind("StorageClass") {
			wantArgs(t, all.one(t, "Deployment"), "--provisioner-name="+c.str("provisioner"))
		}
	}
}
