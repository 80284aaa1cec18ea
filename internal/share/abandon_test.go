package share

import (
	"testing"
)

func TestAbandonTakesBackWhatMakeMade(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "db")
		mustMake(t, s, r, open777)
		for range 2 {
			if err := s.Abandon(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		expectAbsent(t, s, "db")
		mustMake(t, s, record(t, "pv-2", "b", "db"), open777)
		if err := s.Abandon(t.Context(), r); err != nil {
			t.Error(err)
		}
		_, err := s.Make(t.Context(), record(t, "pv-3", "c", "db"), open777)
		expectError(t, err, ErrOwned)
	})
}

func TestAbandonKeepsADirectoryThatWasThereBefore(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		write(t, s, "old/file", "precious")
		r := record(t, "pv-1", "a", "old")
		mustMake(t, s, r, MakeOptions{Mode: 0o777, AllowExisting: true})
		if err := s.Abandon(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		expectContent(t, s, "old/file", "precious")
		expectAbsent(t, s, recordsFolder+"/old")
	})
}

func TestAbandonReleasesADirectoryThatWasTakenBack(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		mustMake(t, s, record(t, "pv-1", "a", "db"), open777)
		write(t, s, "db/file", "kept")
		if err := s.Retain(t.Context(), volume(record(t, "pv-1", "a", "db"))); err != nil {
			t.Fatal(err)
		}
		second := record(t, "pv-2", "a", "db")
		mustMake(t, s, second, open777)
		if err := s.Abandon(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		_, err := s.Make(t.Context(), record(t, "pv-3", "other", "db"), open777)
		expectError(t, err, ErrOwned)
		mustMake(t, s, record(t, "pv-4", "a", "db"), open777)
		expectContent(t, s, "db/file", "kept")
	})
}

func TestAbandonOfOneSharerKeepsTheOthers(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		first, second := record(t, "pv-1", "a", "common"), record(t, "pv-2", "b", "common")
		for _, r := range []Record{first, second} {
			mustMake(t, s, r, MakeOptions{Mode: 0o777, AllowShared: true})
		}
		write(t, s, "common/file", "second's")
		if err := s.Abandon(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		expectContent(t, s, "common/file", "second's")
		if err := s.Remove(t.Context(), volume(second)); err != nil {
			t.Fatal(err)
		}
		expectAbsent(t, s, "common")
	})
}
