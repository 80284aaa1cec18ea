package share

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAShareThatHangsFailsFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, t.TempDir())
		for i := range s.options.Places {
			told, release := hang(t, s, fmt.Sprintf("pv-%d", i))
			defer release()
			expectError(t, <-told, ErrTimeout)
		}
		start := time.Now()
		_, err := do(t.Context(), s, "next", nil, nothing)
		if err == nil {
			t.Fatal("a place was free")
		}
		if took := time.Since(start); took >= s.options.Timeout {
			t.Errorf("the next operation blocked its worker for %v (%v)", took, err)
		}
	})
}

func TestACallerThatGivesUpIsNotToldThatTheShareIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, t.TempDir())
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan struct{})
		result := make(chan error, 1)
		go func() {
			_, err := do(ctx, s, "hang", []string{"volume " + "pv-1"}, nothingAfter(answer))
			result <- err
		}()
		synctest.Wait()
		cancel()
		err := <-result
		close(answer)
		if !errors.Is(err, context.Canceled) || errors.Is(err, ErrTimeout) {
			t.Errorf("told at once: %v", err)
		}
	})
}

func TestNothingStartsOnceAShareIsClosed(t *testing.T) {
	s := newShare(t, t.TempDir())
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				_, _ = do(t.Context(), s, "late", nil, nothing)
			}
		})
		group.Go(func() { _ = s.Close(t.Context()) })
	}
	group.Wait()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := do(t.Context(), s, "after Close", nil, nothing); err == nil {
		t.Error("an operation ran after Close")
	}
}

func nothingAfter(answer <-chan struct{}) func(*tree) (struct{}, error) {
	return func(*tree) (struct{}, error) { <-answer; return struct{}{}, nil }
}
