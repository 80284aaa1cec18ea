package share

import "context"

// A pace bounds how much of a share background work takes: one of the places
// that all of it has in common for each step, and one step at a time while
// somebody waits for the share.
type pace struct {
	steps  chan struct{} // the common places
	busy   func() bool   // somebody waits for the share
	narrow chan struct{} // the one place that is left then
}

// pace is that of one piece of background work on the share.
func (s *Share) pace() pace { return newPace(s.steps, s.busy) }

func newPace(steps chan struct{}, busy func() bool) pace {
	return pace{steps: steps, busy: busy, narrow: make(chan struct{}, 1)}
}

// run runs a step when a place for it is free. The step is told why it should
// not be done if the work has ended meanwhile.
func (p pace) run(ctx context.Context, step func(ended error) error) error {
	if p.busy() {
		select {
		case p.narrow <- struct{}{}:
			defer func() { <-p.narrow }()
		case <-ctx.Done():
		}
	}
	select {
	case p.steps <- struct{}{}:
		defer func() { <-p.steps }()
	case <-ctx.Done():
	}
	return step(context.Cause(ctx))
}
