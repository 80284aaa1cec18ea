package loops

import (
	"errors"
	"sync"
)

// Parallel does something to each of some items, so many at once, and returns
// every error.
func Parallel[T any](atOnce int, items []T, do func(T) error) error {
	work := make(chan T)
	var group sync.WaitGroup
	var mu sync.Mutex
	var problems []error
	for range atOnce {
		group.Go(func() {
			for item := range work {
				if err := do(item); err != nil {
					mu.Lock()
					problems = append(problems, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, item := range items {
		work <- item
	}
	close(work)
	group.Wait()
	return errors.Join(problems...)
}
