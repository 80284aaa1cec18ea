// Package chart tests the Helm chart by rendering it with the helm command and
// reading what comes out, as the API server would.
package chart

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"
)

const chartDir = "../../charts/nfs-provisioner"

// minimal is the least that renders.
const minimal = `
shares:
- {name: default, server: nfs.example.com, path: /export}
`

// object is one rendered Kubernetes object.
type object map[string]any

func (o object) kind() string { return o.str("kind") }
func (o object) name() string { return o.str("metadata", "name") }

// at walks along the keys of nested maps; it is nil where one is missing.
func (o object) at(keys ...string) any {
	var v any = map[string]any(o)
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func (o object) str(keys ...string) string {
	s, _ := o.at(keys...).(string)
	return s
}

func (o object) list(keys ...string) []any {
	l, _ := o.at(keys...).([]any)
	return l
}

// container is the one container of a Deployment.
func (o object) container(t *testing.T) object {
	t.Helper()
	all := o.list("spec", "template", "spec", "containers")
	if len(all) != 1 {
		t.Fatalf("the Deployment has %d containers, want 1", len(all))
	}
	return all[0].(map[string]any)
}

// args are the arguments of the one container of a Deployment.
func (o object) args(t *testing.T) []string {
	t.Helper()
	var args []string
	for _, a := range o.container(t).list("args") {
		args = append(args, a.(string))
	}
	return args
}

// objects are the objects of one rendered release.
type objects []object

func (os objects) ofKind(kind string) objects {
	var some objects
	for _, o := range os {
		if o.kind() == kind {
			some = append(some, o)
		}
	}
	return some
}

// one is the only object of its kind.
func (os objects) one(t *testing.T, kind string) object {
	t.Helper()
	some := os.ofKind(kind)
	if len(some) != 1 {
		t.Fatalf("rendered %d objects of the kind %s, want 1", len(some), kind)
	}
	return some[0]
}

// release says what to render.
type release struct {
	name, namespace string
	// values are YAML; each overrides the ones before.
	values []string
}

// readChart reads the whole chart: go test reuses the result of a test until a
// file that the test itself has read changes, and knows nothing of helm's.
var readChart = sync.OnceValue(func() error {
	return filepath.WalkDir(chartDir, func(name string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			_, err = os.ReadFile(name)
		}
		return err
	})
})

func helmProgram() string {
	if named := os.Getenv("HELM"); named != "" {
		return named
	}
	return "helm"
}

// helm runs the helm command that $HELM names, or else the one in PATH.
func helm(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	if err := readChart(); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath(helmProgram())
	if err != nil {
		t.Fatalf("these tests render the chart with the helm command: put it into PATH or name it in $HELM (%v); `make unit` builds one", err)
	}
	cmd := exec.Command(path, args...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// template runs helm template.
func template(t *testing.T, r release) (stdout, stderr string, err error) {
	t.Helper()
	if r.name == "" {
		r.name = "rel"
	}
	if r.namespace == "" {
		r.namespace = "storage"
	}
	args := []string{"template", r.name, chartDir, "--namespace", r.namespace}
	for _, v := range r.values {
		file := filepath.Join(t.TempDir(), "values.yaml")
		if err := os.WriteFile(file, []byte(v), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--values", file)
	}
	return helm(t, args...)
}

// render renders a release without its test.
func render(t *testing.T, r release) objects {
	t.Helper()
	return slices.DeleteFunc(renderAll(t, r), object.ofTest)
}

// ofTest says whether an object is made by helm test alone.
func (o object) ofTest() bool { return o.str("metadata", "annotations", "helm.sh/hook") == "test" }

// renderAll renders a release and reads its objects. A key that stands twice in
// one map is an error, as it is for the API server.
func renderAll(t *testing.T, r release) objects {
	t.Helper()
	out, errs, err := template(t, r)
	if err != nil {
		t.Fatalf("helm template: %v\n%s", err, errs)
	}
	var all objects
	for doc := range strings.SplitSeq(out, "\n---\n") {
		var o object
		if err := yaml.UnmarshalStrict([]byte(doc), &o); err != nil {
			t.Fatalf("rendered YAML: %v\n%s", err, doc)
		}
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

// refuse renders a release that must fail, and returns what helm says.
func refuse(t *testing.T, r release) string {
	t.Helper()
	out, errs, err := template(t, r)
	if err == nil {
		t.Fatalf("helm template accepted what it should refuse:\n%s", out)
	}
	return errs
}

// ciValues are the values files under the chart's ci directory.
func ciValues(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chartDir, "ci", "*-values.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no values files under ci (%v)", err)
	}
	all := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = string(b)
	}
	return all
}
