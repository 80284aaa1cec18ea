package provision

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/nfs-provisioner/nfs-provisioner/internal/attack"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// besieged is a world with a neighbour on its share and precious files around
// it.
type besieged struct{ *world }

func besiege(t *testing.T) besieged {
	t.Helper()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		t.Setenv("TMPDIR", "/dev/shm") // thousands of volumes need not go to a disk
	}
	b := besieged{newWorld(t)}
	b.provision(b.class("pathPattern", "neighbour"), b.claim("n"))
	for _, path := range []string{"../canary", "../neighbour/file", "../a/file", "neighbour/file", "neighbour/sub/file", "loose/file"} {
		b.write(0, path)
	}
	return b
}

// land is all that is on the share and around it, our own folder apart but for
// the neighbour's record.
func (b besieged) land() map[string]string {
	b.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(filepath.Dir(b.mount(0)), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join(b.mount(0), ".nfs-provisioner") {
			return fs.SkipDir
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		all[path] = info.Mode().String()
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			all[path] += " " + string(content)
			return err
		}
		return nil
	})
	record, problem := os.ReadFile(filepath.Join(b.mount(0), ".nfs-provisioner/records/neighbour"))
	if err := errors.Join(err, problem); err != nil {
		b.Fatal(err)
	}
	all["record of neighbour"] = string(record)
	return all
}

// expectGrown: nothing has changed or gone, and nothing has come but the place
// on the share, if there is one, and folders above it.
func (b besieged) expectGrown(before map[string]string, place string) {
	b.Helper()
	after, full := b.land(), b.mount(0)+"/"+place
	for path, was := range before {
		if is, ok := after[path]; !ok || is != was {
			b.Errorf("%q was %q and is %q", path, was, is)
		}
	}
	for path := range after {
		if _, old := before[path]; !old && (place == "" || path != full && !strings.HasPrefix(full, path+"/")) {
			b.Errorf("%q has come", path)
		}
	}
	if _, made := after[full]; place != "" && !made {
		b.Errorf("%q is not there", full)
	}
}

// sources are the ways in which a text becomes part of a path.
var sources = map[string]func(claim *v1.PersistentVolumeClaim, text string) (pattern string){
	"template":   func(_ *v1.PersistentVolumeClaim, text string) string { return text },
	"fallback":   func(_ *v1.PersistentVolumeClaim, text string) string { return "${.PVC.labels.none:-" + text + "}" },
	"namespace":  func(c *v1.PersistentVolumeClaim, text string) string { c.Namespace = text; return "${.PVC.namespace}" },
	"claim name": func(c *v1.PersistentVolumeClaim, text string) string { c.Name = text; return "${.PVC.name}" },
	"label": func(c *v1.PersistentVolumeClaim, text string) string {
		c.Labels = map[string]string{"dir": text}
		return "${.PVC.labels.dir}"
	},
	"annotation": func(c *v1.PersistentVolumeClaim, text string) string {
		c.Annotations = map[string]string{"nfs.io/dir": text}
		return "${.PVC.annotations.nfs.io/dir}"
	},
}

func (b besieged) attacker(name string) *v1.PersistentVolumeClaim {
	claim := b.claim("attacker")
	claim.UID = types.UID(name)
	return claim
}

// raid provisions a claim, then deletes its volume to the end, and returns the
// directory that it had.
func (b besieged) raid(class map[string]string, claim *v1.PersistentVolumeClaim, before map[string]string) (directory string, err error) {
	b.Helper()
	b.claims[claim.Namespace+"/"+claim.Name] = claim
	defer delete(b.claims, claim.Namespace+"/"+claim.Name)
	gold := b.class()
	gold.Parameters = class
	volume, _, err := b.Provision(b.Context(), options(gold, claim))
	if err != nil {
		b.expectGrown(before, "")
		return "", err
	}
	b.volumes[volume.Name] = volume
	b.Settled(volume.Name)
	directory = volume.Annotations[AnnotationDirectory]
	if volume.Spec.NFS.Path != "/export/"+directory {
		b.Errorf("the volume is at %q and says %q", volume.Spec.NFS.Path, directory)
	}
	b.expectGrown(before, directory)
	for range 2 {
		if err := b.Delete(b.Context(), volume); err != nil {
			b.Errorf("%q was made and cannot be deleted: %v", directory, err)
		}
	}
	delete(b.volumes, volume.Name)
	b.sweep()
	for path := range before {
		if _, err := os.Lstat(path); err != nil && filepath.IsAbs(path) {
			b.Errorf("deleted with %q: %v", directory, err)
		}
	}
	// Folders above the directory stay when it is deleted.
	if first, _, nested := strings.Cut(directory, "/"); nested && before[b.mount(0)+"/"+first] == "" {
		if err := os.RemoveAll(filepath.Join(b.mount(0), first)); err != nil {
			b.Error(err)
		}
	}
	return directory, nil
}

func TestEveryPathOfTheCorpusIsRefusedOrOneDirectoryWhereverItComesFrom(t *testing.T) {
	for source, from := range sources {
		t.Run(source, func(t *testing.T) {
			b := besiege(t)
			before := b.land()
			for _, p := range attack.Paths() {
				if strings.Contains(p.Text, "}") && source == "fallback" || strings.Contains(p.Text, "${") {
					continue // not what the pattern would render
				}
				claim := b.attacker("uid-attacker")
				class := map[string]string{"onDelete": "delete"}
				class["pathPattern"] = from(claim, p.Text)
				got, err := b.raid(class, claim, before)
				switch {
				case p.Taken() && (err != nil || got != p.Text):
					t.Errorf("%.99q is %.99q: %v", p.Text, got, err)
				case !p.Taken() && err == nil:
					t.Errorf("%.99q was taken as %.99q", p.Text, got)
				case !p.Taken() && p.Text != "":
					expectWords(t, err, p.Refusal, "pathPattern")
					if !errors.Is(err, share.ErrInvalidDirectory) {
						t.Errorf("%.99q: %v", p.Text, err)
					}
				}
			}
		})
	}
}

func TestEveryPathOfTheCorpusStaysWhereItsPatternPutsIt(t *testing.T) {
	for _, pattern := range []string{"team/${.PVC.annotations.dir}", "${.PVC.annotations.dir}/x", "a${.PVC.annotations.dir}b", ".${.PVC.annotations.dir}", "${.PVC.annotations.dir}${.PVC.annotations.dir}", ".nfs-provisioner${.PVC.annotations.dir}", "neighbour${.PVC.annotations.dir}"} {
		t.Run(pattern, func(t *testing.T) {
			b := besiege(t)
			before := b.land()
			for _, p := range attack.Paths() {
				claim := b.attacker("uid-attacker")
				claim.Annotations = map[string]string{"dir": p.Text}
				rendered := strings.ReplaceAll(pattern, "${.PVC.annotations.dir}", p.Text)
				got, err := b.raid(map[string]string{"pathPattern": pattern, "onDelete": "delete"}, claim, before)
				if err == nil && (got != rendered || !filepath.IsLocal(got)) {
					t.Errorf("%.99q is %.99q", rendered, got)
				}
				if err != nil && !errors.Is(err, share.ErrInvalidDirectory) && !errors.Is(err, share.ErrOwned) && p.Text != "" {
					t.Errorf("%.99q: %v", rendered, err)
				}
			}
		})
	}
}

// TestAVolumeThatWasForgedNeverLeadsAnywhere edits each part of a volume by
// hand, alone and with each other, for each path of the corpus.
func TestAVolumeThatWasForgedNeverLeadsAnywhere(t *testing.T) {
	edits := map[string]func(v *v1.PersistentVolume, text string){
		"path":            func(v *v1.PersistentVolume, text string) { v.Spec.NFS.Path = text },
		"path on share":   func(v *v1.PersistentVolume, text string) { v.Spec.NFS.Path = "/export/" + text },
		"path behind own": func(v *v1.PersistentVolume, text string) { v.Spec.NFS.Path += "/" + text },
		"server":          func(v *v1.PersistentVolume, text string) { v.Spec.NFS.Server = text },
		"directory":       func(v *v1.PersistentVolume, text string) { v.Annotations[AnnotationDirectory] = text },
		"share":           func(v *v1.PersistentVolume, text string) { v.Annotations[AnnotationShare] = text },
		"onDelete":        func(v *v1.PersistentVolume, text string) { v.Annotations[AnnotationOnDelete] = text },
		"no share":        func(v *v1.PersistentVolume, _ string) { delete(v.Annotations, AnnotationShare) },
		"path + directory": func(v *v1.PersistentVolume, text string) {
			v.Spec.NFS.Path, v.Annotations[AnnotationDirectory] = "/export/"+text, text
		},
	}
	names := make([]string, 0, len(edits))
	for name := range edits {
		names = append(names, name)
	}
	slices.Sort(names)
	texts := attack.Paths()
	for _, near := range []string{"neighbour", "neighbour/", "neighbour/sub", "NEIGHBOUR", "neighbour/.", "neighbour/../neighbour", "a/../neighbour", "./neighbour", "loose", "loose/file", "neighbour\x00", "victim/../../neighbour", ".nfs-provisioner/records/neighbour", "\uff0e\uff0e/neighbour"} {
		texts = append(texts, attack.Path{Text: near})
	}
	for _, policy := range []string{"delete", "archive"} {
		t.Run(policy, func(t *testing.T) {
			b := besiege(t)
			volume := b.provision(b.class("pathPattern", "victim", "onDelete", policy), b.claim("victim"))
			b.write(0, "victim/file")
			before := b.land()
			for i, one := range names {
				for _, other := range names[i:] {
					if one == "no share" && other == "no share" {
						continue // which is as good as it was
					}
					for _, p := range texts {
						forged := volume.DeepCopy()
						edits[one](forged, p.Text)
						edits[other](forged, p.Text)
						if unharmed(forged, volume) {
							continue
						}
						// Where nothing of it is on the share, there is nothing to delete.
						if err := b.Delete(t.Context(), forged); err == nil && !absent(b.mount(0), forged) {
							t.Errorf("%s and %s are %.99q: deleted", one, other, p.Text)
						}
					}
					if b.expectGrown(before, ""); t.Failed() {
						t.Fatalf("%s and %s", one, other)
					}
				}
			}
			for range 2 {
				if err := b.Delete(t.Context(), volume); err != nil {
					t.Errorf("the volume as it was: %v", err)
				}
			}
		})
	}
}

// unharmed says whether a forgery says the same as the volume did.
func unharmed(forged, volume *v1.PersistentVolume) bool {
	if *forged.Spec.NFS != *volume.Spec.NFS || forged.Annotations[AnnotationDirectory] != volume.Annotations[AnnotationDirectory] {
		return false
	}
	policy := Policy(forged.Annotations[AnnotationOnDelete])
	return policy.valid()
}

func absent(mount string, v *v1.PersistentVolume) bool {
	relative, below := strings.CutPrefix(v.Spec.NFS.Path, "/export/")
	_, err := os.Lstat(filepath.Join(mount, relative))
	return below && errors.Is(err, fs.ErrNotExist)
}

func TestAnAdoptedVolumeThatWasForgedNeverLeadsOutOfTheShare(t *testing.T) {
	for _, policy := range []string{"delete", "archive", "retain"} {
		t.Run(policy, func(t *testing.T) {
			b := besiege(t)
			b.class("onDelete", policy)
			before := b.land()
			for _, p := range attack.Paths() {
				for _, path := range []string{p.Text, "/export/" + p.Text, "/export/neighbour/" + p.Text, "/export" + p.Text, "/export/../" + p.Text} {
					forged := adopted("pv-1", "")
					forged.Spec.NFS.Path = path
					if err := b.Delete(t.Context(), forged); err == nil && !absent(b.mount(0), forged) && policy != "retain" {
						t.Errorf("%.99q was deleted", path)
					}
				}
			}
			b.expectGrown(before, "")
		})
	}
}

// FuzzProvisionAndDelete takes any annotation through any pattern, makes the
// directory and deletes it.
func FuzzProvisionAndDelete(f *testing.F) {
	for i, p := range attack.Paths() {
		if i%4 != 0 {
			continue // the others are provisioned by the tests above
		}
		f.Add([]string{"${.PVC.annotations.dir}", "team/${.PVC.annotations.dir}", "${.PVC.annotations.dir}/x"}[i%3], p.Text, i%8 == 0)
	}
	f.Fuzz(func(t *testing.T, pattern, value string, archive bool) {
		b := besiege(t)
		before := b.land()
		claim := b.attacker("uid-attacker")
		claim.ObjectMeta = metav1.ObjectMeta{Namespace: "default", Name: "attacker", UID: "uid-attacker", Annotations: map[string]string{"dir": value}}
		policy := "delete"
		if archive {
			policy = "archive"
		}
		_, _ = b.raid(map[string]string{"pathPattern": pattern, "onDelete": policy}, claim, before)
	})
}
