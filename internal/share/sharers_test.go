package share

import (
	"os"
	"path/filepath"
	"testing"
)

var shared = MakeOptions{Mode: 0o777, AllowShared: true}

func TestWhoJoinsADirectoryGetsOne(t *testing.T) {
	s := newShare(t, t.TempDir())
	mustMake(t, s, record(t, "pv-1", "a", "common"), shared)
	if err := os.Remove(filepath.Join(s.Mount, "common")); err != nil { // the founder crashed before mkdir
		t.Fatal(err)
	}
	mustMake(t, s, record(t, "pv-2", "b", "common"), shared)
	if _, err := os.Stat(filepath.Join(s.Mount, "common")); err != nil {
		t.Errorf("Make of the second volume says it is made, but: %v", err)
	}
}

func TestAbandonOfAJoinedVolumeLeaves(t *testing.T) {
	s := newShare(t, t.TempDir())
	first, second := record(t, "pv-1", "a", "common"), record(t, "pv-2", "b", "common")
	mustMake(t, s, first, shared)
	mustMake(t, s, second, shared)
	if err := s.Abandon(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), volume(first)); err != nil {
		t.Fatal(err)
	}
	expectAbsent(t, s, "common")
	expectAbsent(t, s, recordsFolder+"/common")
}

func TestAFounderThatIsRefusedLeavesNoTrace(t *testing.T) {
	s := newShare(t, t.TempDir())
	other := newShare(t, s.Mount)
	s.options.Fence = func() error { // between the look and the step, another one takes the folder above
		mustMake(t, other, record(t, "pv-1", "a", "team"), open777)
		return nil
	}
	_, err := s.Make(t.Context(), record(t, "pv-2", "b", "team/common"), shared)
	expectError(t, err, ErrOwned)
	s.options.Fence = func() error { return nil }
	if err := s.Remove(t.Context(), volume(record(t, "pv-1", "a", "team"))); err != nil {
		t.Fatal(err)
	}
	if err := s.Abandon(t.Context(), record(t, "pv-2", "b", "team/common")); err != nil { // its claim has vanished
		t.Fatal(err)
	}
	third := record(t, "pv-3", "c", "team/common")
	mustMake(t, s, third, shared)
	if err := s.Remove(t.Context(), volume(third)); err != nil {
		t.Fatal(err)
	}
	expectAbsent(t, s, "team/common")
}

func TestOnlyASharerCanBeTheLast(t *testing.T) {
	s := newShare(t, t.TempDir())
	r := record(t, "pv-1", "a", "common")
	mustMake(t, s, r, shared)
	write(t, s, "common/file", "precious")
	if err := os.RemoveAll(filepath.Join(s.Mount, sharersPath(r))); err != nil { // pv-1 left, then crashed
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), volume(record(t, "pv-9", "z", "common"))); err != nil {
		t.Errorf("a volume that shares nothing has nothing to delete: %v", err)
	}
	expectContent(t, s, "common/file", "precious")
}

func TestAFounderThatHasLeftDoesNotComeBackWithTheNextToJoin(t *testing.T) {
	s := newShare(t, t.TempDir())
	founder, second, third := record(t, "pv-1", "a", "common"), record(t, "pv-2", "b", "common"), record(t, "pv-3", "c", "common")
	mustMake(t, s, founder, shared)
	mustMake(t, s, second, shared)
	if err := s.Remove(t.Context(), volume(founder)); err != nil {
		t.Fatal(err)
	}
	mustMake(t, s, third, shared)
	for _, r := range []Record{second, third} {
		if err := s.Remove(t.Context(), volume(r)); err != nil {
			t.Fatal(err)
		}
	}
	expectAbsent(t, s, "common")
	expectAbsent(t, s, recordPath(founder.Directory))
}
