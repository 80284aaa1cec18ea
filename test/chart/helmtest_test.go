package chart

import (
	"reflect"
	"testing"
)

// TestOfARelease follows each share from its class to the pod that writes to it.
func TestOfARelease(t *testing.T) {
	all := renderAll(t, release{values: []string{twoShares}})
	provisioner := all.one(t, "ClusterRole").str("metadata", "annotations", "nfs-provisioner/provisioner")
	pod := all.one(t, "Pod")
	classes := all.ofKind("StorageClass")
	if len(classes) != 2 || !pod.ofTest() {
		t.Fatalf("the test has %d classes, want one for each of 2 shares; the pod is part of it: %v", len(classes), pod.ofTest())
	}
	for i, share := range []string{"fast", "bulk"} {
		c := classes[i]
		if !c.ofTest() || c.str("provisioner") != provisioner {
			t.Errorf("the class is of the test: %v; its provisioner is %q, want %q", c.ofTest(), c.str("provisioner"), provisioner)
		}
		if got, want := c.at("parameters"), any(map[string]any{"share": share, "onDelete": "delete"}); !reflect.DeepEqual(got, want) {
			t.Errorf("the parameters are %v, want %v", got, want)
		}
		volume := object(pod.list("spec", "volumes")[i].(map[string]any))
		if got := volume.str("ephemeral", "volumeClaimTemplate", "spec", "storageClassName"); got != c.name() {
			t.Errorf("the pod's claim is of the class %q, want %q", got, c.name())
		}
		mount := object(object(pod.list("spec", "containers")[0].(map[string]any)).list("volumeMounts")[i].(map[string]any))
		if mount.str("name") != volume.str("name") || mount.str("mountPath") != "/shares/"+share {
			t.Errorf("the pod mounts %v", mount)
		}
	}
}

// TestTestCleansUp: all of the test goes when it has succeeded, and in the way it has come.
func TestTestCleansUp(t *testing.T) {
	all := renderAll(t, release{values: []string{minimal}})
	for kind, weight := range map[string]string{"StorageClass": "1", "Pod": "2"} {
		annotations := all.one(t, kind).at("metadata", "annotations")
		want := map[string]any{"helm.sh/hook": "test", "helm.sh/hook-weight": weight, "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded"}
		if !reflect.DeepEqual(annotations, any(want)) {
			t.Errorf("the annotations of the %s are %v, want %v", kind, annotations, want)
		}
	}
}

// TestTestIsNoReplica: nothing that selects the provisioner's pods selects that of the test.
func TestTestIsNoReplica(t *testing.T) {
	all := renderAll(t, release{values: []string{minimal}})
	labels := all.one(t, "Pod").at("metadata", "labels").(map[string]any)
	matches := true
	for k, v := range all.one(t, "Deployment").at("spec", "selector", "matchLabels").(map[string]any) {
		matches = matches && labels[k] == v
	}
	if matches {
		t.Errorf("the Deployment's selector matches the labels of the test's pod, %v", labels)
	}
}
