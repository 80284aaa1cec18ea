//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nfs-provisioner/nfs-provisioner/test/docs"
)

// The story of docs/migration.md, command by command, with volumes of the older
// provisioner in all the forms that it makes.
func TestMovingFromTheOlderProvisionerAndBack(t *testing.T) {
	t.Parallel()
	m := newMove(t)

	t.Log("the older provisioner has made volumes, and an archive")
	m.installOlder()
	m.makeVolumes()
	m.tell("Look")
	m.expectRefusedBesideTheOlder()

	t.Log("ours takes over: nothing has changed")
	m.tell("Take over")
	m.tell("See that it works")
	m.expectAsBefore()
	m.expectFinalizer("kept", true)

	t.Log("what is deleted now fares as its class says")
	m.delete("archive")
	m.expectArchived("archive", m.archive("archive"))
	m.delete("delete")
	m.expectGone(m.directories["delete"])
	m.delete("retain")
	m.expectFile("retain", m.directories["retain"])
	m.delete("deep")
	m.expectArchived("deep", m.archive("deep"))
	m.expectFile("sibling", m.directories["sibling"])
	m.expectFile("gone", m.olderArchive("gone"))

	t.Log("one of two with one directory goes without the data, the last one takes it along")
	twin, left := m.volumes["twin-one"], m.directories["twin-one"]
	m.drop("twin-one")
	m.expectEvent(twin, metav1.NamespaceDefault, "nothing was deleted", m.volumes["twin-two"])
	m.run(docs.Block{Language: "sh", Text: "VOLUME=" + twin + "\n"})
	m.tell("Volumes that share a directory")
	m.expectNoVolume(twin)
	m.expectFile("twin", left)
	m.delete("twin-two")
	m.expectFile("twin", m.archive("twin-two"))
	m.expectGone(left)

	t.Log("a StatefulSet finds its data again")
	m.web.remove()
	m.web.create()
	m.web.expectFiles()

	t.Log("back to the older one: it finds all as it was, and can delete what either has made")
	m.tell("Going back")
	m.startOlder()
	m.expectAsBefore()
	m.expectFinalizer("kept", false)
	m.deletePod("reader") // which keeps the claim
	m.delete("kept")
	m.expectArchived("kept", m.olderArchive("kept"))
	m.deleteClaim("after-the-move")
	m.makeClaim(claim("after-the-return", olderClass))
	m.bound("after-the-return")

	t.Log("a volume that was deleted with the finalizer stays Terminating until the finalizer goes")
	stuck := m.volumes["stuck"]
	finalizers := []string{"kubernetes.io/pv-protection", libraryFinalizer}
	m.patchVolume(stuck, map[string]any{"metadata": map[string]any{"finalizers": finalizers}})
	m.drop("stuck")
	m.eventually("volume "+stuck+" Terminating, without its directory", func(ctx context.Context) (bool, string, error) {
		pv, err := under.client.CoreV1().PersistentVolumes().Get(ctx, stuck, metav1.GetOptions{})
		return err == nil && pv.DeletionTimestamp != nil, fmt.Sprint(pv.Status.Phase), err
	})
	m.eventuallyGone(m.on, m.directories["stuck"])
	m.cure()
	m.expectNoVolume(stuck)
}

// The names in the document, and of what the test makes for it.
const (
	migrationDocument = "../../docs/migration.md"
	olderRelease      = "nfs-subdir-external-provisioner"
	olderName         = "cluster.local/nfs-subdir-external-provisioner"
	olderClass        = "nfs-client"
	newerRelease      = "nfs-provisioner"
	olderFolder       = "e2e-migration"

	libraryFinalizer = "external-provisioner.volume.kubernetes.io/finalizer"
	// storagePath is the annotation that the older provisioner's documentation
	// uses in its patterns.
	storagePath = "nfs.io/storage-path"
)

// move is an export with an older provisioner, and the reader of the document.
type move struct {
	*scene
	on      export // as the inspector sees it
	chart   string // the older provisioner's
	program string // what stands in for it
	blocks  []docs.Block
	reader  *docs.Session
	web     *web

	// By claim, and as the inspector sees them.
	volumes, directories map[string]string
	deleted              []string
}

func newMove(t *testing.T) *move {
	t.Helper()
	m := &move{scene: newScene(t), on: under.plain()}
	m.volumes, m.directories = map[string]string{}, map[string]string{}
	m.program = filepath.Join(t.TempDir(), "older")
	m.compile("build", "-ldflags", "-s -w", "-o", m.program, "../older")
	m.chart = m.olderChart()
	m.Cleanup(m.removeVolumes) // when nobody looks after them any more
	m.takeNamespaces()
	m.look(m.on, "rm -rf "+m.root()+" && mkdir -m 777 "+m.root())
	m.read()
	return m
}

// root is where the inspector sees the older provisioner's export.
func (m *move) root() string { return inspectorRoot + "/" + olderFolder }

// read opens the document.
func (m *move) read() {
	m.Helper()
	blocks, err := docs.Read(migrationDocument)
	if err != nil {
		m.Fatal(err)
	}
	ours, err := filepath.Abs(under.chart)
	if err != nil {
		m.Fatal(err)
	}
	repository, tag, _ := cutLast(under.image, ":")
	m.blocks = blocks
	m.reader, err = docs.NewSession(context.WithoutCancel(m.Context()), docs.Setting{
		Directory: m.TempDir(), Namespace: m.namespace,
		Replace: []string{
			"registry.example.com/nfs-provisioner", repository, "image.tag=0.1.0", "image.tag=" + tag,
			olderRelease + "/" + olderRelease, m.chart, "charts/nfs-provisioner", ours,
			"team-a", m.namespace,
		},
	})
	if err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() {
		if err := m.reader.Close(); err != nil {
			m.Error(err)
		}
	})
}

// tell does what the document says under a heading.
func (m *move) tell(heading string) {
	m.Helper()
	told := 0
	for _, block := range m.blocks {
		if block.Heading == heading && block.Runnable() {
			m.run(block)
			told++
		}
	}
	if told == 0 {
		m.Fatalf("%s has nothing to do under %q", migrationDocument, heading)
	}
}

func (m *move) run(block docs.Block) {
	m.Helper()
	out, err := m.reader.Run(block)
	m.Logf("%v\n%s%s", block, block.Text, out)
	if err != nil {
		m.Fatal(err)
	}
}

// cure does what the document says of volumes that stay Terminating.
func (m *move) cure() {
	m.Helper()
	for _, block := range m.blocks {
		if strings.Contains(block.Text, libraryFinalizer) {
			m.run(block)
			return
		}
	}
	m.Fatalf("%s has no cure for volumes with the finalizer", migrationDocument)
}

// expectRefusedBesideTheOlder: the chart sees that the older one still runs, and
// that there are volumes of it.
func (m *move) expectRefusedBesideTheOlder() {
	m.Helper()
	out, err := m.dryRun("storageClass.provisionerName=" + olderName)
	if err == nil || !strings.Contains(err.Error(), "answers to the name "+olderName) {
		m.Errorf("beside the older one the chart says %v\n%s", err, out)
	}
	out, err = m.dryRun("storageClass.create=false")
	if err != nil || !strings.Contains(out, "there are volumes on "+m.on.server+":"+m.on.path+"/"+olderFolder+" that belong to "+olderName) {
		m.Errorf("with a name of its own the chart says nothing of the volumes: %v\n%s", err, out)
	}
}

// dryRun is what the chart makes of the older provisioner's export and a value.
func (m *move) dryRun(value string) (string, error) {
	return command(m.Context(), "helm", "install", newerRelease, under.chart, "--namespace", newerRelease, "--dry-run=server",
		"--set", "nfs.server="+m.on.server, "--set", "nfs.path="+m.on.path+"/"+olderFolder, "--set", value)
}

// expectAsBefore: claims are bound to the volumes that they had, and pods read
// what they wrote.
func (m *move) expectAsBefore() {
	m.Helper()
	for name, volume := range m.volumes {
		if slices.Contains(m.deleted, name) {
			continue
		}
		if pv := m.bound(name); pv.Name != volume || pv.Status.Phase != v1.VolumeBound {
			m.Errorf("claim %s has the volume %s, which is %s; it had %s", name, pv.Name, pv.Status.Phase, volume)
		}
	}
	for _, name := range []string{"kept", "sibling"} {
		if got := m.in("reader", "cat /"+name+"/file"); got != name {
			m.Errorf("the pod reads %q in %s", got, name)
		}
	}
	m.web.expectFiles()
}

func (m *move) expectFinalizer(claim string, want bool) {
	m.Helper()
	m.eventually(fmt.Sprintf("the finalizer on the volume of %s: %v", claim, want), func(ctx context.Context) (bool, string, error) {
		pv, err := under.client.CoreV1().PersistentVolumes().Get(ctx, m.volumes[claim], metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		has, protected := slices.Contains(pv.Finalizers, libraryFinalizer), slices.Contains(pv.Finalizers, "kubernetes.io/pv-protection")
		return has == want && protected, fmt.Sprint(pv.Finalizers), nil
	})
}

// delete deletes a claim, and waits until its volume is gone.
func (m *move) delete(claim string) {
	m.Helper()
	m.deleteClaim(claim)
	m.deleted = append(m.deleted, claim)
}

// drop deletes a claim whose volume may stay.
func (m *move) drop(claim string) {
	m.Helper()
	if err := under.client.CoreV1().PersistentVolumeClaims(m.namespace).Delete(m.Context(), claim, metav1.DeleteOptions{}); err != nil {
		m.Fatal(err)
	}
	m.deleted = append(m.deleted, claim)
}

func (m *move) expectNoVolume(name string) {
	m.Helper()
	m.eventually("volume "+name+" gone", func(ctx context.Context) (bool, string, error) {
		_, err := under.client.CoreV1().PersistentVolumes().Get(ctx, name, metav1.GetOptions{})
		return apierrors.IsNotFound(err), "still there", err
	})
}

// archive is where ours archives the directory of a claim, and olderArchive
// where the older one does.
func (m *move) archive(claim string) string {
	relative := strings.TrimPrefix(m.directories[claim], m.root()+"/")
	return m.root() + "/archived-" + relative + "-" + m.volumes[claim]
}

func (m *move) olderArchive(claim string) string {
	return m.root() + "/archived-" + filepath.Base(m.directories[claim])
}

func (m *move) expectArchived(claim, archive string) {
	m.Helper()
	m.expectFile(claim, archive)
	m.expectGone(m.directories[claim])
}

func (m *move) expectFile(claim, directory string) {
	m.Helper()
	if got := m.look(m.on, "cat "+directory+"/file"); got != claim {
		m.Errorf("%s holds %q, want what was written to %s", directory, got, claim)
	}
}

func (m *move) expectGone(place string) {
	m.Helper()
	m.eventuallyGone(m.on, place)
}
