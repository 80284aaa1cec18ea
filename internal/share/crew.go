package share

import (
	"slices"
	"sync"
)

// Bounds of one walk through a tree.
const (
	crewSize = 8  // goroutines, so that a share's latency is not all that is waited for
	chunk    = 32 // names that one of them takes at a time
)

// A crew is what helps one walk at all levels of its tree: a place for each
// goroutine but the one that walks.
type crew chan struct{}

func newCrew() crew { return make(crew, crewSize-1) }

// each works on all names, in parallel as far as somebody of the crew is free,
// and returns when that is done.
func (c crew) each(names []string, work func(name string)) {
	var group sync.WaitGroup
	defer group.Wait()
	for some := range slices.Chunk(names, chunk) {
		all := func() {
			for _, n := range some {
				work(n)
			}
		}
		select {
		case c <- struct{}{}:
			group.Go(func() { defer func() { <-c }(); all() })
		default:
			all()
		}
	}
}
