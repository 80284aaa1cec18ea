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
	// rests is how long it rests then, beside how long it works. The machine has its
	// share of the work, too, behind the back of whoever takes the time: what was
	// removed is freed later.
	rests = 3
	// restAtLeast is the shortest rest: a timer is not worth less.
	restAtLeast = 2 * time.Millisecond
	// restAtMost is the longest: a step for which more is owed has waited, not worked.
	restAtMost = time.Second
	// lull is how long nobody must have come for a volume before a share is nobody's:
	// of those who come one after another, each would find it taken.
	lull = 100 * time.Millisecond
)

// pace is that of one piece of background work on the share, which somebody waits
// for.
func (s *Share) pace() *pace { return newPace(s.steps, s.taken) }

// restingPace is that of work which nobody waits for if it takes long: soon it
// rests for longer than it works while others come, so that neither the server nor
// this machine is kept from them. Whoever came before it began does not count:
// that is who began it.
func (s *Share) restingPace() *pace {
	began := time.Now()
	p := newPace(s.steps, func() bool { return s.visited(began) })
	p.long = began.Add(restsAfter)
	return p
}

// taken says whether somebody waits for the share.
func (s *Share) taken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inside > 0 || s.waiting > 1
}

// visited says whether somebody waits for the share, or was served a moment ago.
func (s *Share) visited(since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inside > 0 || s.waiting > 1 || s.served.After(since) && time.Since(s.served) < lull
}

func newPace(steps chan struct{}, busy func() bool) *pace {
	return &pace{steps: steps, busy: busy, narrow: make(chan struct{}, 1)}
}

// run runs a step when a place for it is free. The step is told why it should
// not be done if the work has ended meanwhile.
func (p *pace) run(ctx context.Context, step func(ended error) error) error {
	if !p.busy() {
		_, err := p.inPlace(ctx, step)
		return err
	}
	select {
	case p.narrow <- struct{}{}:
		defer func() { <-p.narrow }()
	case <-ctx.Done():
		return step(context.Cause(ctx))
	}
	worked, err := p.inPlace(ctx, step)
	p.rest(ctx, worked)
	return err
}

func (p *pace) inPlace(ctx context.Context, step func(ended error) error) (worked time.Duration, err error) {
	select {
	case p.steps <- struct{}{}:
		defer func() { <-p.steps }()
	case <-ctx.Done():
	}
	began := time.Now()
	err = step(context.Cause(ctx))
	return time.Since(began), err
}

// rest rests for as long as was worked, now or after what is worked next.
func (p *pace) rest(ctx context.Context, worked time.Duration) {
	if p.long.IsZero() || time.Now().Before(p.long) {
		return
	}
	p.owed += rests * worked
	if p.owed < restAtLeast {
		return
	}
	due := min(p.owed, restAtMost)
	p.owed = 0
	if !p.busy() {
		return
	}
	rested := time.NewTimer(due)
	defer rested.Stop()
	select {
	case <-rested.C:
	case <-ctx.Done():
	}
}
