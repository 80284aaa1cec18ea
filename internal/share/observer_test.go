package share

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// seen is what an Observer was told.
type seen struct {
	mu       sync.Mutex
	returned map[string]time.Duration // the longest of each operation
	failed   map[ErrorKind]int
	removed  atomic.Int64
}

func observe(s *Share) *seen {
	saw := &seen{returned: map[string]time.Duration{}, failed: map[ErrorKind]int{}}
	s.options.Observer = Observer{
		Returned: func(operation string, took time.Duration) {
			saw.mu.Lock()
			defer saw.mu.Unlock()
			saw.returned[operation] = max(saw.returned[operation], took)
		},
		Failed: func(kind ErrorKind) {
			saw.mu.Lock()
			defer saw.mu.Unlock()
			saw.failed[kind]++
		},
		Removed: func() { saw.removed.Add(1) },
	}
	return saw
}

func (s *seen) expectFailures(t *testing.T, want map[ErrorKind]int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !maps.Equal(s.failed, want) {
		t.Errorf("failures seen: %v, want %v", s.failed, want)
	}
}

func TestEveryOperationIsObservedByItsVerb(t *testing.T) {
	s := newShare(t, t.TempDir())
	s.options.Remember = 0
	saw := observe(s)
	ctx := t.Context()
	of := func(name string) Record { return mustMake(t, s, record(t, name, name, name), open777) }
	_, archive := s.Archive(ctx, volume(of("archive")))
	_, reclaim := s.Reclaim(ctx, of("reclaim"), "reclaim")
	_, expire := s.Expire(ctx, record(t, "expire", "expire", "expire"))
	_, clone := cloned(ctx, s, record(t, "clone", "clone", "clone"), s, volume(of("source")))
	for name, err := range map[string]error{
		"Clone": clone, "Archive": archive, "Reclaim": reclaim, "Expire": expire,
		"Retain": s.Retain(ctx, volume(of("retain"))), "Abandon": s.Abandon(ctx, of("abandon")), "Remove": s.Remove(ctx, volume(of("remove"))),
		"Check": s.Check(ctx), "Resize": s.Resize(ctx, "pv-resize", "cluster-1", directory(t, "resize"), "2Gi"),
		"Walk": s.Walk(ctx, func(string) bool { return false }, func(Entry) error { return nil }),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	write(t, s, "unrecorded/file", "")
	if _, err := s.Measure(ctx, directory(t, "unrecorded"), func(int) {}); err != nil {
		t.Error(err)
	}
	_, find := s.Find(ctx, directory(t, "unrecorded"))
	_, sweep := s.Sweep(ctx, "cluster-1", func(string) bool { return false })
	if find != nil || sweep != nil {
		t.Errorf("Find: %v, Sweep: %v", find, sweep)
	}
	want := slices.Sorted(slices.Values(Operations()))
	if got := slices.Sorted(maps.Keys(saw.returned)); !slices.Equal(got, want) {
		t.Errorf("seen: %v, want %v", got, want)
	}
	saw.expectFailures(t, map[ErrorKind]int{})
}

func TestAnOperationThatHangsIsSeenToFailAtItsDeadlineAndToReturnWhenItDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, t.TempDir())
		saw := observe(s)
		told, release := hang(t, s, "pv-1")
		expectError(t, <-told, ErrTimeout)
		saw.expectFailures(t, map[ErrorKind]int{KindTimeout: 1})
		if len(saw.returned) > 0 {
			t.Errorf("it has returned already: %v", saw.returned)
		}
		time.Sleep(time.Hour)
		release()
		if took := saw.returned["hang"]; took != time.Hour+s.options.Timeout {
			t.Errorf("it took %v", took)
		}
		saw.expectFailures(t, map[ErrorKind]int{KindTimeout: 1})
	})
}

func TestWaitingForAPlaceIsNotTimeOnTheShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, t.TempDir())
		saw := observe(s)
		_, release := hang(t, s, "pv-1")
		waits := make(chan error)
		go func() {
			_, err := do(t.Context(), s, "wait", []string{"volume pv-1"}, nothing)
			waits <- err
		}()
		time.Sleep(stalledAfter / 2)
		release()
		if err := <-waits; err != nil {
			t.Fatal(err)
		}
		if took := saw.returned["wait"]; took != 0 {
			t.Errorf("it was on the share for %v", took)
		}
	})
}

func TestErrorsAreSeenOnceEach(t *testing.T) {
	for name, c := range map[string]struct {
		call func(t *testing.T, s *Share) error
		want map[ErrorKind]int
	}{
		"the file system's": {func(t *testing.T, s *Share) error {
			_, err := do(t.Context(), s, "make", nil, func(*tree) (int, error) { return 0, syscall.ENOSPC })
			return err
		}, map[ErrorKind]int{KindFull: 1}},
		"a directory of another volume": {func(t *testing.T, s *Share) error {
			mustMake(t, s, record(t, "pv-1", "a", "a"), open777)
			_, err := s.Make(t.Context(), record(t, "pv-2", "b", "a"), open777)
			return err
		}, map[ErrorKind]int{KindRefused: 1}},
		"a closed share": {func(t *testing.T, s *Share) error {
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			return s.Check(t.Context())
		}, map[ErrorKind]int{KindBusy: 1}},
		"a caller that waits no more": {func(t *testing.T, s *Share) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := do(ctx, s, "make", nil, func(*tree) (int, error) { return 0, ctx.Err() })
			return err
		}, map[ErrorKind]int{}},
		"trash that cannot be emptied": {func(t *testing.T, s *Share) error {
			r := record(t, "pv-1", "a", "a")
			mustMake(t, s, r, open777)
			write(t, s, trashFolder+"/pv-1", "no directory")
			return s.Remove(t.Context(), volume(r))
		}, map[ErrorKind]int{KindRefused: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShare(t, t.TempDir())
			saw := observe(s)
			if err := c.call(t, s); err == nil {
				t.Fatal("there is no error")
			}
			saw.expectFailures(t, c.want)
		})
	}
}

func TestEachFileThatIsRemovedIsObserved(t *testing.T) {
	s := newShare(t, t.TempDir())
	saw := observe(s)
	r := record(t, "pv-1", "a", "a")
	mustMake(t, s, r, open777)
	for _, name := range []string{"file", "folder/file", "folder/below/file"} {
		write(t, s, "a/"+name, "x")
	}
	if err := removed(t, s, r); err != nil {
		t.Fatal(err)
	}
	if got := saw.removed.Load(); got != 5 { // and the two folders
		t.Errorf("%d were seen, want 5", got)
	}
}

func TestCheckRemembersTheSpace(t *testing.T) {
	s := newShare(t, t.TempDir())
	if before := s.Health().Space; before != (Space{}) {
		t.Errorf("before the first look: %+v", before)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	space := s.Health().Space
	var fs syscall.Statfs_t
	if err := syscall.Statfs(s.Mount, &fs); err != nil {
		t.Fatal(err)
	}
	if size := fs.Blocks * uint64(fs.Frsize); space.Size != size || space.Free == 0 || space.Free > size || space.At.IsZero() {
		t.Errorf("%+v, want a size of %d", space, size)
	}
}
