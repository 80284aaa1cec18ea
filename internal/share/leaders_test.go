package share

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// twice runs an operation by two processes at once, as when a leader does not
// know yet that it is one no more, and then once by the one that is left.
func twice(t *testing.T, s *Share, operation func(*Share) error) {
	t.Helper()
	var group sync.WaitGroup
	for _, on := range []*Share{s, newShare(t, s.Mount)} {
		group.Go(func() { _ = operation(on) }) // either may fail, neither may do harm
	}
	group.Wait()
	if err := operation(s); err != nil {
		t.Error(err)
	}
}

func TestTwoLeadersMakeOneVolume(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "team/db")
		twice(t, s, func(s *Share) error { _, err := s.Make(t.Context(), r, open777); return err })
		if info, err := os.Stat(filepath.Join(s.Mount, "team/db")); err != nil || info.Mode().Perm() != 0o777 {
			t.Errorf("the directory: %v, %v", info, err)
		}
		_, err := s.Make(t.Context(), record(t, "pv-2", "b", "team/db"), open777)
		expectError(t, err, ErrOwned)
	})
}

func TestTwoLeadersRemoveOneVolume(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "team/db")
		mustMake(t, s, r, open777)
		mustMake(t, s, record(t, "pv-2", "b", "team/neighbour"), open777)
		write(t, s, "team/neighbour/file", "neighbour's")
		for _, name := range []string{"a", "b", "c"} {
			write(t, s, "team/db/"+name+"/file", "x")
		}
		twice(t, s, func(s *Share) error { return s.Remove(t.Context(), volume(r)) })
		expectAbsent(t, s, "team/db")
		expectAbsent(t, s, trashFolder+"/pv-1")
		expectContent(t, s, "team/neighbour/file", "neighbour's")
		mustMake(t, s, record(t, "pv-3", "c", "team/db"), open777)
	})
}

// TestNoSymlinkLeadsARemovalAway plays a tenant who plants symlinks in a
// volume all the while that it is removed.
func TestNoSymlinkLeadsARemovalAway(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		outside := t.TempDir()
		if err := os.WriteFile(filepath.Join(outside, "file"), []byte("precious"), 0o666); err != nil {
			t.Fatal(err)
		}
		r := record(t, "pv-1", "a", "db")
		mustMake(t, s, r, open777)
		write(t, s, "victim/file", "precious")
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			write(t, s, "db/"+name+"/sub/file", "x")
		}
		tenant, err := os.OpenRoot(filepath.Join(s.Mount, "db")) // a mount follows the directory wherever it goes
		if err != nil {
			t.Fatal(err)
		}
		defer tenant.Close() //nolint:errcheck // nothing was written through it
		removed := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-removed:
					return
				default:
				}
				name := string(rune('a' + i%8))
				target := []string{outside, "../../../victim", filepath.Join(s.Mount, "victim"), ".."}[i%4]
				_ = tenant.RemoveAll(name + "/sub")
				_ = tenant.Symlink(target, name+"/sub")
				_ = tenant.Symlink(target, name)
			}
		})
		for range 3 {
			err = s.Remove(t.Context(), volume(r))
		}
		close(removed)
		group.Wait()
		if err != nil {
			t.Logf("while the tenant writes: %v", err)
		}
		if errors.Is(err, ErrRemoving) {
			ended(t, s, r.Volume) // of what it met while the tenant wrote, this removal may still tell
			_ = s.Remove(t.Context(), volume(r))
		}
		must(t, removedVolume(t, s, volume(r)))
		expectContent(t, s, "victim/file", "precious")
		if got, err := os.ReadFile(filepath.Join(outside, "file")); err != nil || string(got) != "precious" {
			t.Errorf("outside of the share: %q, %v", got, err)
		}
		expectAbsent(t, s, trashFolder+"/pv-1")
	})
}

func TestASymlinkInTheDirectorysPlaceIsNotRemoved(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "db")
		mustMake(t, s, r, open777)
		write(t, s, "victim/file", "precious")
		if err := errors.Join(os.Remove(filepath.Join(s.Mount, "db")), os.Symlink("victim", filepath.Join(s.Mount, "db"))); err != nil {
			t.Fatal(err)
		}
		expectError(t, s.Remove(t.Context(), volume(r)), ErrExists)
		_, err := s.Archive(t.Context(), volume(r))
		expectError(t, err, ErrExists)
		expectContent(t, s, "victim/file", "precious")
	})
}

// overtaken runs an operation whose process is stopped between one question to
// the fence, the nth, and the step that follows: meanwhile others act, and when
// the process goes on the lease is lost.
func overtaken(s *Share, nth int, others func(), operation func() error) error {
	asked := 0
	s.options.Fence = func() error {
		asked++
		switch {
		case asked == nth:
			others()
			return nil
		case asked > nth:
			return errFenced
		}
		return nil
	}
	return operation()
}

// Whatever the step is between which and the fence a leader was stopped: what
// the next leader has made of the path since is whole when it goes on.
func TestALeaderThatWasStoppedBeforeAnyStepHarmsNobody(t *testing.T) {
	for name, operation := range map[string]func(t *testing.T, s *Share, r Record) error{
		"Remove":  func(t *testing.T, s *Share, r Record) error { return s.Remove(t.Context(), volume(r)) },
		"Archive": func(t *testing.T, s *Share, r Record) error { _, err := s.Archive(t.Context(), volume(r)); return err },
		"Retain":  func(t *testing.T, s *Share, r Record) error { return s.Retain(t.Context(), volume(r)) },
		"Abandon": func(t *testing.T, s *Share, r Record) error { return s.Abandon(t.Context(), r) },
	} {
		for _, full := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, the heir has data: %v", name, full), func(t *testing.T) {
				reached := true
				for nth := 1; reached; nth++ {
					s := newShare(t, inMemory(t))
					r, heir := record(t, "pv-1", "a", "team/db"), record(t, "pv-2", "a", "team/db")
					mustMake(t, s, r, open777)
					reached = false
					_ = overtaken(s, nth, func() {
						reached = true
						next := newShare(t, s.Mount)
						for operation(t, next, r) != nil {
							t.Fatalf("step %d: the next leader cannot finish", nth)
						}
						mustMake(t, next, heir, open777)
						if full {
							write(t, next, "team/db/file", "the heir's")
						}
					}, func() error { return operation(t, s, r) })
					if !reached {
						break
					}
					if full {
						expectContent(t, s, "team/db/file", "the heir's")
					}
					e, err := newShare(t, s.Mount).Find(t.Context(), heir.Directory)
					if err != nil || !e.Exists || !e.Record.names("pv-2", heir.Cluster) || e.Record.State != Active {
						t.Errorf("step %d: the heir's record is %+v, %v", nth, e.Record, err)
					}
				}
			})
		}
	}
}

// Nor does he undo what the next leader has gone on from: a directory that was
// put back where nobody owns it any more would be lost sight of, and in the way
// of whoever wants the path.
func TestALeaderThatWasStoppedAfterAnyStepUndoesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		operation func(t *testing.T, s *Share, r Record) error
		full      bool
		want      string // the place of the data afterwards, if it is kept
	}{
		"Remove":           {func(t *testing.T, s *Share, r Record) error { return s.Remove(t.Context(), volume(r)) }, true, ""},
		"Remove, no data":  {func(t *testing.T, s *Share, r Record) error { return s.Remove(t.Context(), volume(r)) }, false, ""},
		"Archive":          {archiving, true, "archived-team/db-pv-1/file"},
		"Archive, no data": {archiving, false, ""},
		"Abandon":          {func(t *testing.T, s *Share, r Record) error { return s.Abandon(t.Context(), r) }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			reached := true
			for nth := 1; reached; nth++ {
				s := newShare(t, inMemory(t))
				r := record(t, "pv-1", "a", "team/db")
				mustMake(t, s, r, open777)
				if c.full {
					write(t, s, "team/db/file", "data")
				}
				reached = false
				asked := 0
				s.options.Fence = func() error {
					if asked++; asked < nth {
						return nil
					}
					if asked == nth {
						reached = true
						next := newShare(t, s.Mount)
						for c.operation(t, next, r) != nil {
							t.Fatalf("step %d: the next leader cannot finish", nth)
						}
					}
					return errFenced
				}
				_ = c.operation(t, s, r)
				if c.want != "" {
					expectContent(t, s, c.want, "data")
				}
				if _, err := newShare(t, s.Mount).Make(t.Context(), record(t, "pv-2", "b", "team/db"), open777); err != nil {
					t.Errorf("step %d: the path is not free: %v", nth, err)
				}
				if t.Failed() {
					t.Fatalf("step %d", nth)
				}
			}
		})
	}
}

func archiving(t *testing.T, s *Share, r Record) error {
	_, err := s.Archive(t.Context(), volume(r))
	return err
}
