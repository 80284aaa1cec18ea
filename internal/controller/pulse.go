package controller

import (
	"fmt"
	"sync/atomic"
	"time"
)

// A pulse shows that a loop turns. The loop beats it each time, whatever came
// of the turn.
type pulse struct{ last atomic.Pointer[time.Time] }

func (p *pulse) beat() {
	now := time.Now()
	p.last.Store(&now)
}

// stop says that the loop has ended, or not begun, and is not to be waited for.
func (p *pulse) stop() { p.last.Store(nil) }

// check fails when the last beat is longer ago than a turn can take.
func (p *pulse) check(longest time.Duration) (string, error) {
	last := p.last.Load()
	if last == nil {
		return "not running", nil
	}
	since := time.Since(*last)
	if since > longest {
		return "", fmt.Errorf("it last turned %v ago, and should every %v", round(since), longest)
	}
	return fmt.Sprintf("turned %v ago", round(since)), nil
}

// round is a duration as people want to read it.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}
