package share

import (
	"testing"
	"time"
)

// archived makes a volume with a file and archives it, and returns the record
// of the archive with another age and retention.
func archived(t *testing.T, s *Share, name string, age, retention time.Duration) Record {
	t.Helper()
	r := record(t, name, name, "team/"+name)
	mustMake(t, s, r, open777)
	write(t, s, "team/"+name+"/file", name)
	v := volume(r)
	v.ArchiveRetention = retention
	place, err := s.Archive(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Find(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	if time.Duration(e.Record.Retention) != retention || e.Record.State != Archived {
		t.Fatalf("the archive's record is %+v", e.Record)
	}
	aged := e.Record
	aged.Changed = now().Add(-age)
	if _, err := do(t.Context(), s, "age", nil, func(t *tree) (struct{}, error) { return struct{}{}, replaceRecord(t, aged) }); err != nil {
		t.Fatal(err)
	}
	return aged
}

func TestAnArchiveIsRemovedWhenItIsOlderThanItWasToBeKept(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		age, retention time.Duration
		goes           bool
	}{
		"old":             {31 * day, 30 * day, true},
		"young":           {29 * day, 30 * day, false},
		"kept for ever":   {3650 * day, 0, false},
		"from the future": {-day, time.Second, false},
		"negative":        {day, -time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			forEachFileSystem(t, func(t *testing.T, s *Share) {
				r, neighbour := archived(t, s, "pv-1", c.age, c.retention), archived(t, s, "pv-2", day, 30*day)
				expired, err := s.Expire(t.Context(), r)
				if err != nil || expired != c.goes || r.Expired(time.Now()) != c.goes {
					t.Errorf("expired: %v, %v, %v; want %v", expired, r.Expired(time.Now()), err, c.goes)
				}
				if c.goes {
					ended(t, s, "pv-1")
					expectAbsent(t, s, r.Directory.path)
					expectAbsent(t, s, recordPath(r.Directory))
					expectAbsent(t, s, trashFolder+"/pv-1")
				} else {
					expectContent(t, s, r.Directory.path+"/file", "pv-1")
				}
				expectContent(t, s, neighbour.Directory.path+"/file", "pv-2")
			})
		})
	}
}

func TestOnlyAnArchiveOfTheVolumeExpires(t *testing.T) {
	s := newShare(t, t.TempDir())
	r := archived(t, s, "pv-1", time.Hour, time.Minute)
	live := record(t, "pv-2", "b", "live")
	mustMake(t, s, live, open777)
	write(t, s, "live/file", "precious")
	forged := r
	forged.Directory = live.Directory
	other := r
	other.Cluster = "cluster-2"
	gone := r
	gone.Directory = directory(t, "archived-nowhere")
	for name, asked := range map[string]Record{"a live volume's": forged, "another cluster's": other, "none": gone} {
		if expired, err := s.Expire(t.Context(), asked); expired || err != nil {
			t.Errorf("%s: %v, %v", name, expired, err)
		}
	}
	expectContent(t, s, "live/file", "precious")
	expectContent(t, s, r.Directory.path+"/file", "pv-1")
}

// What is asked for is the record as it was when somebody looked; what counts
// is the record as it is.
func TestAnArchiveWhoseRecordHasChangedSinceIsLookedAtAgain(t *testing.T) {
	s := newShare(t, t.TempDir())
	seen := archived(t, s, "pv-1", time.Hour, time.Minute)
	longer := seen
	longer.Retention = Age(24 * time.Hour)
	if _, err := do(t.Context(), s, "change", nil, func(t *tree) (struct{}, error) { return struct{}{}, replaceRecord(t, longer) }); err != nil {
		t.Fatal(err)
	}
	if expired, err := s.Expire(t.Context(), seen); expired || err != nil {
		t.Errorf("expired: %v, %v", expired, err)
	}
	expectContent(t, s, seen.Directory.path+"/file", "pv-1")
}

func TestExpireSurvivesACrashAtAnyStep(t *testing.T) {
	for passes := range 8 {
		s := newShare(t, t.TempDir())
		r := archived(t, s, "pv-1", time.Hour, time.Minute)
		asked := 0
		s.options.Fence = func() error {
			if asked++; asked > passes {
				return errFenced
			}
			return nil
		}
		_, _ = s.Expire(t.Context(), r) // as far as it comes
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		next := newShare(t, s.Mount)
		if _, err := next.Expire(t.Context(), r); err != nil {
			t.Errorf("after %d steps: %v", passes, err)
		}
		nobody := func(string) bool { return false }
		for range 2 {
			if removing, err := next.Sweep(t.Context(), r.Cluster, nobody); err != nil {
				t.Errorf("after %d steps: %v", passes, err)
			} else if len(removing) > 0 {
				ended(t, next, "pv-1")
			}
		}
		expectAbsent(t, next, r.Directory.path)
		expectAbsent(t, next, trashFolder+"/pv-1")
		expectAbsent(t, next, proofOf("pv-1"))
		expectAbsent(t, next, recordPath(r.Directory))
	}
}
