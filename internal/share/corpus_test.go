package share

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nfs-provisioner/nfs-provisioner/internal/attack"
)

// besieged is a share with a neighbour in it and precious files around it.
type besieged struct {
	*Share
	outside string // the folder that the share is in
}

func besiege(t *testing.T, place string) *besieged {
	t.Helper()
	b := &besieged{newShare(t, filepath.Join(place, "outer", "share")), place}
	write(t, b.Share, "../../canary", "far outside")
	write(t, b.Share, "../canary", "outside")
	write(t, b.Share, "../neighbour/file", "outside")
	write(t, b.Share, "loose/file", "nobody's")
	n := record(t, "pv-n", "n", "neighbour")
	mustMake(t, b.Share, n, open777)
	write(t, b.Share, "neighbour/file", "neighbour's")
	write(t, b.Share, "neighbour/sub/file", "neighbour's")
	return b
}

// land is everything around and on the share, our own folder apart but for the
// neighbour's record: names, modes, owners and content.
func (b *besieged) land(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	ours := filepath.Join(b.Mount, metadata)
	err := filepath.WalkDir(b.outside, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == ours {
			return fs.SkipDir
		}
		all[path], err = portrait(path, entry)
		return err
	})
	record, problem := os.ReadFile(filepath.Join(b.Mount, recordsFolder, "neighbour"))
	if err := errors.Join(err, problem); err != nil {
		t.Fatal(err)
	}
	all["record of neighbour"] = string(record)
	return all
}

// portrait is what must not change of a file that is none of ours.
func portrait(path string, entry fs.DirEntry) (string, error) {
	info, err := entry.Info()
	if err != nil {
		return "", err
	}
	text := info.Mode().String()
	switch {
	case info.Mode().IsRegular():
		content, err := os.ReadFile(path)
		return text + " " + string(content), err
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		return text + " " + target, err
	}
	return text, nil
}

// expectGrown compares two lands: nothing has changed or gone, and exactly the
// named places of the share, and perhaps folders above them, have come.
func (b *besieged) expectGrown(t *testing.T, before map[string]string, by ...string) {
	t.Helper()
	after := b.land(t)
	for path, was := range before {
		if is, ok := after[path]; !ok || is != was {
			t.Errorf("%q was %q and is %q", path, was, is)
		}
	}
	missing := map[string]bool{}
	for _, place := range by {
		missing[b.Mount+"/"+place] = true
	}
	for path := range after {
		if _, old := before[path]; old || missing[path] {
			delete(missing, path)
		} else if !slices.ContainsFunc(by, func(place string) bool { return strings.HasPrefix(b.Mount+"/"+place, path+"/") }) {
			t.Errorf("%q has come", path)
		}
	}
	for path := range missing {
		t.Errorf("%q is not there", path)
	}
}

func TestEveryPathOfTheCorpusIsOneDirectoryOrNone(t *testing.T) {
	forSomeFileSystems(t, func(t *testing.T, s *Share) {
		b := besiege(t, s.Mount)
		for n, p := range attack.Paths() {
			d, err := ParseDirectory(p.Text)
			if err != nil {
				continue
			}
			before := b.land(t)
			r := record(t, fmt.Sprintf("pv-%d", n), "c", "x")
			r.Directory = d
			mustMake(t, b.Share, r, open777)
			b.expectGrown(t, before, p.Text)
			write(t, b.Share, p.Text+"/file", "its own")
			if n%2 == 0 {
				if err := b.Remove(t.Context(), volume(r)); err != nil {
					t.Errorf("%q: %v", p.Text, err)
				}
				b.expectGrown(t, before, d.ancestors()...)
			} else {
				place, err := b.Archive(t.Context(), volume(r))
				if err != nil {
					t.Errorf("%q: %v", p.Text, err)
				}
				b.expectGrown(t, before, append(d.ancestors(), place.path, place.path+"/file")...)
				if err := os.Remove(filepath.Join(b.Mount, recordPath(place))); err != nil {
					t.Error(err)
				}
			}
			b.clean(t, before)
		}
	})
}

// clean removes the archives and folders that an attack has left.
func (b *besieged) clean(t *testing.T, before map[string]string) {
	t.Helper()
	for _, path := range slices.Backward(slices.Sorted(maps.Keys(b.land(t)))) {
		if _, old := before[path]; !old {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAForgedRecordNeverLeadsAnywhere(t *testing.T) {
	forSomeFileSystems(t, func(t *testing.T, s *Share) {
		b := besiege(t, s.Mount)
		mustMake(t, b.Share, record(t, "pv-1", "a", "db"), open777)
		write(t, b.Share, "db/file", "precious")
		paths := append(attack.Paths(), attack.Path{Text: "neighbour"}, attack.Path{Text: "neighbour/sub"}, attack.Path{Text: "NEIGHBOUR"}, attack.Path{Text: "DB"})
		before := b.land(t)
		for _, p := range paths {
			for _, state := range []State{Active, Released, Archived} {
				forged := record(t, "pv-1", "a", "db")
				forged.Directory, forged.Origin, forged.State = Directory{p.Text}, p.Text, state
				data, err := forged.encode()
				if err != nil {
					t.Fatal(err)
				}
				write(t, b.Share, recordPath(directory(t, "db")), string(data))
				v := volume(record(t, "pv-1", "a", "db"))
				_, made := b.Make(t.Context(), record(t, "pv-1", "a", "db"), MakeOptions{Mode: 0o777, AllowExisting: true, AllowShared: true})
				_, archived := b.Archive(t.Context(), v)
				for operation, err := range map[string]error{
					"Make": made, "Archive": archived,
					"Remove": b.Remove(t.Context(), v), "Retain": b.Retain(t.Context(), v),
					"Abandon": b.Abandon(t.Context(), record(t, "pv-1", "a", "db")),
				} {
					if !errors.Is(err, ErrRecordDamaged) {
						t.Errorf("%s with a record for %.99q: %v", operation, p.Text, err)
					}
				}
			}
		}
		b.expectGrown(t, before)
	})
}

// A server that folds case or normalises Unicode shows one record under both
// names. Byte for byte they are two, and the second claim is refused before
// anything is made.
func TestAServerThatTakesTwoNamesForOneGivesNoDirectoryTwice(t *testing.T) {
	for name, other := range map[string]string{"caf\u00e9": "cafe\u0301", "Data": "dATA", "\u212b": "\u00c5", "x/Straße": "x/strasse"} {
		forSomeFileSystems(t, func(t *testing.T, s *Share) {
			first, second := record(t, "pv-1", "a", name), record(t, "pv-2", "b", other)
			mustMake(t, s, first, open777)
			write(t, s, name+"/file", "first's")
			if err := os.Link(filepath.Join(s.Mount, recordPath(first.Directory)), filepath.Join(s.Mount, recordPath(second.Directory))); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{other, other + "/sub"} {
				r := record(t, "pv-2", "b", path)
				_, err := s.Make(t.Context(), r, MakeOptions{Mode: 0o777, AllowExisting: true, AllowShared: true})
				if !errors.Is(err, ErrRecordDamaged) {
					t.Errorf("%q, where %q is another volume's: %v", path, name, err)
				}
				for _, adopted := range []bool{false, true} {
					v := volume(r)
					v.Adopted = adopted
					if err := s.Remove(t.Context(), v); !errors.Is(err, ErrRecordDamaged) {
						t.Errorf("removal of %q, where %q is another volume's: %v", path, name, err)
					}
				}
			}
			expectContent(t, s, name+"/file", "first's")
		})
	}
}

func TestTwoNamesThatDifferInBytesAreTwoDirectories(t *testing.T) {
	names := []string{"caf\u00e9", "cafe\u0301", "data", "Data", "data ", "data.", " data", "data\u200b", "\u212b", "\u00c5", "A\u030a"}
	forSomeFileSystems(t, func(t *testing.T, s *Share) {
		for i, name := range names {
			mustMake(t, s, record(t, fmt.Sprintf("pv-%d", i), fmt.Sprint("c", i), name), open777)
			write(t, s, name+"/file", name)
		}
		for i, name := range names {
			expectContent(t, s, name+"/file", name)
			if err := s.Remove(t.Context(), volume(record(t, fmt.Sprintf("pv-%d", i), fmt.Sprint("c", i), name))); err != nil {
				t.Error(err)
			}
			for _, later := range names[i+1:] {
				expectContent(t, s, later+"/file", later)
			}
		}
	})
}
