package chart

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cluster is an API server that knows some StorageClasses, ClusterRoles and Deployments, and nothing else. That is enough for helm to
// render the chart with a look at them, and too little to go on from there.
type cluster struct {
	classes, roles, deployments []object
}

func (c cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	list := func(group, kind string, items []object) object {
		return object{"apiVersion": group + "/v1", "kind": kind + "List", "items": append([]object{}, items...)}
	}
	resources := func(group, name, kind string) object {
		return object{"apiVersion": "v1", "kind": "APIResourceList", "groupVersion": group + "/v1", "resources": []object{
			{"name": name, "kind": kind, "namespaced": false, "verbs": []string{"get", "list"}}}}
	}
	const storage, rbac, apps = "storage.k8s.io", "rbac.authorization.k8s.io", "apps"
	var answer object
	switch path := r.URL.Path; path {
	case "/version":
		answer = object{"major": "1", "minor": "37", "gitVersion": "v1.37.0"}
	case "/api":
		answer = object{"kind": "APIVersions", "versions": []string{}}
	case "/apis":
		var groups []object
		for _, name := range []string{storage, rbac, apps} {
			version := object{"groupVersion": name + "/v1", "version": "v1"}
			groups = append(groups, object{"name": name, "versions": []object{version}, "preferredVersion": version})
		}
		answer = object{"apiVersion": "v1", "kind": "APIGroupList", "groups": groups}
	case "/apis/" + storage + "/v1":
		answer = resources(storage, "storageclasses", "StorageClass")
	case "/apis/" + rbac + "/v1":
		answer = resources(rbac, "clusterroles", "ClusterRole")
	case "/apis/" + apps + "/v1":
		answer = resources(apps, "deployments", "Deployment")
	case "/apis/" + apps + "/v1/deployments":
		answer = list(apps, "Deployment", c.deployments)
	case "/apis/" + storage + "/v1/storageclasses":
		answer = list(storage, "StorageClass", c.classes)
	case "/apis/" + rbac + "/v1/clusterroles":
		answer = list(rbac, "ClusterRole", c.roles)
	default:
		for _, class := range c.classes {
			if path == "/apis/"+storage+"/v1/storageclasses/"+class.name() {
				answer = class
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if answer == nil {
		w.WriteHeader(http.StatusNotFound)
		answer = object{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound", "code": http.StatusNotFound}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// install is what helm says of an installation of the release rel into the namespace storage.
func (c cluster) install(t *testing.T, values string) string {
	t.Helper()
	server := httptest.NewServer(c)
	defer server.Close()
	folder := t.TempDir()
	files := map[string]string{"values.yaml": minimal + values, "kubeconfig": marshal(t, object{
		"apiVersion": "v1", "kind": "Config", "current-context": "it",
		"clusters": []object{{"name": "it", "cluster": object{"server": server.URL}}},
		"users":    []object{{"name": "it"}},
		"contexts": []object{{"name": "it", "context": object{"cluster": "it", "user": "it"}}},
	})}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, errs, err := helm(t, "template", "rel", chartDir, "--dry-run=server", "--namespace", "storage",
		"--values", filepath.Join(folder, "values.yaml"), "--kubeconfig", filepath.Join(folder, "kubeconfig"))
	if err == nil {
		t.Fatal("helm has found all that it needs in a cluster that has almost nothing")
	}
	return errs
}

// rendered says whether helm came as far as to need more of the cluster than there is: all has been rendered.
func rendered(said string) bool {
	return strings.Contains(said, "unable to build kubernetes objects from release manifest")
}

func liveClass(name, release, namespace string, more object) object {
	o := object{
		"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "cluster.local/rel-nfs-provisioner",
		"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
		"metadata": map[string]any{
			"name": name, "labels": map[string]any{"helm.sh/chart": "nfs-provisioner-0.1.0"},
			"annotations": map[string]any{"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace},
		},
	}
	for k, v := range more {
		o[k] = v
	}
	return o
}

// TestFixedFields: what Kubernetes lets nobody change in a class stops helm, and what may change does not.
func TestFixedFields(t *testing.T) {
	const class = "storageClasses: [{name: nfs, share: default, parameters: {onDelete: delete}}]"
	parameters := map[string]any{"share": "default", "onDelete": "delete"}
	for name, c := range map[string]struct {
		live object
		says string
	}{
		"the same":           {object{"parameters": parameters}, ""},
		"parameters":         {object{"parameters": map[string]any{"share": "default"}}, `parameters: {"share":"default"} becomes {"onDelete":"delete","share":"default"}`},
		"without parameters": {object{}, `parameters: {} becomes {"onDelete":"delete","share":"default"}`},
		"reclaim policy":     {object{"parameters": parameters, "reclaimPolicy": "Retain"}, `reclaimPolicy: "Retain" becomes "Delete"`},
		"binding mode":       {object{"parameters": parameters, "volumeBindingMode": "WaitForFirstConsumer"}, `volumeBindingMode: "WaitForFirstConsumer" becomes "Immediate"`},
		"provisioner":        {object{"parameters": parameters, "provisioner": "older"}, `provisioner: "older" becomes "cluster.local/rel-nfs-provisioner"`},
		"what may change":    {object{"parameters": parameters, "allowVolumeExpansion": true, "mountOptions": []string{"hard"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := cluster{classes: []object{liveClass("nfs", "rel", "storage", c.live)}}.install(t, class)
			if c.says == "" {
				if !rendered(said) {
					t.Errorf("helm says\n%s", said)
				}
				return
			}
			for _, want := range []string{`storageClasses: Kubernetes lets nobody change this in the class "nfs", which exists:` + "\n  " + c.says + "\n",
				"\n  kubectl delete storageclass nfs\n"} {
				if !strings.Contains(said, want) {
					t.Errorf("helm says\n%s\nwithout\n%s", said, want)
				}
			}
		})
	}
}

// TestOneNameOneRelease: a second release that would answer to the provisioner name of another is refused, by the
// classes or by the role of the first, and told of a name of its own.
func TestOneNameOneRelease(t *testing.T) {
	role := func(release, namespace, provisioner string) object {
		return object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{
			"name": namespace + "." + release, "labels": map[string]any{"helm.sh/chart": "nfs-provisioner-0.1.0"},
			"annotations": map[string]any{"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace, "nfs-provisioner/provisioner": provisioner},
		}}
	}
	const name = "cluster.local/rel-nfs-provisioner"
	test := liveClass("left-by-helm-test", "", "", nil)
	delete(test["metadata"].(map[string]any), "annotations")
	for what, c := range map[string]struct {
		cluster cluster
		refused bool
	}{
		"its own objects":                       {cluster{classes: []object{liveClass("other", "rel", "storage", nil)}, roles: []object{role("rel", "storage", name)}}, false},
		"classes in another namespace":          {cluster{classes: []object{liveClass("other", "rel", "elsewhere", nil)}}, true},
		"a role in another namespace":           {cluster{roles: []object{role("rel", "elsewhere", name)}}, true},
		"another release of the namespace":      {cluster{roles: []object{role("first", "storage", name)}}, true},
		"a release of another name":             {cluster{roles: []object{role("rel", "elsewhere", "example.com/nfs")}}, false},
		"a class that an interrupted test left": {cluster{classes: []object{test}}, false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			said := c.cluster.install(t, "storageClasses: [{name: nfs}]")
			if !c.refused {
				if !rendered(said) {
					t.Errorf("helm says\n%s", said)
				}
				return
			}
			for _, want := range []string{`provisionerName: "` + name + `" already belongs to the release`, "\n  --set provisionerName=cluster.local/storage-rel-nfs-provisioner\n"} {
				if !strings.Contains(said, want) {
					t.Errorf("helm says\n%s\nwithout\n%s", said, want)
				}
			}
		})
	}
}
