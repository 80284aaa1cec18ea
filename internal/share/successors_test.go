package share

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lost lets the fence pass a number of steps and none after them, which leaves
// the share as a death at that point does.
func lost(s *Share, passes int) (reached func() bool) {
	asked := 0
	s.options.Fence = func() error {
		if asked++; asked > passes {
			return errFenced
		}
		return nil
	}
	return func() bool { return asked > passes }
}

// eachDeath does a deed on a share of its own for each step at which it can
// die, and then lets a process that knows nothing of it go on.
func eachDeath(t *testing.T, s *Share, d deed, then func(t *testing.T, s *Share)) {
	t.Helper()
	for step := 0; ; step++ {
		mount, err := os.MkdirTemp(s.Mount, "death-")
		must(t, err)
		dying := prepared(t, mount, d)
		reached := lost(dying, step)
		if err := d.do(t, dying); err != nil && !errors.Is(err, errFenced) {
			t.Errorf("after %d steps: %v", step, err)
		}
		must(t, dying.Close(t.Context()))
		then(t, newShare(t, mount))
		if !reached() {
			return
		}
		if t.Failed() {
			t.Fatalf("died after %d steps", step)
		}
	}
}

// refusal says whether an error is one by which the share protects what is in
// a directory's place.
func refusal(err error) bool { return errors.Is(err, ErrOwned) || errors.Is(err, ErrExists) }

func TestWhatADeadMakeBeganIsTakenBackForAClaimThatVanished(t *testing.T) {
	forSomeFileSystems(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "team/db")
		for name, o := range map[string]MakeOptions{"plain": open777, "existing allowed": {Mode: 0o700, AllowExisting: true}} {
			t.Run(name, func(t *testing.T) {
				make := func(t *testing.T, s *Share) error { _, err := s.Make(t.Context(), r, o); return err }
				eachDeath(t, s, deed{nil, make}, func(t *testing.T, s *Share) {
					for range 2 {
						must(t, s.Abandon(t.Context(), r))
					}
					expectAbsent(t, s, "team/db")
					expectAbsent(t, s, recordPath(r.Directory))
					mustMake(t, s, record(t, "pv-2", "b", "team/db"), open777)
					expectContent(t, s, "team/neighbour/file", "neighbour's")
				})
			})
		}
	})
}

// The path of a volume may go to another one while nobody knows how far the
// deletion of the first has come.
func TestWhoeverGetsThePathOfADyingVolumeKeepsHisData(t *testing.T) {
	r := record(t, "pv-1", "a", "team/db")
	ends := map[string]func(*testing.T, *Share) error{
		"remove":  func(t *testing.T, s *Share) error { return removed(t, s, r) },
		"archive": func(t *testing.T, s *Share) error { _, err := s.Archive(t.Context(), volume(r)); return err },
		"retain":  func(t *testing.T, s *Share) error { return s.Retain(t.Context(), volume(r)) },
	}
	comers := map[string]Record{
		"a stranger":     record(t, "pv-2", "b", "team/db"),
		"the same claim": record(t, "pv-2", "a", "team/db"),
		"one above":      record(t, "pv-2", "b", "team"),
		"one below":      record(t, "pv-2", "b", "team/db/sub"),
	}
	forSomeFileSystems(t, func(t *testing.T, s *Share) {
		for name, end := range ends {
			for who, comer := range comers {
				t.Run(name+", "+who, func(t *testing.T) {
					before := func(t *testing.T, s *Share) {
						mustMake(t, s, r, open777)
						write(t, s, "team/db/old", "old")
					}
					eachDeath(t, s, deed{before, end}, func(t *testing.T, s *Share) {
						_, err := s.Make(t.Context(), comer, open777)
						if err != nil && !refusal(err) {
							t.Fatal(err)
						}
						came := err == nil
						if came {
							write(t, s, comer.Directory.path+"/new", "new")
						}
						for range 2 {
							if err := end(t, s); err != nil && (!came || !refusal(err)) {
								t.Error(err)
							}
						}
						if came {
							expectContent(t, s, comer.Directory.path+"/new", "new")
							on, err := s.open()
							must(t, err)
							if owner, err := readRecord(on, comer.Directory); err != nil || owner.Volume != comer.Volume || owner.State != Active {
								t.Errorf("the directory of %s belongs to %s, %s (%v)", comer.Volume, owner.Volume, owner.State, err)
							}
						}
						if name != "remove" && !somewhere(t, s, "old") {
							t.Error("the data that was to be kept is gone")
						}
						expectContent(t, s, "team/neighbour/file", "neighbour's")
					})
				})
			}
		}
	})
}

// somewhere says whether a file of this name is on the share, trash apart.
func somewhere(t *testing.T, s *Share, name string) (found bool) {
	t.Helper()
	must(t, filepath.WalkDir(s.Mount, func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.Name() == name && !strings.Contains(path, trashFolder) {
			found = true
		}
		return err
	}))
	return found
}
