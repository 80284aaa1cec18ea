package share

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReclaimTakesOnlyWhatHoldsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, s *Share, r Record)
		goes    bool
		left    string // a file that has to be there afterwards
	}{
		"empty": {func(t *testing.T, s *Share, r Record) { mustMake(t, s, r, open777) }, true, ""},
		"never made": {func(t *testing.T, s *Share, r Record) {
			mustMake(t, s, r, open777)
			if err := os.Remove(filepath.Join(s.Mount, "team/db")); err != nil {
				t.Fatal(err)
			}
		}, true, ""},
		"with data": {func(t *testing.T, s *Share, r Record) {
			mustMake(t, s, r, open777)
			write(t, s, "team/db/file", "precious")
		}, false, "team/db/file"},
		"there before": {func(t *testing.T, s *Share, r Record) {
			write(t, s, "team/db/file", "precious")
			mustMake(t, s, r, MakeOptions{AllowExisting: true})
		}, true, "team/db/file"},
		"released": {func(t *testing.T, s *Share, r Record) {
			mustMake(t, s, r, open777)
			if err := s.Retain(t.Context(), volume(r)); err != nil {
				t.Fatal(err)
			}
		}, false, ""},
		"another volume's": {func(t *testing.T, s *Share, r Record) {
			r.Volume = "pv-2"
			mustMake(t, s, r, open777)
		}, false, ""},
		"no record": {func(t *testing.T, s *Share, _ Record) { write(t, s, "team/db/file", "precious") }, false, "team/db/file"},
	} {
		t.Run(name, func(t *testing.T) {
			forEachFileSystem(t, func(t *testing.T, s *Share) {
				r := record(t, "pv-1", "a", "team/db")
				c.prepare(t, s, r)
				before := listing(t, s)
				reclaimed, err := s.Reclaim(t.Context(), r, "pv-1")
				if err != nil || reclaimed != c.goes {
					t.Errorf("reclaimed: %v, %v; want %v", reclaimed, err, c.goes)
				}
				if c.left != "" {
					expectContent(t, s, c.left, "precious")
				}
				if !c.goes && listing(t, s) != before {
					t.Errorf("the share changed from\n%s\nto\n%s", before, listing(t, s))
				}
				if c.goes {
					expectAbsent(t, s, recordPath(r.Directory))
				}
			})
		})
	}
}

func TestReclaimOfOneWhoSharesLeavesTheOthers(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		first, second := record(t, "pv-1", "a", "common"), record(t, "pv-2", "b", "common")
		var made Record
		for _, r := range []Record{first, second} {
			made = mustMake(t, s, r, MakeOptions{Mode: 0o777, AllowShared: true})
		}
		write(t, s, "common/file", "precious")
		if reclaimed, err := s.Reclaim(t.Context(), made, "pv-1"); err != nil || !reclaimed {
			t.Errorf("the first: %v, %v", reclaimed, err)
		}
		if reclaimed, err := s.Reclaim(t.Context(), made, "pv-2"); err != nil || reclaimed {
			t.Errorf("the last, with data: %v, %v", reclaimed, err)
		}
		expectContent(t, s, "common/file", "precious")
		if err := s.Remove(t.Context(), volume(second)); err != nil {
			t.Error(err)
		}
		expectAbsent(t, s, "common")
	})
}
