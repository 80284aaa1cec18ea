package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestSourceStamp(t *testing.T) {
	stamp := func(goVersion string, files map[string]string) string {
		t.Helper()
		fsys := fstest.MapFS{}
		for name, data := range files {
			fsys[name] = &fstest.MapFile{Data: []byte(data)}
		}
		s, err := sourceStamp(fsys, goVersion)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	base := stamp("go1", map[string]string{"a": "1", "b/c": "2"})
	if again := stamp("go1", map[string]string{"a": "1", "b/c": "2"}); again != base {
		t.Error("the same sources have different stamps")
	}
	for what, other := range map[string]string{
		"another version of Go": stamp("go2", map[string]string{"a": "1", "b/c": "2"}),
		"a changed file":        stamp("go1", map[string]string{"a": "1", "b/c": "3"}),
		"a renamed file":        stamp("go1", map[string]string{"a": "1", "b/d": "2"}),
		"a file less":           stamp("go1", map[string]string{"a": "1"}),
	} {
		if other == base {
			t.Errorf("%s does not change the stamp", what)
		}
	}
}

func TestKubernetesFlags(t *testing.T) {
	mod := "module m\n\nrequire (\n\thelm.sh/helm/v4 v4.1.2\n\tk8s.io/kubernetes v1.23.4\n)\n"
	flags, err := kubernetesFlags(fstest.MapFS{"go.mod": {Data: []byte(mod)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"-X k8s.io/component-base/version.gitVersion=v1.23.4",
		"-X k8s.io/component-base/version.gitMinor=23",
		"-X k8s.io/client-go/pkg/version.gitMajor=1",
		"-X helm.sh/helm/v4/internal/version.version=v4.1.2",
	} {
		if !strings.Contains(flags+" ", want+" ") {
			t.Errorf("flags lack %q: %s", want, flags)
		}
	}
	if _, err := kubernetesFlags(fstest.MapFS{"go.mod": {Data: []byte("module m\n")}}); err == nil {
		t.Error("a go.mod without Kubernetes is accepted")
	}
}

// TestSources makes sure that what is embedded is enough to build from.
func TestSources(t *testing.T) {
	for _, name := range []string{"go.mod", "go.sum", "kubebox/main.go", "pause/main.go"} {
		if f, err := sources.Open(name); err != nil {
			t.Error(err)
		} else {
			f.Close()
		}
	}
	if _, err := kubernetesFlags(sources); err != nil {
		t.Error(err)
	}
}
