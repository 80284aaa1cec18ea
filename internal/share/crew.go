package share

import "sync"

// Bounds of one walk through a tree.
const (
	crewSize = 8  // goroutines, so that a share's latency is not all that is waited for
	chunk    = 32 // names that one of them takes at a time
)

// A crew is what helps one walk at all levels of its tree, unless the walk has to
// go slowly.
type crew struct {
	places chan struct{} // one for each goroutine but the one that walks
	slowly func() bool
}

func newCrew(slowly func() bool) crew { return crew{make(chan struct{}, crewSize-1), slowly} }

// each works on all names, in parallel as far as somebody of the crew is free,
// and returns when that is done.
func (c crew) each(names []string, work func(name string)) {
	var group sync.WaitGroup
	defer group.Wait()
	for len(names) > 0 {
		if c.slowly() {
			work(names[0])
			names = names[1:]
			continue
		}
		some := names[:min(chunk, len(names))]
		names = names[len(some):]
		all := func() {
			for _, n := range some {
				work(n)
			}
		}
		select {
		case c.places <- struct{}{}:
			group.Go(func() { defer func() { <-c.places }(); all() })
		default:
			all()
		}
	}
}
