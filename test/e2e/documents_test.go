//go:build e2e

package e2e

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nfs-provisioner/nfs-provisioner/test/docs"
)

// The reader of the documents installs what the README says, under the names
// that it has there, and does what operations and troubleshooting say.
const (
	repository = "../.."
	readerHome = "nfs-provisioner" // release and namespace
	// readerFolder is the reader's export, below one of ours.
	readerFolder = "e2e-documents"
)

// reader is somebody who follows the documents on an export of ours.
type reader struct {
	*scene
	on      export
	session *docs.Session
}

// Others must not run meanwhile: the reader upgrades, restarts and scales, and
// has the names that the documents have.
func TestAReaderOfTheDocumentsGetsWhereTheySay(t *testing.T) {
	r := newReader(t)

	r.follow("README.md", below("Install", "A first claim"))
	r.must("kubectl", "rollout", "status", "--namespace", readerHome, "deployment/"+readerHome, "--timeout", "2m")
	claims := []string{"data", "data-db-0"} // the image that stands in may end before the others are made
	for _, name := range claims {
		r.must("kubectl", "wait", "--namespace", r.namespace, "pvc/"+name, "--for=jsonpath={.status.phase}=Bound", "--timeout", "1m")
	}

	said := r.follow("docs/operations.md", func(heading string) bool { return heading != "Uninstall" })
	for _, want := range []string{"[+]share default ok: ", "DIRECTORY", `"state": "bound"`, "REMOVAL"} {
		if !strings.Contains(said, want) {
			t.Errorf("the commands of docs/operations.md do not show %q:\n%s", want, said)
		}
	}
	r.follow("docs/troubleshooting.md", anywhere)
	r.must("kubectl", "rollout", "status", "--namespace", readerHome, "deployment/"+readerHome, "--timeout", "2m")

	var volumes, archives []string
	for _, name := range claims {
		volume := r.bound(name).Name
		volumes, archives = append(volumes, volume), append(archives, name+"-"+volume)
	}
	r.follow("README.md", below("When a claim goes"))
	for _, v := range volumes {
		r.volumeGone(v)
	}
	// The class's pattern has the namespace and the claim's name.
	left := strings.Fields(r.look(r.on, "ls "+r.folder()+"/archived-"+r.namespace))
	for _, archive := range archives {
		if !slices.Contains(left, archive) {
			t.Errorf("the share holds the archives %q, and not %q", left, archive)
		}
	}

	// A volume that is deleted when nobody looks after its directory any more.
	r.does("kubectl apply --filename claim.yaml")
	left = []string{r.bound("data").Name}
	r.follow("README.md", below("Uninstall"))
	r.does("VOLUME=" + left[0] + "\nhelm() { :; } # it is done already")
	r.follow("docs/operations.md", below("Uninstall"))
	r.must("kubectl", "delete", "--namespace", r.namespace, "pvc/data", "--timeout", "1m")
	r.must("kubectl", "delete", "pv/"+left[0], "--timeout", "1m")
	if kept := r.look(r.on, "ls "+r.folder()+"/"+r.namespace); strings.TrimSpace(kept) != "data" {
		t.Errorf("of the directory of a volume that was let go the share holds %q", kept)
	}
}

// The API server takes every manifest of the documents, as strictly as it can.
func TestTheAPIServerTakesEveryManifestOfTheDocuments(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	pages, err := filepath.Glob(repository + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for _, page := range append(pages, repository+"/README.md") {
		blocks, err := docs.Read(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			if b.Language != "yaml" || !strings.Contains(b.Text, "kind:") {
				continue
			}
			file := filepath.Join(t.TempDir(), "manifest.yaml")
			manifest := strings.NewReplacer(
				"namespace: team-a", "namespace: "+s.namespace,
				"name: nfs-client", "name: "+s.unique("nfs-client"), // another test may have a class of that name
			).Replace(b.Text)
			if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := command(t.Context(), "kubectl", "apply", "--dry-run=server", "--validate=strict", "--filename", file); err != nil {
				t.Errorf("%v: %v\n%s", b, err, out)
			}
			taken++
		}
	}
	if taken == 0 {
		t.Error("the documents have no manifest")
	}
}

func newReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{scene: newScene(t), on: under.plain()}
	r.look(r.on, "rm -rf "+r.folder()+" && mkdir -m 777 "+r.folder())
	r.Cleanup(func() {
		if t.Failed() {
			log, err := command(context.Background(), "kubectl", "logs", "--namespace", readerHome, "deployment/"+readerHome, "--tail", "100")
			t.Logf("the reader's provisioner: %v\n%s", err, log)
		}
		r.leave()
	})
	directory := t.TempDir()
	charts, err := filepath.Abs(repository + "/charts")
	if err == nil {
		err = os.Symlink(charts, filepath.Join(directory, "charts"))
	}
	if err != nil {
		t.Fatal(err)
	}
	image, tag, _ := cutLast(under.image, ":")
	r.session, err = docs.NewSession(context.WithoutCancel(t.Context()), docs.Setting{
		Directory: directory, Namespace: r.namespace,
		Replace: []string{
			"nfs.example.com,shares[0].path=/export", r.on.server + ",shares[0].path=" + path.Join(r.on.path, readerFolder),
			"registry.example.com/nfs-provisioner", image, "image.tag=0.1.0", "image.tag=" + tag,
			"registry.example.com/db", under.testbox,
			"namespace: default", "namespace: " + r.namespace,
			"--namespace default", "--namespace " + r.namespace,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reader) folder() string { return inspectorRoot + "/" + readerFolder }

// below and anywhere say which headings of a document are followed.
func below(headings ...string) func(heading string) bool {
	return func(heading string) bool { return slices.Contains(headings, heading) }
}

func anywhere(string) bool { return true }

// does lets the reader type commands.
func (r *reader) does(commands string) {
	r.Helper()
	if _, err := r.session.Run(docs.Block{Document: "by hand", Language: "sh", Text: commands + "\n"}); err != nil {
		r.Fatal(err)
	}
}

// follow runs the blocks of a document that are below some of its headings, and
// returns what they print. Values are shown in the documents for their form; the
// chart's tests render them.
func (r *reader) follow(document string, wanted func(heading string) bool) string {
	r.Helper()
	blocks, err := docs.Read(filepath.Join(repository, document))
	if err != nil {
		r.Fatal(err)
	}
	var said strings.Builder
	for _, b := range blocks {
		if !wanted(b.Heading) || !b.Runnable() || b.File == "values.yaml" {
			continue
		}
		out, err := r.session.Run(b)
		if err != nil {
			r.Fatal(err)
		}
		said.WriteString(out + "\n")
	}
	if said.Len() == 0 {
		r.Fatalf("%s has nothing to do", document)
	}
	return said.String()
}

func (r *reader) must(name string, arguments ...string) {
	r.Helper()
	if out, err := command(r.Context(), name, arguments...); err != nil {
		r.Fatalf("%v\n%s", err, out)
	}
}

// leave takes everything of the reader away.
func (r *reader) leave() {
	r.Helper()
	if err := r.session.Close(); err != nil {
		r.Error(err)
	}
	for _, step := range [][]string{
		{"kubectl", "delete", "--namespace", r.namespace, "statefulset,pod,pvc", "--all", "--timeout", "2m"},
		{"helm", "uninstall", readerHome, "--namespace", readerHome, "--ignore-not-found", "--wait"},
		{"kubectl", "delete", "namespace", readerHome, "--ignore-not-found"},
	} {
		if out, err := command(context.Background(), step[0], step[1:]...); err != nil {
			r.Errorf("%v\n%s", err, out)
		}
	}
	if _, err := inInspector(context.Background(), r.on, "rm -rf "+r.folder()); err != nil {
		r.Error(err)
	}
}
