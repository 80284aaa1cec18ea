package share

import (
	"errors"
	"testing"
)

// A leader that is stopped while it deletes the last volume of a shared directory
// goes on with the one step that it had begun, after its successor has let another
// volume join.
func TestAVolumeThatJoinsWhileALeaderIsStoppedKeepsItsData(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *Share, Record) error{
		"remove":  func(t *testing.T, s *Share, r Record) error { return removed(t, s, r) },
		"archive": func(t *testing.T, s *Share, r Record) error { _, err := s.Archive(t.Context(), volume(r)); return err },
		"abandon": func(t *testing.T, s *Share, r Record) error { return s.Abandon(t.Context(), r) },
	} {
		t.Run(name, func(t *testing.T) {
			joined := 0
			for step := 1; ; step++ {
				mount := t.TempDir()
				old, next := newShare(t, mount), newShare(t, mount)
				first, second := record(t, "pv-1", "a", "team/db"), record(t, "pv-2", "b", "team/db")
				mustMake(t, old, first, shared)
				asked, came := 0, false
				old.options.Fence = func() error {
					if asked++; asked < step {
						return nil
					}
					if asked > step {
						return errFenced
					}
					_, err := next.Make(t.Context(), second, shared)
					if err != nil && !refusal(err) && !errors.Is(err, ErrBusy) {
						t.Errorf("step %d: %v", step, err)
					}
					if came = err == nil; came {
						write(t, next, "team/db/file", "second's")
					}
					return nil
				}
				_ = end(t, old, first)
				if asked < step {
					break
				}
				for range 2 {
					if err := end(t, next, first); err != nil && (!came || !refusal(err)) {
						t.Errorf("step %d: %v", step, err)
					}
				}
				if !came {
					continue
				}
				joined++
				expectContent(t, next, "team/db/file", "second's")
				on, err := next.open()
				must(t, err)
				if owner, err := readRecord(on, second.Directory); err != nil || owner.Volume != "pv-2" || owner.State != Active {
					t.Errorf("step %d: the directory belongs to %s, %s (%v)", step, owner.Volume, owner.State, err)
				}
				must(t, removed(t, next, second))
				expectAbsent(t, next, "team/db")
				expectAbsent(t, next, recordPath(second.Directory))
				if t.Failed() {
					t.FailNow()
				}
			}
			if joined < 2 {
				t.Errorf("the second volume joined %d times", joined)
			}
		})
	}
}
