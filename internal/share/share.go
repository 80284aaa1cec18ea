package share

import (
	"context"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"time"
)

// A Location says where a share is.
type Location struct {
	Name   string // what classes call it
	Server string // host name or address, without brackets
	Path   string // the export's path on the server, absolute
	Mount  string // where it is mounted here, absolute
	// UsageInterval is the time between two measurements of what a volume on it
	// holds, zero for none.
	UsageInterval time.Duration
}

// String is the share as people know it: name and server:/path.
func (l Location) String() string { return fmt.Sprintf("%q (%s:%s)", l.Name, l.Server, l.Path) }

// Options bound what a share may take.
type Options struct {
	// Timeout is how long one operation may take before its caller is told.
	Timeout time.Duration
	// Places is how many operations may run at once, hung ones included.
	Places int
	// Remember is how long it stays known that a volume's data was removed, and
	// how long a file that somebody may still be writing stays. A volume that
	// comes back, since the answer to its making was lost, must not be taken for
	// one whose directory somebody else has.
	Remember time.Duration
	// Fence is asked right before every step that cannot be taken back. An
	// error stops the operation. It is how a process that lost its leadership
	// while it was stopped learns of it.
	Fence func() error
	// Observer is told what operations do.
	Observer Observer
}

// A Share is one NFS export, ready for use by many goroutines.
type Share struct {
	Location
	options Options

	running sync.WaitGroup
	stop    context.Context // ends background work
	cancel  context.CancelCauseFunc
	bins    chan struct{} // places of background removals
	linked  atomic.Int64  // files that copies remember by several names
	steps   chan struct{} // places of the steps of both

	patience time.Duration // how long Remove waits for a removal

	mu       sync.Mutex
	mount    *mount
	stale    bool
	closed   bool
	inside   int       // operations that hold a place
	fault    error     // what the last operation said about the share, nil if it was well
	since    time.Time // when fault came or went
	space    Space
	waiting  int                      // calls of Remove that wait for the trash
	stuck    int                      // of them, those that were there when the share fell silent
	heard    time.Time                // when an operation came back last, or began when none was inside
	served   time.Time                // when one on a volume was done last
	silent   bool                     // an operation has outlived its deadline, and none has come back since
	keys     map[string]struct{}      // volumes and directories that operations hold
	changed  chan struct{}            // closed when an operation has come back
	removals map[string]*removal      // by volume
	clones   map[string]*cloning      // by volume
	held     map[string]int           // directories that are being copied, how often
	copiers  map[*Share]chan struct{} // places of copies that are made in the background, by the source's share
}

// New prepares a share. It does not touch the mount; [Share.Check] does.
func New(location Location, options Options) *Share {
	if options.Fence == nil {
		options.Fence = func() error { return nil }
	}
	options.Observer = options.Observer.complete()
	stop, cancel := context.WithCancelCause(context.Background())
	return &Share{
		Location: location,
		options:  options,
		stop:     stop,
		cancel:   cancel,
		bins:     make(chan struct{}, removalsAtOnce),
		steps:    make(chan struct{}, options.Places),
		patience: patience,
		keys:     map[string]struct{}{},
		changed:  make(chan struct{}),
		since:    time.Now(),
		removals: map[string]*removal{},
		copiers:  map[*Share]chan struct{}{},
		clones:   map[string]*cloning{},
		held:     map[string]int{},
	}
}

// Close lets nothing in any more, stops background work at the next file
// and waits for every operation that is still running, until ctx ends: an
// operation on a hung share cannot be interrupted.
func (s *Share) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel(errClosed)
	idle := make(chan struct{})
	go func() { s.running.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-ctx.Done():
		return s.fail("close", fmt.Errorf("%w: operations are still running", ErrTimeout))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mount == nil {
		return nil
	}
	err := s.mount.close()
	s.mount = nil
	return err
}

// Contains says whether server and path name something below this share, and
// its path relative to the share's root. The comparison is of whole segments
// of the text; a server known by two names is two servers.
func (l Location) Contains(server, fullPath string) (relative string, ok bool) {
	if server != l.Server {
		return "", false
	}
	base := path.Clean(l.Path)
	if base == "/" {
		base = ""
	}
	if len(fullPath) <= len(base)+1 || fullPath[:len(base)] != base || fullPath[len(base)] != '/' {
		return "", false
	}
	return fullPath[len(base)+1:], true
}

// FullPath is the path of d on the server.
func (l Location) FullPath(d Directory) string { return path.Join(l.Path, d.path) }

// fail says which share an error is about.
func (s *Share) fail(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("share %s: %s: %w", s.Location, operation, err)
}

// unfit says that the mount cannot be used, unless it was the server that failed:
// that one may be well again by itself.
func unfit(err error) error {
	switch kind, _ := kindOf(err); kind {
	case KindTimeout, KindStale, KindUnreachable, KindIO:
		return err
	default:
		return fmt.Errorf("%w: %w", ErrUnfit, err)
	}
}

// open returns the mount, opened again after the server said that our handle
// is stale.
func (s *Share) open() (*tree, error) {
	s.mu.Lock()
	now, stale := s.mount, s.stale
	s.mu.Unlock()
	if now == nil || stale {
		fresh, err := openMount(s.Mount)
		if err != nil {
			return nil, unfit(err)
		}
		s.mu.Lock()
		// A mount that others may still use is left to the garbage collector.
		s.mount, s.stale = fresh, false
		s.mu.Unlock()
		now = fresh
	}
	return &tree{mount: now, fence: s.options.Fence}, nil
}
