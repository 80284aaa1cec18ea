package share

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// hang starts an operation that does not come back before release is called,
// as on a mount whose server is silent, and returns what its caller was told.
func hang(t *testing.T, s *Share, volume string) (told <-chan error, release func()) {
	t.Helper()
	answer := make(chan struct{})
	result := make(chan error, 1)
	go func() {
		_, err := do(t.Context(), s, "hang", []string{"volume " + volume}, func(*tree) (struct{}, error) {
			<-answer
			return struct{}{}, nil
		})
		result <- err
	}()
	synctest.Wait()
	return result, func() { close(answer); synctest.Wait() }
}

func nothing(*tree) (struct{}, error) { return struct{}{}, nil }

func TestAnOperationThatHangsIsReportedAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, t.TempDir())
		start := time.Now()
		told, release := hang(t, s, "pv-1")
		defer release()
		err := <-told
		expectError(t, err, ErrTimeout)
		if took := time.Since(start); took != s.options.Timeout {
			t.Errorf("the caller was told after %v, want %v", took, s.options.Timeout)
		}
		for _, word := range []string{s.Name, s.Server, s.Path, s.options.Timeout.String()} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q does not say %q", err, word)
			}
		}
	})
}

func TestHungOperationsTakeEveryPlaceAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, t.TempDir())
		for i := range s.options.Places {
			_, release := hang(t, s, "pv-"+string(rune('a'+i)))
			defer release()
		}
		_, err := do(t.Context(), s, "one too many", nil, nothing)
		expectError(t, err, ErrBusy)
	})
}

func TestAShareWorksAgainOnceItsServerAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, t.TempDir())
		var releases []func()
		for i := range s.options.Places {
			told, release := hang(t, s, "pv-"+string(rune('a'+i)))
			expectError(t, <-told, ErrTimeout)
			releases = append(releases, release)
		}
		for _, release := range releases {
			release()
		}
		for i := range s.options.Places {
			if _, err := do(t.Context(), s, "again", []string{"volume " + "pv-" + string(rune('a'+i))}, nothing); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestAVolumeWaitsForItsEarlierOperationAndOthersDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, t.TempDir())
		_, release := hang(t, s, "pv-1")
		_, err := s.Make(t.Context(), record(t, "pv-1", "a", "a"), open777)
		expectError(t, err, ErrBusy)
		expectAbsent(t, s, "a")
		mustMake(t, s, record(t, "pv-2", "b", "b"), open777)
		release()
		mustMake(t, s, record(t, "pv-1", "a", "a"), open777)
	})
}

func TestCloseWaitsForWhatIsRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, t.TempDir())
		_, release := hang(t, s, "pv-1")
		closed := make(chan error, 1)
		go func() { closed <- s.Close(t.Context()) }()
		synctest.Wait()
		select {
		case err := <-closed:
			t.Errorf("Close returned (%v) while an operation was running", err)
		default:
		}
		release()
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

func TestCloseGivesUpOnAShareThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, t.TempDir())
		_, release := hang(t, s, "pv-1")
		defer release()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		expectError(t, s.Close(ctx), ErrTimeout)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("Close returned after %v, want %v", took, time.Minute)
		}
	})
}

func TestCloseStopsARemovalThatTheNextProcessGoesOnWith(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "a")
		mustMake(t, s, r, open777)
		for _, name := range []string{"b", "c", "d"} {
			write(t, s, "a/"+name+"/file", "x")
		}
		s.cancel(errClosed) // as Close does at first
		expectError(t, s.Remove(t.Context(), volume(r)), errClosed)
		expectAbsent(t, s, "a")
		if left, err := os.ReadDir(filepath.Join(s.Mount, trashFolder, "pv-1")); err != nil || len(left) == 0 {
			t.Errorf("the trash holds %v (%v), want some of the data", left, err)
		}

		next := newShare(t, s.Mount)
		if err := next.Remove(t.Context(), volume(r)); err != nil {
			t.Error(err)
		}
		expectAbsent(t, s, trashFolder+"/pv-1")
	})
}

func TestAStaleMountIsOpenedAgain(t *testing.T) {
	s := newShare(t, t.TempDir())
	var first, second *mount
	_, err := do(t.Context(), s, "first", nil, func(t *tree) (struct{}, error) {
		first = t.mount
		return struct{}{}, &os.PathError{Op: "open", Path: "a", Err: syscall.ESTALE}
	})
	expectError(t, err, syscall.ESTALE)
	if _, err := do(t.Context(), s, "second", nil, func(t *tree) (struct{}, error) {
		second = t.mount
		return struct{}{}, nil
	}); err != nil || first == second {
		t.Errorf("the stale root was used again (%v)", err)
	}
}

func TestCheckTellsAMountThatCannotBeUsed(t *testing.T) {
	place := t.TempDir()
	s := newShare(t, place)
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("a mount that can be used: %v", err)
	}
	if before := listing(t, s); before != "" {
		t.Errorf("Check left something on the share: %q", before)
	}
	write(t, s, "file", "x")
	for name, mount := range map[string]string{"missing": place + "/missing", "a file": place + "/file"} {
		t.Run(name, func(t *testing.T) {
			expectError(t, newShare(t, mount).Check(t.Context()), ErrUnfit)
		})
	}
}

func TestRemoveSaysThatItGoesOnInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, t.TempDir())
		r := record(t, "pv-1", "a", "a")
		mustMake(t, s, r, open777)
		// Somebody else is emptying the trash and takes long.
		slow := &removal{done: make(chan struct{})}
		s.removals["pv-1"] = slow
		expectError(t, s.Remove(t.Context(), volume(r)), ErrRemoving)
		expectAbsent(t, s, "a")
		mustMake(t, s, record(t, "pv-2", "b", "a"), open777)

		close(slow.done)
		delete(s.removals, "pv-1")
		if err := s.Remove(t.Context(), volume(r)); err != nil {
			t.Error(err)
		}
		if errors.Is(s.Remove(t.Context(), volume(r)), ErrRemoving) {
			t.Error("the removal never ends")
		}
	})
}

func TestWhileSomeWaitForRemovalsOthersFreePathsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, t.TempDir())
		var waiting sync.WaitGroup
		for i := range crowd + 1 {
			r := record(t, fmt.Sprintf("pv-%d", i), "a", fmt.Sprintf("d-%d", i))
			mustMake(t, s, r, open777)
			s.removals[r.Volume] = &removal{began: time.Now(), done: make(chan struct{})} // it takes for ever
			began := time.Now()
			if i < crowd {
				waiting.Go(func() {
					expectError(t, s.Remove(t.Context(), volume(r)), ErrRemoving)
					if time.Since(began) < s.patience {
						t.Errorf("%s was not waited for", r.Volume)
					}
				})
				synctest.Wait()
				continue
			}
			expectError(t, s.Remove(t.Context(), volume(r)), ErrRemoving)
			if waited := time.Since(began); waited > 0 {
				t.Errorf("%s was waited for, %v", r.Volume, waited)
			}
			expectAbsent(t, s, r.Directory.String())
		}
		waiting.Wait()
		began := time.Now()
		expectError(t, s.Remove(t.Context(), volume(record(t, "pv-0", "a", "d-0"))), ErrRemoving)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("a removal that takes long anyway was waited for once more, %v", waited)
		}
	})
}
