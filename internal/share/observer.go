package share

import (
	"context"
	"errors"
	"strings"
	"time"
)

// An Observer is told what operations do, for whoever measures it. What it is
// told says nothing of claims, volumes and paths. Its functions are called by
// many goroutines at once, while others wait, and must return at once.
type Observer struct {
	// Returned: an operation, one of Operations, has come back from the share
	// after it was there for so long, well or not, and perhaps long after its
	// caller was told that it does not come back. The time that it waited for a
	// place is not in it.
	Returned func(operation string, took time.Duration)
	// Failed: an operation, or a removal in the background, has ended with an
	// error, or was given up.
	Failed func(kind ErrorKind)
	// Removed: one file or folder in the trash is gone.
	Removed func()
}

// Operations are the verbs by which errors and an Observer tell operations.
func Operations() []string {
	return []string{
		"make", "resize", "clone", "hold", "measure", "delete", "archive", "release", "abandon", "reclaim", "remove",
		"check", "list", "read", "look", "sweep", "forget",
	}
}

// complete puts something that does nothing in the place of what is nil.
func (o Observer) complete() Observer {
	if o.Returned == nil {
		o.Returned = func(string, time.Duration) {}
	}
	if o.Failed == nil {
		o.Failed = func(ErrorKind) {}
	}
	if o.Removed == nil {
		o.Removed = func() {}
	}
	return o
}

// verb is the first word of what an operation is called in errors.
func verb(operation string) string {
	first, _, _ := strings.Cut(operation, " ")
	return first
}

// failed tells the observer of an error, and says whether it is a fault of the
// share. That nobody waits for the end any more is no error.
func (s *Share) failed(err error) (fault bool) {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded, errClosed, errStopped} {
		if err == nil || errors.Is(err, end) {
			return false
		}
	}
	kind, fault := kindOf(err)
	s.options.Observer.Failed(kind)
	return fault
}
