package share

import (
	"os"
	"path/filepath"
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
		foreign := record(t, "pv-foreign", "a", "foreign")
		foreign.Cluster = "cluster-2"
		mustMake(t, s, foreign, open777)
		if err := s.Remove(t.Context(), volume(foreign)); err != nil {
			t.Fatal(err)
		}
		write(t, s, temporary+"/old", "{")
		write(t, s, temporary+"/new", "{")
		yesterday := time.Now().Add(-24 * time.Hour)
		if err := os.Chtimes(filepath.Join(s.Mount, temporary, "old"), yesterday, yesterday); err != nil {
			t.Fatal(err)
		}

		err := s.Sweep(t.Context(), "cluster-1", func(volume string) bool { return volume == "pv-there" })
		if err != nil {
			t.Fatal(err)
		}
		for name, stays := range map[string]bool{
			trashFolder + "/pv-gone.record": false, trashFolder + "/pv-there.record": true,
			trashFolder + "/pv-full.record": true, trashFolder + "/pv-full/file": true,
			trashFolder + "/pv-foreign.record": true, temporary + "/old": false, temporary + "/new": true,
		} {
			if _, err := os.Lstat(filepath.Join(s.Mount, name)); (err == nil) != stays {
				t.Errorf("%s: %v, want it to stay: %v", name, err, stays)
			}
		}
	})
}
