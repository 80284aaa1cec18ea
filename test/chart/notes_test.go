package chart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// notes are what a person sees after the installation.
func notes(t *testing.T, values string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, err := helm(t, "install", "rel", chartDir, "--namespace", "storage", "--dry-run=client", "--values", file)
	if err != nil {
		t.Fatalf("helm install --dry-run: %v\n%s", err, errs)
	}
	_, said, _ := strings.Cut(out, "\nNOTES:\n")
	return said
}

// TestNotes: the next commands, for the release as it was installed.
func TestNotes(t *testing.T) {
	for file, want := range map[string][]string{
		"full-values.yaml": {"storageClassName: fast", "kubectl --namespace storage-system rollout status deployment/storage",
			"helm --namespace storage test rel", "describe pvc first", "keeps every claim"},
		"minimal-values.yaml": {"No StorageClass was made by this release", "provisioner: cluster.local/rel-nfs-provisioner", "keeps every claim"},
	} {
		said := notes(t, ciValues(t)[file])
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("%s: the notes do not say %q:\n%s", file, w, said)
			}
		}
	}
}

// TestNotesCanBePasted: a shell ends a document where its last line stands, alone and not indented.
func TestNotesCanBePasted(t *testing.T) {
	for file, kind := range map[string]string{"full-values.yaml": "PersistentVolumeClaim", "minimal-values.yaml": "StorageClass"} {
		said := notes(t, ciValues(t)[file])
		_, after, _ := strings.Cut(said, "<<'EOF'\n")
		manifest, _, ended := strings.Cut(after, "\nEOF\n")
		var o object
		if err := yaml.Unmarshal([]byte(manifest), &o); err != nil || !ended || o.kind() != kind {
			t.Errorf("%s: the notes apply %q (%v)", file, manifest, err)
		}
	}
}

// TestNotesSayWhatWillNotGoByItself: an image from nowhere, and a claim that waits for its pod.
func TestNotesSayWhatWillNotGoByItself(t *testing.T) {
	const waits, nowhere = "Pending until a pod uses it", "set image.repository"
	later := minimal + "image: {repository: registry.example.com/nfs-provisioner}\nstorageClasses: [{name: nfs, volumeBindingMode: WaitForFirstConsumer}]"
	if said := notes(t, later); !strings.Contains(said, waits) || strings.Contains(said, nowhere) {
		t.Errorf("with a class whose claims wait, and an image, the notes say\n%s", said)
	}
	if said := notes(t, minimal+"storageClasses: [{name: nfs}]"); strings.Contains(said, waits) || !strings.Contains(said, nowhere) {
		t.Errorf("with a class whose claims do not wait, and no image, the notes say\n%s", said)
	}
}

// TestWarnings: each odd thing is named once, and nothing that is not odd.
func TestWarnings(t *testing.T) {
	for values, want := range map[string]string{
		"":                              "",
		"storageClasses: [{name: nfs}]": "",
		"shares: [{name: a, server: 127.0.0.1, path: /p}]": `the server of the share "a" is 127.0.0.1, which is another machine on each node.`,
		"global: {imageRegistry: mirror.example.com}":      "global.imageRegistry is not looked at by this chart: set the value of its own instead.",
		"replicaCount: 0": "replicaCount is 0: no claim gets a volume, and no volume is deleted.",
		"securityProfile: restricted": "securityProfile is restricted: the root of every share has to be writable for the user 65532, " +
			"and what other users close to it there stays when their volumes are deleted, until they open it.",
		"storageClasses: [{name: nfs, reclaimPolicy: Retain, parameters: {onDelete: delete}}]":   `the class "nfs" says what becomes of a directory when its volume is deleted, but with the reclaimPolicy Retain no volume is.`,
		"storageClasses: [{name: nfs, parameters: {onDelete: delete, archiveOnDelete: 'true'}}]": `the class "nfs" has onDelete and archiveOnDelete, of which onDelete counts.`,
	} {
		base := minimal
		if strings.HasPrefix(values, "shares:") {
			base = ""
		}
		said := notes(t, base+values)
		_, warnings, _ := strings.Cut(said, "WARNING: ")
		warnings, _, _ = strings.Cut(warnings, "\n\n")
		if warnings != want {
			t.Errorf("%s:\nthe warnings are\n%q\nwant\n%q", values, warnings, want)
		}
	}
	const foreign = "securityProfile: restricted\npodSecurityContext: {runAsUser: 1000}\nstorageClasses: [{name: own, parameters: {uid: '1000'}}, {name: theirs, parameters: {uid: '1001'}}]"
	if said := notes(t, minimal+foreign); !strings.Contains(said, `the class "theirs" asks for directories of the uid 1001`) || strings.Contains(said, `class "own"`) {
		t.Errorf("of directories for another user the notes say\n%s", said)
	}
}
