package docs

import (
	"regexp"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// manifests are the objects that the documents have their readers apply, read
// as strictly as the API server reads them.
func manifests(t *testing.T) map[string]runtime.Object {
	t.Helper()
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	objects := map[string]runtime.Object{}
	for name := range pages(t) {
		blocks, err := Read(root + "/" + name)
		if err != nil {
			t.Error(err)
		}
		for _, b := range blocks {
			if b.Language != "yaml" || !strings.Contains(b.Text, "kind:") {
				continue
			}
			for document := range strings.SplitSeq(b.Text, "\n---\n") {
				object, _, err := decoder.Decode([]byte(document), nil, nil)
				if err != nil {
					t.Errorf("%v: %v", b, err)
					continue
				}
				objects[b.String()] = object
			}
		}
	}
	if len(objects) == 0 {
		t.Fatal("no document has a manifest")
	}
	return objects
}

func TestEveryManifestCanBeRead(t *testing.T) { manifests(t) }

// The provisioner takes every class of the documents, and every parameter that
// it knows has an example in the page that is about them.
func TestEveryClassOfTheDocumentsIsTaken(t *testing.T) {
	shown := map[string]bool{}
	for place, object := range manifests(t) {
		class, ok := object.(*storagev1.StorageClass)
		if !ok {
			continue
		}
		if _, err := provision.ParseParameters(class.Parameters); err != nil {
			t.Errorf("%s: %v", place, err)
		}
		if strings.Contains(place, "docs/parameters.md") {
			for name := range class.Parameters {
				shown[name] = true
			}
		}
	}
	for _, name := range knownParameters(t) {
		if !shown[name] {
			t.Errorf("docs/parameters.md has no class with %s", name)
		}
	}
}

// knownParameters are those that the provisioner names when it is asked for one
// that it does not know.
func knownParameters(t *testing.T) []string {
	t.Helper()
	_, err := provision.ParseParameters(map[string]string{"unheard-of": "x"})
	_, list, found := strings.Cut(err.Error(), "known are ")
	if !found {
		t.Fatalf("the refusal of an unknown parameter names none: %v", err)
	}
	return strings.Split(list, ", ")
}

var example = regexp.MustCompile("(?m)^\\| `([^`]*\\$\\{[^`]*)` \\| `([^`]*)` \\|$")

func TestPatternsRenderToWhatTheDocumentSays(t *testing.T) {
	claim := &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{
		Namespace: "team-a", Name: "data",
		Labels: map[string]string{"tier": "gold"}, Annotations: map[string]string{"example.com/dir": "reports/2026"},
	}}
	examples := example.FindAllStringSubmatch(page(t, "docs/parameters.md"), -1)
	if len(examples) == 0 {
		t.Fatal("there are no examples of patterns")
	}
	for _, e := range examples {
		pattern, err := provision.ParsePattern(e[1])
		if err != nil {
			t.Errorf("%s: %v", e[1], err)
			continue
		}
		rendered, err := pattern.Render(claim, "pvc-3f1c")
		if err != nil {
			t.Errorf("%s: %v", e[1], err)
		}
		if directory, err := share.ParseDirectory(rendered); err != nil || directory.String() != e[2] {
			t.Errorf("%s renders to %q (%v), the document says %q", e[1], directory, err, e[2])
		}
	}
}
