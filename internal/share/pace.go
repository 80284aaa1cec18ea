package share

import (
	"context"
	"time"
)

// A pace bounds how much of a share background work takes: one of the places
// that all of it has in common for each step, and one step at a time while
// somebody waits for the share.
type pace struct {
	steps  chan struct{} // the common places
	busy   func() bool   // somebody waits for the share
	narrow chan struct{} // the one place that is left then
	long   time.Time     // from when on the work also rests then; zero for never
	owed   time.Duration // of rest; narrow's holder has it
}

const (
	// restsAfter is how long a work goes on without a rest. Small ones end in it.
	restsAfter = 250 * time.Millisecond
	// restAtLeast is the shortest rest: a timer is not worth less.
	restAtLeast = 2 * time.Millisecond
	// restAtMost is the longest: a step that took longer has waited, not worked.
	restAtMost = time.Second
)

// pace is that of one piece of background work on the share.
func (s *Share) pace() *pace { return newPace(s.steps, s.busy) }

// restingPace is that of work which may take long: it soon rests for as long as
// it works while somebody waits for the share, so that neither the server nor
// this machine is kept from others.
func (s *Share) restingPace() *pace {
	p := s.pace()
	p.long = time.Now().Add(restsAfter)
	return p
}

func newPace(steps chan struct{}, busy func() bool) *pace {
	return &pace{steps: steps, busy: busy, narrow: make(chan struct{}, 1)}
}

// run runs a step when a place for it is free. The step is told why it should
// not be done if the work has ended meanwhile.
func (p *pace) run(ctx context.Context, step func(ended error) error) error {
	if !p.busy() {
		return p.inPlace(ctx, step)
	}
	select {
	case p.narrow <- struct{}{}:
		defer func() { <-p.narrow }()
	case <-ctx.Done():
		return step(context.Cause(ctx))
	}
	began := time.Now()
	err := p.inPlace(ctx, step)
	p.rest(ctx, time.Since(began))
	return err
}

func (p *pace) inPlace(ctx context.Context, step func(ended error) error) error {
	select {
	case p.steps <- struct{}{}:
		defer func() { <-p.steps }()
	case <-ctx.Done():
	}
	return step(context.Cause(ctx))
}

// rest rests for as long as was worked, now or after what is worked next.
func (p *pace) rest(ctx context.Context, worked time.Duration) {
	if p.long.IsZero() || time.Now().Before(p.long) {
		return
	}
	p.owed += worked
	if p.owed < restAtLeast {
		return
	}
	rested := time.NewTimer(min(p.owed, restAtMost))
	defer rested.Stop()
	p.owed = 0
	select {
	case <-rested.C:
	case <-ctx.Done():
	}
}
