package share

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// walked shows what Walk shows, an entry a line.
func walked(t *testing.T, s *Share, passages ...string) []string {
	t.Helper()
	var lines []string
	err := s.Walk(t.Context(), func(d string) bool { return slices.Contains(passages, d) }, func(e Entry) error {
		line := e.Directory
		for word, said := range map[string]bool{" exists": e.Exists, " trashed": e.Trashed, " damaged": e.Damaged != nil} {
			if said {
				line += word
			}
		}
		line = strings.Join(slices.Sorted(slices.Values(strings.Fields(line)[1:])), " ")
		line = strings.TrimSpace(e.Directory + " " + line)
		if e.Record.Volume != "" {
			line += " " + e.Record.Volume + " " + string(e.Record.State)
		}
		for _, sharer := range e.Sharers {
			line += " " + sharer.Volume + "/" + sharer.Claim.Name
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

func TestWalkShowsEverythingThatIsOrWasAVolumes(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		mustMake(t, s, record(t, "pv-1", "a", "top"), open777)
		write(t, s, "top/inside/file", "x")
		mustMake(t, s, record(t, "pv-2", "b", "team/db"), open777)
		for _, name := range []string{"pv-3", "pv-4"} {
			mustMake(t, s, record(t, name, "of-"+name, "common"), MakeOptions{Mode: 0o777, AllowShared: true})
		}
		mustMake(t, s, record(t, "pv-lost", "lost", "lost"), open777)
		if err := os.Remove(filepath.Join(s.Mount, "lost")); err != nil {
			t.Fatal(err)
		}
		kept := record(t, "pv-kept", "kept", "kept")
		mustMake(t, s, kept, open777)
		if err := s.Retain(t.Context(), volume(kept)); err != nil {
			t.Fatal(err)
		}
		old := record(t, "pv-old", "old", "team/old")
		mustMake(t, s, old, open777)
		if _, err := s.Archive(t.Context(), volume(old)); err != nil {
			t.Fatal(err)
		}
		gone := record(t, "pv-gone", "gone", "gone")
		mustMake(t, s, gone, open777)
		if err := s.Remove(t.Context(), volume(gone)); err != nil {
			t.Fatal(err)
		}
		write(t, s, trashFolder+"/pv-gone/file", "x")
		if err := os.Rename(filepath.Join(s.Mount, removedOf("pv-gone")), filepath.Join(s.Mount, proofOf("pv-gone"))); err != nil {
			t.Fatal(err)
		}
		back := record(t, "pv-back", "back", "back")
		mustMake(t, s, back, open777)
		if err := s.Remove(t.Context(), volume(back)); err != nil {
			t.Fatal(err)
		}
		write(t, s, trashFolder+"/pv-back/file", "another's")
		write(t, s, trashFolder+"/nobodys/file", "x")
		write(t, s, "foreign/a/b", "x")
		write(t, s, "team/foreign/file", "x")
		write(t, s, "adopted/inside/file", "x")
		write(t, s, "loose", "a file is no directory")
		write(t, s, recordsFolder+"/broken", "{")
		before := listing(t, s)
		want := []string{
			".nfs-provisioner/trash/nobodys exists trashed",
			".nfs-provisioner/trash/pv-back damaged exists trashed",
			".nfs-provisioner/trash/pv-gone exists trashed pv-gone active",
			"adopted/inside exists",
			"archived-team/old-pv-old exists pv-old archived",
			"broken damaged",
			"common exists pv-3 active pv-3/of-pv-3 pv-4/of-pv-4",
			"foreign exists",
			"kept exists pv-kept released",
			"lost pv-lost active",
			"team/db exists pv-2 active",
			"team/foreign exists",
			"top exists pv-1 active",
		}
		if got := walked(t, s, "adopted"); !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if after := listing(t, s); after != before {
			t.Errorf("the walk changed the share from\n%s\nto\n%s", before, after)
		}
	})
}

func TestWalkReadsManyRecords(t *testing.T) {
	s := newShare(t, t.TempDir())
	for i := range 2*recordsAtOnce + 1 {
		mustMake(t, s, record(t, fmt.Sprintf("pv-%d", i), "a", fmt.Sprintf("team/%d", i)), open777)
	}
	if got := walked(t, s); len(got) != 2*recordsAtOnce+1 {
		t.Errorf("%d entries: %v", len(got), got)
	}
}

func TestWalkOfAnEmptyShareShowsNothing(t *testing.T) {
	if got := walked(t, newShare(t, t.TempDir())); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}

func TestFindTellsOfExactlyOneDirectory(t *testing.T) {
	s := newShare(t, t.TempDir())
	r := record(t, "pv-1", "a", "team/db")
	mustMake(t, s, r, open777)
	for path, want := range map[string]struct {
		exists bool
		volume string
	}{"team/db": {true, "pv-1"}, "team": {true, ""}, "team/db/inside": {false, ""}, "nowhere": {false, ""}} {
		e, err := s.Find(t.Context(), directory(t, path))
		if err != nil || e.Exists != want.exists || e.Record.Volume != want.volume {
			t.Errorf("%s: %+v, %v", path, e, err)
		}
	}
}
