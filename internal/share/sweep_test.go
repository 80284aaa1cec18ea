package share

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestSweepRemovesOnlyItsOwnLeftovers(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		for _, name := range []string{"pv-gone", "pv-there", "pv-full"} {
			r := record(t, name, "a", name)
			mustMake(t, s, r, open777)
			if err := s.Remove(t.Context(), volume(r)); err != nil {
				t.Fatal(err)
			}
		}
		write(t, s, trashFolder+"/pv-full/file", "still being removed")
		if err := os.Rename(filepath.Join(s.Mount, removedOf("pv-full")), filepath.Join(s.Mount, proofOf("pv-full"))); err != nil {
			t.Fatal(err)
		}
		foreign := record(t, "pv-foreign", "a", "foreign")
		foreign.Cluster = "cluster-2"
		mustMake(t, s, foreign, open777)
		if err := s.Remove(t.Context(), volume(foreign)); err != nil {
			t.Fatal(err)
		}
		write(t, s, temporary+"/half", "{")

		s.options.Remember = time.Hour
		if _, err := s.Sweep(t.Context(), "cluster-1", func(string) bool { return true }); err != nil {
			t.Fatal(err)
		}
		expectContent(t, s, temporary+"/half", "{") // somebody may be writing it
		s.options.Remember = 0
		there := func(volume string) bool { return volume == "pv-there" }
		removing, err := s.Sweep(t.Context(), "cluster-1", there)
		if err != nil || !slices.Equal(removing, []string{"pv-full"}) {
			t.Fatalf("removing %v, %v", removing, err)
		}
		ended(t, s, "pv-full")
		expectAbsent(t, s, trashFolder+"/pv-full")
		if removing, err := s.Sweep(t.Context(), "cluster-1", there); err != nil || len(removing) > 0 || len(s.Removals()) > 0 {
			t.Errorf("the second time: removing %v and %v, %v", removing, s.Removals(), err)
		}
		for name, stays := range map[string]bool{
			removedOf("pv-gone"): false, removedOf("pv-there"): true, removedOf("pv-foreign"): true,
			proofOf("pv-full"): false, removedOf("pv-full"): false,
			temporary + "/half": false,
		} {
			if _, err := os.Lstat(filepath.Join(s.Mount, name)); (err == nil) != stays {
				t.Errorf("%s: %v, want it to stay: %v", name, err, stays)
			}
		}
	})
}

// ended waits until the removal of a volume's data is over.
func ended(t *testing.T, s *Share, volume string) {
	t.Helper()
	r, err := s.empty(volume)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.done:
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
