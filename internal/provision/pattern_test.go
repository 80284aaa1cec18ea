package provision

import (
	"path/filepath"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func labelled() *v1.PersistentVolumeClaim {
	return &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{
		Namespace: "team", Name: "db",
		Labels:      map[string]string{"app": "shop", "app.kubernetes.io/name": "mysql", "empty": ""},
		Annotations: map[string]string{"dir": "a/b", "nfs.io/storage-path": "path", "empty": "", "evil": "../x"},
	}}
}

func TestPatternRendersEveryVariable(t *testing.T) {
	for text, want := range map[string]string{
		"fixed":                                       "fixed",
		DefaultPathPattern:                            "team-db-pvc-1",
		"${.PVC.namespace}/${.PVC.name}":              "team/db",
		"${.PV.name}":                                 "pvc-1",
		"${.PV.name}${.PV.name}":                      "pvc-1pvc-1",
		"${.PVC.labels.app}":                          "shop",
		"${.PVC.labels.app.kubernetes.io/name}":       "mysql",
		"x-${.PVC.annotations.nfs.io/storage-path}-y": "x-path-y",
		"${.PVC.annotations.dir}":                     "a/b",
		"${.PVC.annotations.evil}":                    "../x", // judged by share.ParseDirectory
	} {
		t.Run(text, func(t *testing.T) { expectRendered(t, text, want) })
	}
}

// expectRendered parses a pattern and renders it for the labelled claim.
func expectRendered(t *testing.T, text, want string) {
	t.Helper()
	p, err := ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Render(labelled(), "pvc-1"); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestPatternTakesTheFallbackOnlyWhereThereIsNoValue(t *testing.T) {
	for text, want := range map[string]string{
		"${.PVC.labels.app:-other}":          "shop",
		"${.PVC.labels.none:-other}":         "other",
		"${.PVC.labels.empty:-other}":        "other",
		"${.PVC.annotations.none:-a/b}":      "a/b",
		"${.PVC.annotations.none:-}x":        "x",
		"${.PVC.annotations.none:-:-}":       ":-",
		"${.PVC.annotations.none:-a:-b}":     "a:-b",
		"${.PVC.name:-unused}":               "db",
		"${.PVC.labels.none:-a}-${.PV.name}": "a-pvc-1",
	} {
		t.Run(text, func(t *testing.T) { expectRendered(t, text, want) })
	}
}

func TestPatternLeavesAloneWhatIsNoVariable(t *testing.T) {
	for _, text := range []string{"$", "$$", "a$b", "{.PVC.name}", "$ {.PVC.name}", "a}b", "%s", "$(PVC)"} {
		p, err := ParsePattern(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, err := p.Render(labelled(), "pvc-1"); err != nil || got != text {
			t.Errorf("%q renders to %q, %v", text, got, err)
		}
	}
}

func TestParsePatternSaysWhatItDoesNotUnderstand(t *testing.T) {
	for text, word := range map[string]string{
		"":                      "empty",
		"${":                    "not closed",
		"a/${.PVC.name":         "not closed",
		"a/${.PVC.name/b":       "not closed",
		"${}":                   "${} is not known",
		"${.PVC}":               "${.PVC} is not known",
		"${.PVC.uid}":           "${.PVC.uid} is not known",
		"${.PVC.Name}":          "${.PVC.Name} is not known",
		"${PVC.name}":           "${PVC.name} is not known",
		"${ .PVC.name }":        "is not known",
		"${.PV.namespace}":      "${.PV.namespace} is not known",
		"${.PVC.labels.}":       "${.PVC.labels.} is not known",
		"${.PVC.annotations}":   "${.PVC.annotations} is not known",
		"${.PVC.labels.:-x}":    "${.PVC.labels.} is not known",
		"${:-x}":                "is not known",
		"a/${.PVC.name}/${.PVC": "not closed",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := ParsePattern(text)
			expectWords(t, err, word)
		})
	}
}

func TestPatternRefusesAVariableWithoutValue(t *testing.T) {
	for _, variable := range []string{".PVC.labels.none", ".PVC.labels.empty", ".PVC.annotations.none", ".PVC.annotations.empty"} {
		p, err := ParsePattern("a/${" + variable + "}")
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Render(labelled(), "pvc-1")
		expectWords(t, err, "pathPattern", "${"+variable+"}", "team/db", "${"+variable+":-text}")
	}
}

func FuzzParsePattern(f *testing.F) {
	for _, seed := range []string{DefaultPathPattern, "${", "${}", "${.PVC.labels.a/b:-}", "a${.PV.name}b", "$${.PV.name}}", "..", "${.PVC.labels.x:-../y}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePattern(text)
		if err != nil {
			return
		}
		rendered, err := p.Render(labelled(), "pvc-1")
		if err == nil {
			expectContained(t, rendered)
		}
		if !strings.Contains(text, "${") && rendered != text {
			t.Errorf("%q has no variable and renders to %q", text, rendered)
		}
	})
}

func FuzzRender(f *testing.F) {
	for _, seed := range []string{"", "x", "../x", "/", "a/../../b", "..", ".", "a\x00b", "a\\..\\b", "${.PVC.name}", ".nfs-provisioner", "a//b"} {
		f.Add("${.PVC.namespace}/${.PVC.annotations.dir}", seed)
		f.Add("${.PVC.annotations.dir}", seed)
		f.Add("a${.PVC.annotations.dir:-x}/b", seed)
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		p, err := ParsePattern(text)
		if err != nil {
			return
		}
		claim := labelled()
		claim.Annotations["dir"] = value
		rendered, err := p.Render(claim, "pvc-1")
		if err != nil {
			return
		}
		if d := expectContained(t, rendered); d != nil && strings.HasPrefix(text, "${.PVC.namespace}/") && d.Segments()[0] != "team" {
			t.Errorf("the value %q left the namespace's folder: %q", value, d)
		}
	})
}

// expectContained: what is taken as a directory is below the share's root and
// exactly what was rendered.
func expectContained(t *testing.T, rendered string) *share.Directory {
	t.Helper()
	d, err := share.ParseDirectory(rendered)
	if err != nil {
		return nil
	}
	const root = "/mount"
	if joined := filepath.Join(root, rendered); !filepath.IsLocal(rendered) || joined != root+"/"+d.String() || strings.HasPrefix(rendered, ".nfs-provisioner") && d.Segments()[0] == ".nfs-provisioner" {
		t.Errorf("%q was taken as the directory %q", rendered, d)
	}
	return &d
}

func TestAFallbackWithAVariableIsRefused(t *testing.T) {
	_, err := ParsePattern("${.PVC.annotations.dir:-${.PVC.name}}")
	expectWords(t, err, "fallback")
}
