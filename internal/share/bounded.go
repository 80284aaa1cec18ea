package share

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"
)

// do runs f in a goroutine of its own and in one of the share's places, and
// returns when it is done or the deadline has passed, whichever is first. A
// system call on a hung mount cannot be interrupted: f then keeps its place and
// its keys until the server answers, and what it returns is dropped. So f must
// be safe to repeat.
//
// Operations that have a key in common, a volume or a directory, run one after
// the other. Once an operation has outlived its deadline the share is suspect:
// until any operation comes back only one at a time is let through, and the
// others fail at once.
//
// An operation is called by what it does and to what. Its first word, one of
// Operations, is what it is measured as.
func do[T any](ctx context.Context, s *Share, operation string, keys []string, f func(*tree) (T, error)) (T, error) {
	limited, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	var none T
	if err := s.enter(limited, keys); err != nil {
		if cause := ctx.Err(); cause != nil {
			err = cause
		}
		s.failed(err)
		return none, s.fail(operation, err)
	}

	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	began := time.Now()
	go func() {
		var o outcome
		defer func() {
			if problem := recover(); problem != nil {
				o.err = fmt.Errorf("internal error: %v\n%s", problem, debug.Stack())
				s.failed(o.err)
			}
			ended := time.Now()
			s.options.Observer.Returned(verb(operation), ended.Sub(began))
			s.leave(keys, o.err == nil, ended)
			o.err = s.fail(operation, o.err)
			done <- o
		}()
		var t *tree
		if t, o.err = s.open(); o.err == nil {
			o.value, o.err = f(t)
		}
		s.judge(o.err)
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-limited.Done():
		if cause := ctx.Err(); cause != nil {
			return none, s.fail(operation, cause)
		}
		err := s.fail(operation, fmt.Errorf("%w within %v", ErrTimeout, s.options.Timeout))
		s.failed(err)
		s.suspect(err)
		return none, err
	}
}

// keysOf are the keys of an operation on a volume and its directory.
func keysOf(volume string, d Directory) []string {
	return []string{"volume " + volume, "directory " + d.path}
}

// enter waits for the keys and for a place, and takes them all at once.
func (s *Share) enter(ctx context.Context, keys []string) error {
	wait, err := s.tryEnter(keys)
	if err != nil || wait == nil {
		return err
	}
	look := time.NewTicker(stalledAfter)
	defer look.Stop()
	for {
		select {
		case <-wait:
		case <-look.C:
		case <-ctx.Done():
			return s.whyBusy(keys)
		}
		if wait, err = s.tryEnter(keys); err != nil || wait == nil {
			return err
		}
	}
}

// tryEnter takes keys and place, or returns a channel that is closed when it is
// worth trying again.
func (s *Share) tryEnter(keys []string) (wait <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := s.inside >= s.options.Places ||
		slices.ContainsFunc(keys, func(k string) bool { _, taken := s.keys[k]; return taken })
	switch {
	case s.closed:
		return nil, fmt.Errorf("%w: it was closed", ErrBusy)
	case s.silent && (s.inside > s.stuck || full):
		return nil, errSilent
	case full && s.stalled():
		return nil, fmt.Errorf("%w: nothing has come back for %v", ErrBusy, stalledAfter)
	case full:
		return s.changed, nil
	}
	for _, k := range keys {
		s.keys[k] = struct{}{}
	}
	if s.inside == 0 {
		s.heard = time.Now()
	}
	s.inside++
	s.running.Add(1)
	return nil, nil
}

// stalledAfter is how long a share may let all of its operations wait before
// more of them are sent away, so that those who wait for it have time for other
// shares. It is less than a deadline: an answer may still come.
const stalledAfter = time.Second

func (s *Share) stalled() bool { return s.inside > 0 && time.Since(s.heard) >= stalledAfter }

func (s *Share) whyBusy(keys []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		if _, taken := s.keys[k]; taken {
			return fmt.Errorf("%w: an earlier operation on %s has not come back within %v", ErrBusy, k, s.options.Timeout)
		}
	}
	return fmt.Errorf("%w: all %d places have been taken for %v", ErrBusy, s.options.Places, s.options.Timeout)
}

// leave gives keys and place back. That an operation came back is proof that
// the server answers. One that has failed is tried again and again, and has served
// nobody.
func (s *Share) leave(keys []string, done bool, ended time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		delete(s.keys, k)
	}
	s.inside--
	s.heard = ended
	if done && len(keys) > 0 {
		s.served = s.heard
	}
	s.silent, s.stuck = false, 0
	close(s.changed)
	s.changed = make(chan struct{})
	s.running.Done()
}

// suspect remembers that what is inside now does not come back in time.
func (s *Share) suspect(fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inside > 0 {
		s.silent, s.stuck = true, s.inside
		s.setFault(fault)
	}
}

// errSilent: an operation has outlived its deadline, and none has come back since.
var errSilent = fmt.Errorf("%w: what was asked of it before has not come back", ErrTimeout)

// silence fails while the share is silent.
func (s *Share) silence() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent {
		return errSilent
	}
	return nil
}

// errClosed tells background work that the share was closed.
var errClosed = errors.New("the share was closed")
