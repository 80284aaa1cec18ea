package share

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A walk is an operation and the states in which a process that died in the
// middle of it can have left the share.
type walk struct {
	before func(*stage)            // what was there before the operation
	states map[string]func(*stage) // each is made by hand, as the code leaves it
	again  func(*stage) error      // the operation
}

// stage is a share on which a crash is played.
type stage struct {
	*testing.T
	*Share
	root *os.Root
	tree *tree
}

func (g *stage) must(err error) {
	g.Helper()
	if err != nil {
		g.Fatal(err)
	}
}

func (g *stage) moved(from, to string) {
	g.Helper()
	g.must(g.root.MkdirAll(filepath.Dir(to), 0o700))
	g.must(g.root.Rename(from, to))
}

// survives runs the operation undisturbed on one share, and on another one
// after each of the states; all must end the same, neighbours included.
func survives(t *testing.T, w walk) {
	t.Helper()
	end := func(t *testing.T, state func(*stage)) string {
		s := newShare(t, t.TempDir())
		root, err := os.OpenRoot(s.Mount)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = root.Close() })
		mount, err := openMount(s.Mount)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = mount.close() })
		g := &stage{t, s, root, &tree{mount, func() error { return nil }}}
		mustMake(t, s, record(t, "pv-n", "n", "team/neighbour"), open777)
		write(t, s, "team/neighbour/file", "neighbour's")
		write(t, s, "team/loose", "nobody's")
		if w.before != nil {
			w.before(g)
		}
		if state != nil {
			state(g)
		}
		for try := range 2 {
			if err := w.again(g); err != nil {
				t.Fatalf("try %d after the crash: %v", try+1, err)
			}
		}
		return picture(t, s)
	}
	undisturbed := end(t, nil)
	for name, state := range w.states {
		t.Run(name, func(t *testing.T) {
			if got := end(t, state); got != undisturbed {
				t.Errorf("the share ends with\n%s\nwhere without a crash it ends with\n%s", without(got, undisturbed), without(undisturbed, got))
			}
		})
	}
}

// without are the lines of a picture that another one does not have.
func without(picture, other string) string {
	known := strings.Split(other, "\n")
	return strings.Join(slices.DeleteFunc(strings.Split(picture, "\n"), func(line string) bool { return slices.Contains(known, line) }), "\n")
}

var changed = regexp.MustCompile(`"changed":"[^"]*"|"copy":"[^"]*"`)

// picture is everything on the share that matters: names, modes, content, but
// neither times nor records that are being written nor empty folders of ours.
func picture(t *testing.T, s *Share) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(s.Mount, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, s.Mount)
		if strings.HasPrefix(name, "/"+temporary+"/") {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s %v", name, info.Mode())
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if strings.HasPrefix(name, "/"+metadata) { // of a record the last line counts
				lines := strings.Split(strings.TrimSpace(string(content)), "\n")
				content = []byte(changed.ReplaceAllString(lines[len(lines)-1], ""))
			}
			line += " " + string(content)
		case strings.HasPrefix(name, "/"+metadata):
			return nil
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestMakeSurvivesACrashAtAnyStep(t *testing.T) {
	r := record(t, "pv-1", "a", "new/db")
	r.State = Active
	written := func(g *stage) { _, err := writeRecord(g.tree, r); g.must(err) }
	linked := func(g *stage) { written(g); g.must(createRecord(g.tree, r)) }
	survives(t, walk{
		states: map[string]func(*stage){
			"record written":    written,
			"record in place":   linked,
			"folder above made": func(g *stage) { linked(g); g.must(g.root.Mkdir("new", parentMode)) },
			"directory made":    func(g *stage) { linked(g); g.must(g.root.MkdirAll("new/db", parentMode)) },
			"directory made, bare": func(g *stage) {
				linked(g)
				g.must(g.root.Mkdir("new", parentMode))
				g.must(g.root.Mkdir("new/db", 0o700))
			},
			"finished, not told": func(g *stage) { mustMake(g.T, g.Share, r, open777) },
		},
		again: func(g *stage) error { _, err := g.Make(g.Context(), r, open777); return err },
	})
}

func TestMakeOfASharedDirectorySurvivesACrashAtAnyStep(t *testing.T) {
	r := record(t, "pv-1", "a", "common")
	r.State = Active
	r.share()
	sharing := MakeOptions{Mode: 0o777, AllowShared: true}
	founded := func(g *stage) { g.must(join(g.tree, r, sharer(r))) }
	survives(t, walk{
		states: map[string]func(*stage){
			"folder of sharers made": func(g *stage) { g.must(g.root.MkdirAll(sharersPath(r), 0o700)) },
			"first sharer in it":     founded,
			"record in place":        func(g *stage) { founded(g); g.must(createRecord(g.tree, r)) },
		},
		again: func(g *stage) error { _, err := g.Make(g.Context(), r, sharing); return err },
	})
}

func TestTakingADirectoryBackSurvivesACrashAtAnyStep(t *testing.T) {
	old, next := record(t, "pv-1", "a", "db"), record(t, "pv-2", "a", "db")
	survives(t, walk{
		before: func(g *stage) {
			mustMake(g.T, g.Share, old, open777)
			write(g.T, g.Share, "db/file", "kept")
			g.must(g.Retain(g.Context(), volume(old)))
		},
		states: map[string]func(*stage){
			"record written":  func(g *stage) { _, err := writeRecord(g.tree, next); g.must(err) },
			"record in place": func(g *stage) { mustMake(g.T, g.Share, next, open777) },
		},
		again: func(g *stage) error { _, err := g.Make(g.Context(), next, open777); return err },
	})
}

func TestRemoveSurvivesACrashAtAnyStep(t *testing.T) {
	r := record(t, "pv-1", "a", "team/db")
	bin, proof := trashFolder+"/pv-1", trashFolder+"/pv-1_record"
	aside := func(g *stage) { g.moved("team/db", bin) }
	proven := func(g *stage) { aside(g); g.moved(recordPath(r.Directory), proof) }
	survives(t, walk{
		before: func(g *stage) {
			mustMake(g.T, g.Share, r, open777)
			write(g.T, g.Share, "team/db/a/file", "x")
			write(g.T, g.Share, "team/db/b/file", "x")
		},
		states: map[string]func(*stage){
			"trash made":          func(g *stage) { g.must(g.root.MkdirAll(trashFolder, 0o700)) },
			"directory in trash":  aside,
			"record in trash":     proven,
			"trash half empty":    func(g *stage) { proven(g); g.must(g.root.RemoveAll(bin + "/a")) },
			"trash empty":         func(g *stage) { proven(g); g.must(g.root.RemoveAll(bin)) },
			"removed by somebody": func(g *stage) { g.must(g.root.RemoveAll("team/db")) },
		},
		again: func(g *stage) error { return g.Remove(g.Context(), volume(r)) },
	})
}

func TestRemoveOfTheLastSharerSurvivesACrashAtAnyStep(t *testing.T) {
	first, last := record(t, "pv-1", "a", "common"), record(t, "pv-2", "b", "common")
	first.share()
	alone := func(g *stage) {
		owner, err := readRecord(g.tree, last.Directory)
		g.must(err)
		changed := owner
		changed.Volume, changed.Shared = last.Volume, false
		g.must(changeRecord(g.tree, owner, changed))
	}
	left := func(g *stage) { alone(g); g.must(g.root.RemoveAll(sharersPath(first))) }
	survives(t, walk{
		before: func(g *stage) {
			for _, r := range []Record{first, last} {
				mustMake(g.T, g.Share, r, MakeOptions{Mode: 0o777, AllowShared: true})
			}
			write(g.T, g.Share, "common/file", "x")
			g.must(g.Remove(g.Context(), volume(first)))
		},
		states: map[string]func(*stage){
			"record of the last": alone,
			"sharer gone": func(g *stage) {
				alone(g)
				g.must(g.root.Remove(sharersPath(first) + "/pv-2"))
			},
			"folder of sharers gone": left,
			"directory in trash":     func(g *stage) { left(g); g.moved("common", trashFolder+"/pv-2") },
		},
		again: func(g *stage) error { return g.Remove(g.Context(), volume(last)) },
	})
}

func TestArchiveSurvivesACrashAtAnyStep(t *testing.T) {
	for _, path := range []string{"db", "team/db"} {
		r := record(t, "pv-1", "a", path)
		place := archivePlace(r.Directory, "pv-1", 0)
		promised := func(g *stage) {
			owner, err := readRecord(g.tree, r.Directory)
			g.must(err)
			owner.Directory, owner.Origin, owner.State = place, path, Archived
			g.must(createRecord(g.tree, owner))
		}
		moved := func(g *stage) {
			promised(g)
			g.must(g.root.MkdirAll(place.parent(), parentMode))
			g.must(g.root.Rename(path, place.path))
		}
		survives(t, walk{
			before: func(g *stage) {
				mustMake(g.T, g.Share, r, open777)
				write(g.T, g.Share, path+"/file", "kept")
			},
			states: map[string]func(*stage){
				"record of the archive in place": promised,
				"directory moved":                moved,
				"old record gone":                func(g *stage) { moved(g); g.must(removeRecord(g.tree, r)) },
			},
			again: func(g *stage) error { _, err := g.Archive(g.Context(), volume(r)); return err },
		})
	}
}

// adopted is a volume of nfs-subdir-external-provisioner, and the record that
// it gets when it is deleted.
func adopted(t *testing.T) (Volume, func(*stage)) {
	v := volume(record(t, "pv-1", "a", "default-a-pv-1"))
	v.Adopted = true
	return v, func(g *stage) {
		_, owned, err := g.prove(g.tree, v)
		g.must(err)
		if !owned {
			g.Fatal("the adopted volume has no record")
		}
	}
}

func TestArchiveOfAnAdoptedVolumeSurvivesACrashAtAnyStep(t *testing.T) {
	v, recorded := adopted(t)
	place := archivePlace(v.Directory, "pv-1", 0)
	promised := func(g *stage) {
		recorded(g)
		owner, err := readRecord(g.tree, v.Directory)
		g.must(err)
		owner.Directory, owner.Origin, owner.State = place, v.Directory.path, Archived
		g.must(createRecord(g.tree, owner))
	}
	survives(t, walk{
		before: func(g *stage) { write(g.T, g.Share, "default-a-pv-1/file", "kept") },
		states: map[string]func(*stage){
			"record made":                    recorded,
			"record of the archive in place": promised,
			"directory moved":                func(g *stage) { promised(g); g.must(g.root.Rename(v.Directory.path, place.path)) },
		},
		again: func(g *stage) error { _, err := g.Archive(g.Context(), v); return err },
	})
}

func TestRemoveOfAnAdoptedVolumeSurvivesACrashAtAnyStep(t *testing.T) {
	v, recorded := adopted(t)
	survives(t, walk{
		before: func(g *stage) { write(g.T, g.Share, "default-a-pv-1/file", "x") },
		states: map[string]func(*stage){
			"record made":        recorded,
			"directory in trash": func(g *stage) { recorded(g); g.moved(v.Directory.path, binOf("pv-1")) },
		},
		again: func(g *stage) error { return g.Remove(g.Context(), v) },
	})
}

func TestRetainSurvivesACrashAtAnyStep(t *testing.T) {
	r := record(t, "pv-1", "a", "team/db")
	survives(t, walk{
		before: func(g *stage) {
			mustMake(g.T, g.Share, r, open777)
			write(g.T, g.Share, "team/db/file", "kept")
		},
		states: map[string]func(*stage){
			"record written":  func(g *stage) { _, err := writeRecord(g.tree, r); g.must(err) },
			"record in place": func(g *stage) { g.must(g.Retain(g.Context(), volume(r))) },
		},
		again: func(g *stage) error { return g.Retain(g.Context(), volume(r)) },
	})
}

func TestAbandonSurvivesACrashAtAnyStep(t *testing.T) {
	r := record(t, "pv-1", "a", "team/db")
	survives(t, walk{
		before: func(g *stage) { mustMake(g.T, g.Share, r, open777) },
		states: map[string]func(*stage){
			"directory gone": func(g *stage) { g.must(g.root.Remove("team/db")) },
			"record gone":    func(g *stage) { g.must(g.root.Remove("team/db")); g.must(removeRecord(g.tree, r)) },
		},
		again: func(g *stage) error { return g.Abandon(g.Context(), r) },
	})
}

func TestAbandonOfASharedDirectorySurvivesACrashAtAnyStep(t *testing.T) {
	r := record(t, "pv-1", "a", "common")
	left := func(g *stage) { g.must(g.root.RemoveAll(sharersPath(r))) }
	survives(t, walk{
		before: func(g *stage) { mustMake(g.T, g.Share, r, MakeOptions{Mode: 0o777, AllowShared: true}) },
		states: map[string]func(*stage){
			"sharer gone":    left,
			"directory gone": func(g *stage) { left(g); g.must(g.root.Remove("common")) },
		},
		again: func(g *stage) error { return g.Abandon(g.Context(), r) },
	})
}

// TestWhoeverIsFencedLeavesWorkThatTheNextFinishes lets the lease be lost at
// each point where an operation asks for it.
func TestWhoeverIsFencedLeavesWorkThatTheNextFinishes(t *testing.T) {
	r := record(t, "pv-1", "a", "team/db")
	made := func(g *stage) {
		mustMake(g.T, g.Share, r, open777)
		write(g.T, g.Share, "team/db/file", "x")
	}
	for name, w := range map[string]walk{
		"Make":    {again: func(g *stage) error { _, err := g.Make(g.Context(), r, open777); return err }},
		"Remove":  {before: made, again: func(g *stage) error { return g.Remove(g.Context(), volume(r)) }},
		"Archive": {before: made, again: func(g *stage) error { _, err := g.Archive(g.Context(), volume(r)); return err }},
		"Retain":  {before: made, again: func(g *stage) error { return g.Retain(g.Context(), volume(r)) }},
		"Abandon": {
			before: func(g *stage) { mustMake(g.T, g.Share, r, open777) },
			again:  func(g *stage) error { return g.Abandon(g.Context(), r) },
		},
	} {
		w.states = map[string]func(*stage){}
		for passes := range 12 {
			w.states[fmt.Sprintf("asked %d times", passes)] = func(g *stage) {
				asked := 0
				g.options.Fence = func() error {
					if asked++; asked > passes {
						return errFenced
					}
					return nil
				}
				if err := w.again(g); err != nil && !errors.Is(err, errFenced) {
					g.Fatal(err)
				}
				g.options.Fence = func() error { return nil }
			}
		}
		t.Run(name, func(t *testing.T) { survives(t, w) })
	}
}

func TestMakeOfASharedDirectoryDressesWhatACrashLeftBare(t *testing.T) {
	r := record(t, "pv-1", "a", "common")
	r.State = Active
	r.share()
	survives(t, walk{
		states: map[string]func(*stage){
			"directory made, bare": func(g *stage) {
				g.must(join(g.tree, r, sharer(r)))
				g.must(createRecord(g.tree, r))
				g.must(g.root.Mkdir("common", 0o700))
			},
		},
		again: func(g *stage) error {
			_, err := g.Make(g.Context(), r, MakeOptions{Mode: 0o777, AllowShared: true})
			return err
		},
	})
}
