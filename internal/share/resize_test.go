package share

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func resize(t *testing.T, s *Share, r Record, capacity string) error {
	t.Helper()
	return s.Resize(t.Context(), r.Volume, r.Cluster, r.Directory, capacity)
}

func TestTheRecordFollowsTheSizeAndNothingElseOfItChanges(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		made := mustMake(t, s, record(t, "pv-1", "a", "team/db"), open777)
		write(t, s, "team/db/file", "data")
		for _, capacity := range []string{"10Gi", "1Ti", "1Ti", "1500Gi"} {
			if err := resize(t, s, made, capacity); err != nil {
				t.Fatal(err)
			}
			want := made
			want.Capacity = capacity
			found, err := s.Find(t.Context(), made.Directory)
			want.Version, want.Changed = found.Record.Version, found.Record.Changed
			if err != nil || found.Record != want {
				t.Errorf("%v: %+v, want %+v", err, found.Record, want)
			}
		}
		expectContent(t, s, "team/db/file", "data")
		if err := s.Remove(t.Context(), volume(made)); err != nil {
			t.Error(err)
		}
		expectAbsent(t, s, "team/db")
	})
}

func TestResizeLeavesAloneWhatIsNotTheVolumes(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		mine := record(t, "pv-1", "a", "db")
		shared := mustMake(t, s, record(t, "pv-2", "b", "both"), MakeOptions{Mode: 0o777, AllowShared: true})
		second := record(t, "pv-3", "c", "both")
		mustMake(t, s, second, MakeOptions{Mode: 0o777, AllowShared: true})
		released := mustMake(t, s, record(t, "pv-4", "d", "kept"), open777)
		if err := s.Retain(t.Context(), volume(released)); err != nil {
			t.Fatal(err)
		}
		foreign := record(t, "pv-1", "a", "foreign")
		foreign.Cluster = "cluster-2"
		mustMake(t, s, foreign, open777)
		damaged := mustMake(t, s, record(t, "pv-5", "e", "damaged"), open777)
		if err := os.WriteFile(filepath.Join(s.Mount, recordPath(damaged.Directory)), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		write(t, s, "adopted/file", "data")
		before := picture(t, s)

		adopted, theirs := mine, mine
		adopted.Directory, theirs.Directory = directory(t, "adopted"), directory(t, "foreign")
		for name, c := range map[string]struct {
			of   Record
			want error
		}{
			"no directory":        {mine, nil},
			"adopted":             {adopted, nil},
			"shared with another": {second, nil},
			"another cluster's":   {theirs, ErrOwned},
			"released":            {released, ErrOwned},
			"damaged":             {damaged, ErrRecordDamaged},
		} {
			if err := resize(t, s, c.of, "10Gi"); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if after := picture(t, s); after != before {
			t.Errorf("before\n%s\nafter\n%s", before, after)
		}
		if err := resize(t, s, shared, "10Gi"); err != nil {
			t.Error(err)
		}
		if found, err := s.Find(t.Context(), shared.Directory); err != nil || found.Record.Capacity != "10Gi" {
			t.Errorf("%+v, %v", found.Record, err)
		}
	})
}

func TestARecordThatACrashCutWhileItWasResizedIsTheOneBefore(t *testing.T) {
	s := newShare(t, t.TempDir())
	made := mustMake(t, s, record(t, "pv-1", "a", "db"), open777)
	place := filepath.Join(s.Mount, recordPath(made.Directory))
	before, err := os.ReadFile(place)
	if err == nil {
		err = resize(t, s, made, "10Gi")
	}
	after, readErr := os.ReadFile(place)
	if err := errors.Join(err, readErr); err != nil {
		t.Fatal(err)
	}
	for cut := len(before); cut < len(after); cut++ {
		if err := os.WriteFile(place, after[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := s.Find(t.Context(), made.Directory)
		whole := cut == len(after)-1 // only the end of the line is missing
		if err != nil || found.Damaged != nil || found.Record.Capacity == "1Gi" == whole {
			t.Errorf("cut at %d of %d: %+v, %v", cut, len(after), found, err)
		}
		if err := resize(t, s, made, "20Gi"); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Find(t.Context(), made.Directory); err != nil || found.Record.Capacity != "20Gi" {
			t.Errorf("resized again: %+v, %v", found, err)
		}
	}
}

func TestOnlyTheLeaderResizes(t *testing.T) {
	s := newShare(t, t.TempDir())
	made := mustMake(t, s, record(t, "pv-1", "a", "db"), open777)
	lost := errors.New("lost")
	s.options.Fence = func() error { return lost }
	expectError(t, resize(t, s, made, "10Gi"), lost)
	s.options.Fence = func() error { return nil }
	if found, err := s.Find(t.Context(), made.Directory); err != nil || found.Record.Capacity != "1Gi" {
		t.Errorf("%+v, %v", found.Record, err)
	}
}
