package share

import (
	"context"
	"fmt"
	"os"
)

// do runs f in a goroutine of its own and in one of the share's places, and
// returns when it is done or the deadline has passed, whichever is first. A
// system call on a hung mount cannot be interrupted: f then keeps its place
// until the server answers, and what it returns is dropped. So f must be safe
// to repeat.
func do[T any](ctx context.Context, s *Share, operation string, f func(*os.Root) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	var none T
	select {
	case s.places <- struct{}{}:
	case <-ctx.Done():
		return none, s.fail(operation, fmt.Errorf("%w: all %d places have been taken for %v", ErrBusy, s.options.Places, s.options.Timeout))
	}

	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		defer func() { <-s.places }()
		var o outcome
		root, err := s.open()
		if err == nil {
			o.value, err = f(root)
		}
		s.judge(err)
		o.err = s.fail(operation, err)
		done <- o
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return none, s.fail(operation, fmt.Errorf("%w within %v", ErrTimeout, s.options.Timeout))
	}
}

// doAlone is do for an operation that must not meet another one on the same
// volume, such as its own predecessor that is still waiting for the server.
func doAlone[T any](ctx context.Context, s *Share, operation, volume string, f func(*os.Root) (T, error)) (T, error) {
	return do(ctx, s, operation, func(root *os.Root) (T, error) {
		var none T
		s.mu.Lock()
		_, taken := s.inFlight[volume]
		if !taken {
			s.inFlight[volume] = struct{}{}
		}
		s.mu.Unlock()
		if taken {
			return none, fmt.Errorf("%w: an earlier operation on volume %s has not come back", ErrBusy, volume)
		}
		defer func() {
			s.mu.Lock()
			delete(s.inFlight, volume)
			s.mu.Unlock()
		}()
		return f(root)
	})
}
