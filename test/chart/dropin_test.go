package chart

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// olderDefaults are the values of nfs-subdir-external-provisioner's chart.
func olderDefaults(t *testing.T) string {
	t.Helper()
	values, err := os.ReadFile("../older/chart/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(values)
}

// olderMinimal is the least that its documentation asks for.
const olderMinimal = "nfs: {server: nfs.example.com, path: /exported/path}"

// TestOlderDefaultsInstall: its whole values.yaml, with a server and a path.
func TestOlderDefaultsInstall(t *testing.T) {
	values := []string{olderDefaults(t), olderMinimal}
	all := render(t, release{name: "nfs-subdir-external-provisioner", values: values})

	class := all.one(t, "StorageClass")
	delete(class["metadata"].(map[string]any), "labels")
	if want := (object{
		"apiVersion":           "storage.k8s.io/v1",
		"kind":                 "StorageClass",
		"metadata":             map[string]any{"name": "nfs-client"},
		"provisioner":          "cluster.local/nfs-subdir-external-provisioner",
		"reclaimPolicy":        "Delete",
		"volumeBindingMode":    "Immediate",
		"allowVolumeExpansion": true,
		"parameters":           map[string]any{"archiveOnDelete": "true"},
	}); !reflect.DeepEqual(class, want) {
		t.Errorf("the class is\n%v\nwant\n%v", class, want)
	}

	volume := all.one(t, "PersistentVolume")
	if server, path := volume.str("spec", "nfs", "server"), volume.str("spec", "nfs", "path"); server != "nfs.example.com" || path != "/exported/path" {
		t.Errorf("the share is %s:%s", server, path)
	}
	if policy := volume.str("spec", "persistentVolumeReclaimPolicy"); policy != "Retain" {
		t.Errorf("the share's volume has the reclaim policy %s", policy)
	}

	d := all.one(t, "Deployment")
	wantArgs(t, d, "--provisioner-name=cluster.local/nfs-subdir-external-provisioner", "--leader-elect=true")
	if d.at("spec", "replicas") != float64(1) || d.str("spec", "strategy", "type") != "Recreate" {
		t.Errorf("%v replicas, replaced by %s; want 1, by Recreate", d.at("spec", "replicas"), d.str("spec", "strategy", "type"))
	}
	if image := d.container(t).str("image"); image != "nfs-provisioner:0.1.0" {
		t.Errorf("the image is %s", image)
	}
	if budgets := all.ofKind("PodDisruptionBudget"); len(budgets) != 0 {
		t.Errorf("there is a PodDisruptionBudget: %v", budgets)
	}

	var named []string
	for _, warning := range warnings(t, values...) {
		value, _, _ := strings.Cut(warning, " ")
		named = append(named, value)
	}
	want := []string{"nfs.volumeName", "storageClass.accessModes", "image.repository", "image.tag"}
	if !slices.Equal(named, want) {
		t.Errorf("the notes name %v, want %v", named, want)
	}
}

// TestOlderValuesAreMeantAsThere: each value, and where it comes out.
func TestOlderValuesAreMeantAsThere(t *testing.T) {
	class := func(keys ...string) func(*testing.T, objects) any {
		return func(t *testing.T, all objects) any { return all.one(t, "StorageClass").at(keys...) }
	}
	volume := func(keys ...string) func(*testing.T, objects) any {
		return func(t *testing.T, all objects) any { return all.one(t, "PersistentVolume").at(keys...) }
	}
	deployment := func(keys ...string) func(*testing.T, objects) any {
		return func(t *testing.T, all objects) any { return all.one(t, "Deployment").at(keys...) }
	}
	count := func(kind string) func(*testing.T, objects) any {
		return func(t *testing.T, all objects) any { return len(all.ofKind(kind)) }
	}
	for name, c := range map[string]struct {
		values string
		look   func(*testing.T, objects) any
		want   any
	}{
		"path by default":         {"nfs: {path: }", volume("spec", "nfs", "path"), "/nfs-storage"},
		"path with a slash":       {"nfs: {path: /data/nfs/}", volume("spec", "nfs", "path"), "/data/nfs"},
		"path of all":             {"nfs: {path: /}", volume("spec", "nfs", "path"), "/"},
		"mount of the share":      {"nfs: {mountOptions: [nfsvers=3, 'hard,nolock']}", volume("spec", "mountOptions"), []any{"nfsvers=3", "hard", "nolock"}},
		"mounts of volumes":       {"nfs: {mountOptions: [nfsvers=3, 'hard,nolock']}", class("mountOptions"), []any{"nfsvers=3", "hard", "nolock"}},
		"reclaim of the share":    {"nfs: {reclaimPolicy: Delete}", volume("spec", "persistentVolumeReclaimPolicy"), "Retain"},
		"no class":                {"storageClass: {create: false}", count("StorageClass"), 0},
		"name of the class":       {"storageClass: {name: shared}", class("metadata", "name"), "shared"},
		"default class":           {"storageClass: {defaultClass: true}", class("metadata", "annotations"), map[string]any{"storageclass.kubernetes.io/is-default-class": "true"}},
		"provisioner":             {"storageClass: {provisionerName: fuseim.pri/ifs}", class("provisioner"), "fuseim.pri/ifs"},
		"no archive":              {"storageClass: {archiveOnDelete: false}", class("parameters", "archiveOnDelete"), "false"},
		"no archive as text":      {"storageClass: {archiveOnDelete: 'false'}", class("parameters", "archiveOnDelete"), "false"},
		"retain":                  {"storageClass: {onDelete: retain}", class("parameters"), map[string]any{"archiveOnDelete": "true", "onDelete": "retain"}},
		"pattern with slashes":    {"storageClass: {pathPattern: '/a//./${.PVC.annotations.nfs.io/storage-path}/'}", class("parameters", "pathPattern"), "a/${.PVC.annotations.nfs.io/storage-path}"},
		"pattern":                 {"storageClass: {pathPattern: '${.PVC.namespace}/${.PVC.name}'}", class("parameters", "pathPattern"), "${.PVC.namespace}/${.PVC.name}"},
		"binding mode":            {"storageClass: {volumeBindingMode: WaitForFirstConsumer}", class("volumeBindingMode"), "WaitForFirstConsumer"},
		"reclaim of volumes":      {"storageClass: {reclaimPolicy: Retain}", class("reclaimPolicy"), "Retain"},
		"no expansion":            {"storageClass: {allowVolumeExpansion: false}", class("allowVolumeExpansion"), false},
		"annotations of a class":  {"storageClass: {annotations: {a: b}}", class("metadata", "annotations"), map[string]any{"a": "b"}},
		"no lease":                {"leaderElection: {enabled: false}\nreplicaCount: 1", deployment("spec", "strategy", "type"), "Recreate"},
		"replicas":                {"replicaCount: 3", deployment("spec", "replicas"), float64(3)},
		"Recreate":                {"strategyType: Recreate", deployment("spec", "strategy"), map[string]any{"type": "Recreate"}},
		"RollingUpdate":           {"strategyType: RollingUpdate", deployment("spec", "strategy"), map[string]any{"type": "RollingUpdate"}},
		"no roles":                {"rbac: {create: false}", count("ClusterRole"), 0},
		"account without a name":  {"serviceAccount: {name: }", deployment("spec", "template", "spec", "serviceAccountName"), "rel-nfs-provisioner"},
		"account of others":       {"serviceAccount: {create: false, name: mine}", deployment("spec", "template", "spec", "serviceAccountName"), "mine"},
		"priority":                {"priorityClassName: high", deployment("spec", "template", "spec", "priorityClassName"), "high"},
		"node selector":           {"nodeSelector: {a: b}", deployment("spec", "template", "spec", "nodeSelector"), map[string]any{"a": "b", "kubernetes.io/os": "linux"}},
		"tolerations":             {"tolerations: [{operator: Exists}]", deployment("spec", "template", "spec", "tolerations"), []any{map[string]any{"operator": "Exists"}}},
		"annotations of pods":     {"podAnnotations: {a: b}", deployment("spec", "template", "metadata", "annotations", "a"), "b"},
		"labels":                  {"labels: {a: b}", class("metadata", "labels", "a"), "b"},
		"labels of pods":          {"labels: {a: b}", deployment("spec", "template", "metadata", "labels", "a"), "b"},
		"budget":                  {"replicaCount: 2\npodDisruptionBudget: {enabled: true, maxUnavailable: 1}", count("PodDisruptionBudget"), 1},
		"a share besides":         {"shares: [{name: more, server: s, path: /p}]", count("PersistentVolume"), 2},
		"a class besides":         {"storageClasses: [{name: more}]", count("StorageClass"), 2},
		"program of its own":      {"image: {repository: r/nfs-provisioner, tag: v1}", func(t *testing.T, all objects) any { return all.one(t, "Deployment").container(t).str("image") }, "r/nfs-provisioner:v1"},
		"program beside old tag":  {"image: {repository: r/nfs-provisioner, tag: v4.0.2}", func(t *testing.T, all objects) any { return all.one(t, "Deployment").container(t).str("image") }, "r/nfs-provisioner:0.1.0"},
		"mirror of older program": {"image: {repository: r/mirror/nfs-subdir-external-provisioner-arm}", func(t *testing.T, all objects) any { return all.one(t, "Deployment").container(t).str("image") }, "nfs-provisioner:0.1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			all := render(t, release{values: []string{olderMinimal, c.values}})
			if got := c.look(t, all); !reflect.DeepEqual(got, c.want) {
				t.Errorf("it comes out as %v, want %v", got, c.want)
			}
		})
	}
}

// TestOlderProvisionerName: the volumes of a release carry it.
func TestOlderProvisionerName(t *testing.T) {
	for name, c := range map[string]struct{ release, values, want string }{
		"as documented":       {"nfs-subdir-external-provisioner", "", "cluster.local/nfs-subdir-external-provisioner"},
		"short release":       {"nfs", "", "cluster.local/nfs-nfs-subdir-external-provisioner"},
		"full name":           {"nfs", "fullnameOverride: mine", "cluster.local/mine"},
		"name":                {"nfs", "nameOverride: client", "cluster.local/nfs-client"},
		"name in the release": {"nfs-client", "nameOverride: client", "cluster.local/nfs-client"},
		"cut at 63":           {strings.Repeat("r", 50), "", "cluster.local/" + strings.Repeat("r", 50) + "-nfs-subdir-e"},
		"said":                {"nfs", "storageClass: {provisionerName: a/b}", "a/b"},
		"said in our words":   {"nfs", "provisionerName: a/b", "a/b"},
		"said twice the same": {"nfs", "provisionerName: a/b\nstorageClass: {provisionerName: a/b}", "a/b"},
	} {
		t.Run(name, func(t *testing.T) {
			all := render(t, release{name: c.release, values: []string{olderMinimal, c.values}})
			if got := all.one(t, "StorageClass").str("provisioner"); got != c.want {
				t.Errorf("its class calls %s, want %s", got, c.want)
			}
			wantArgs(t, all.one(t, "Deployment"), "--provisioner-name="+c.want)
		})
	}
}

// TestOlderValuesRefused: what would fare otherwise than its file says.
func TestOlderValuesRefused(t *testing.T) {
	for name, c := range map[string]struct{ values, says string }{
		"no server":                {"nfs: {server: }", "nfs.path is set, but nfs.server is not"},
		"class without a server":   {"nfs: {server: , path: }\nstorageClass: {name: a}", "storageClass.name is set, but nfs.server is not"},
		"server from a ConfigMap":  {"nfs: {existingConfigMap: {name: a}}", "nfs.existingConfigMap is not read"},
		"volumes in the pod":       {"buildMode: true", "'buildMode' not allowed"},
		"onDelete of no meaning":   {"storageClass: {onDelete: Delete, archiveOnDelete: false}", `storageClass.onDelete is "Delete"`},
		"two names":                {"provisionerName: a\nstorageClass: {provisionerName: b}", `provisionerName is "a", but storageClass.provisionerName is "b"`},
		"two writers":              {"replicaCount: 1\nleaderElection: {enabled: false}\nstrategyType: RollingUpdate", "two pods would write to a share at once"},
		"variable that is unknown": {"storageClass: {pathPattern: 'a/${.PVC.uid}'}", "the variable ${.PVC.uid}"},
		"pattern that climbs":      {"storageClass: {pathPattern: '../${.PVC.name}'}", "storageClass.pathPattern is"},
		"another share default":    {"shares: [{name: default, server: s, path: /p}]", `the name "default" is given twice`},
		"misspelt":                 {"storageClass: {archiveondelete: true}", "'archiveondelete' not allowed"},
		"unknown value of nfs":     {"nfs: {share: a}", "'share' not allowed"},
		"reclaim of volumes":       {"storageClass: {reclaimPolicy: Recycle}", "/storageClass/reclaimPolicy"},
	} {
		t.Run(name, func(t *testing.T) {
			if said := refuse(t, release{values: []string{olderMinimal, c.values}}); !strings.Contains(said, c.says) {
				t.Errorf("helm says\n%s\nwithout the words %q", said, c.says)
			}
		})
	}
}

// TestOlderValuesNamed: what means nothing, or something else, stands in the notes.
func TestOlderValuesNamed(t *testing.T) {
	for name, c := range map[string]struct {
		values string
		says   []string
	}{
		"nothing to say":       {"", nil},
		"name of a volume":     {"nfs: {volumeName: root}", []string{"nfs.volumeName names nothing here"}},
		"reclaim of the share": {"nfs: {reclaimPolicy: Recycle}", []string{"nfs.reclaimPolicy is Recycle, and Retain here"}},
		"access modes":         {"storageClass: {accessModes: ReadWriteMany}", []string{"storageClass.accessModes was for the older provisioner's own mount"}},
		"pod security policy":  {"podSecurityPolicy: {enabled: true}", []string{"podSecurityPolicy.enabled is true, but PodSecurityPolicy went with Kubernetes 1.25"}},
		"older program": {"image: {repository: k8s.gcr.io/sig-storage/nfs-subdir-external-provisioner, tag: v4.0.2}",
			[]string{"image.repository is k8s.gcr.io/sig-storage/nfs-subdir-external-provisioner, which is the older program", "image.tag is v4.0.2"}},
		"variables that may have no value": {"storageClass: {pathPattern: '${.PVC.labels.tier:-none}/${.PVC.labels.app}/${.PVC.annotations.nfs.io/storage-path}'}",
			[]string{"storageClass.pathPattern has ${.PVC.labels.app}", "storageClass.pathPattern has ${.PVC.annotations.nfs.io/storage-path}"}},
	} {
		t.Run(name, func(t *testing.T) {
			said := warnings(t, olderMinimal, c.values)
			if !slices.EqualFunc(said, c.says, strings.HasPrefix) {
				t.Errorf("the notes say\n%s\nwant lines that begin\n%s", strings.Join(said, "\n"), strings.Join(c.says, "\n"))
			}
		})
	}
}

// warnings are what the notes warn of.
func warnings(t *testing.T, values ...string) (all []string) {
	t.Helper()
	arguments := []string{"install", "rel", chartDir, "--namespace", "storage", "--dry-run=client"}
	for _, v := range values {
		file := filepath.Join(t.TempDir(), "values.yaml")
		if err := os.WriteFile(file, []byte(v), 0o600); err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, "--values", file)
	}
	out, errs, err := helm(t, arguments...)
	if err != nil {
		t.Fatalf("helm install --dry-run: %v\n%s", err, errs)
	}
	for line := range strings.SplitSeq(out, "\n") {
		if warning, ok := strings.CutPrefix(line, "WARNING: "); ok {
			all = append(all, warning)
		}
	}
	return all
}

// TestNotBesideTheOlderProvisioner: an older provisioner that runs and answers to a name of the release's is to be
// stopped first.
func TestNotBesideTheOlderProvisioner(t *testing.T) {
	older := func(name string, replicas int) object {
		return object{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": "older", "namespace": "kube-system"},
			"spec": object{"replicas": replicas, "template": object{"spec": object{"containers": []object{
				{"name": "older", "env": []object{{"name": "NFS_SERVER", "value": "s"}, {"name": "PROVISIONER_NAME", "value": name}}},
			}}}}}
	}
	const adopts = "additionalProvisionerNames: [fuseim.pri/ifs]"
	for name, c := range map[string]struct {
		deployment object
		values     string
		refused    bool
	}{
		"its name is adopted":   {older("fuseim.pri/ifs", 1), adopts, true},
		"it is stopped":         {older("fuseim.pri/ifs", 0), adopts, false},
		"it has another name":   {older("example.com/nfs", 1), adopts, false},
		"its name is not asked": {older("fuseim.pri/ifs", 1), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := cluster{deployments: []object{c.deployment}}.install(t, c.values)
			if !c.refused {
				if !rendered(said) {
					t.Errorf("helm says\n%s", said)
				}
				return
			}
			for _, want := range []string{"The Deployment older in the namespace kube-system runs, and answers to the name fuseim.pri/ifs", "\n  kubectl --namespace kube-system scale deployment/older --replicas=0\n"} {
				if !strings.Contains(said, want) {
					t.Errorf("helm says\n%s\nwithout\n%s", said, want)
				}
			}
		})
	}
}

// TestEveryTemplateReadsOlderValues: one that does not might be the first to be rendered.
func TestEveryTemplateReadsOlderValues(t *testing.T) {
	files, err := filepath.Glob(chartDir + "/templates/[^_]*.*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no templates (%v)", err)
	}
	tests, err := filepath.Glob(chartDir + "/templates/tests/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, tests...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), `{{- include "nfs-provisioner.dropin" . -}}`) {
			t.Errorf("%s does not begin with it", file)
		}
	}
}

// TestOwnImage: a values file of the older chart hides the default, so that it stands in a template, too.
func TestOwnImage(t *testing.T) {
	file, err := os.ReadFile(chartDir + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var values object
	if err := yaml.Unmarshal(file, &values); err != nil {
		t.Fatal(err)
	}
	older := "image: {repository: registry.k8s.io/sig-storage/nfs-subdir-external-provisioner}"
	image := render(t, release{values: []string{olderMinimal, older}}).one(t, "Deployment").container(t).str("image")
	if repository, _, _ := strings.Cut(image, ":"); repository != values.str("image", "repository") {
		t.Errorf("the image is %s, but values.yaml says %s", image, values.str("image", "repository"))
	}
}
