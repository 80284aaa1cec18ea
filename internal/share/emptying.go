package share

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Bounds of one emptying.
const (
	batch    = 1024 // names that are read from a folder at a time
	deepest  = 64   // levels that are held open; what lies deeper is moved up first
	reported = 3    // failures that are told in full
)

// An emptying removes everything in a directory of the trash. It works from
// open directories alone and follows no symlink, so nothing that is put into
// the directory meanwhile leads it out. What cannot be removed does not keep
// the rest from going.
type emptying struct {
	ctx     context.Context //nolint:containedctx // the life of the work, not of a call
	fence   func() error
	pace    *pace
	crew    crew
	removed *atomic.Int64
	observe func() // called with each that is removed
	top     *os.File
	first   os.FileInfo // the directory as it was found

	mu       sync.Mutex
	stopped  error // why nothing more is tried
	problems map[string]error
}

func newEmptying(ctx context.Context, fence func() error, p *pace, removed *atomic.Int64, observe func()) *emptying {
	return &emptying{
		ctx: ctx, fence: fence, pace: p, removed: removed, observe: observe,
		crew: newCrew(p.busy), problems: map[string]error{},
	}
}

// pass goes through the directory once and returns how many names in it, or
// moved up into it, have gone. The error says which paths could not be removed.
func (e *emptying) pass(t *tree, place string) (progress int64, err error) {
	if e.top, err = t.OpenCurrent(place); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.top.Close()) }()
	found, err := e.top.Stat()
	if err != nil {
		return 0, err
	}
	if e.first == nil {
		e.first = found
	}
	if !os.SameFile(e.first, found) {
		return 0, fmt.Errorf("%w: %s has become another directory", ErrNotOurs, place)
	}
	before := e.removed.Load()
	if e.clear(e.top, "", 0); e.stopped != nil {
		return 0, e.stopped
	}
	return e.removed.Load() - before, e.failure(place)
}

// failure is the error of everything that could not be removed.
func (e *emptying) failure(place string) error {
	if len(e.problems) == 0 {
		return nil
	}
	paths := make([]string, 0, len(e.problems))
	for p := range e.problems {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	var all []error
	for _, p := range paths[:min(reported, len(paths))] {
		all = append(all, fmt.Errorf("%q: %w", p, e.problems[p]))
	}
	return fmt.Errorf("%w (%s): %d or more of its files or folders cannot be removed, such as %w",
		ErrNotEmptied, place, len(paths), errors.Join(all...))
}

// step runs one change when a place for it is free, unless the work has to
// stop.
func (e *emptying) step(change func() error) error {
	return e.pace.run(e.ctx, func(ended error) error {
		if ended == nil {
			ended = e.fence()
		}
		if ended == nil {
			return retry(change)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.stopped = ended
		return ended
	})
}

func (e *emptying) halted() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stopped != nil
}

func (e *emptying) failed(name string, err error) {
	const most = 1000
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.problems) < most && e.stopped == nil {
		e.problems[name] = err
	}
}

// clear removes what one reading of a folder shows and says how many names
// have gone from it, and whether some could not be removed.
func (e *emptying) clear(folder *os.File, name string, depth int) (gone int64, stuck bool) {
	var count, failures atomic.Int64
	for !e.halted() {
		var names []string
		err := e.step(func() (err error) { names, err = folder.Readdirnames(batch); return err })
		e.crew.each(names, func(n string) {
			if e.remove(folder, n, path.Join(name, n), depth) {
				count.Add(1)
			} else {
				failures.Add(1)
			}
		})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			e.failed(name, err)
			failures.Add(1)
			break
		}
	}
	return count.Load(), failures.Load() > 0
}

// remove removes one name from a folder, with all that is in it.
func (e *emptying) remove(folder *os.File, n, name string, depth int) bool {
	if e.halted() {
		return false
	}
	err := e.unlink(folder, n, 0)
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) && e.isFolder(folder, n) {
		return e.removeFolder(folder, n, name, depth)
	}
	return e.counted(name, err)
}

// isFolder is for where unlink(2) tells of a folder as POSIX has it, by EPERM,
// which can have other reasons.
func (e *emptying) isFolder(folder *os.File, n string) bool {
	var info unix.Stat_t
	err := e.step(func() error { return unix.Fstatat(int(folder.Fd()), n, &info, unix.AT_SYMLINK_NOFOLLOW) })
	return err == nil && info.Mode&unix.S_IFMT == unix.S_IFDIR
}

func (e *emptying) counted(name string, err error) bool {
	switch {
	case err == nil:
		e.removed.Add(1)
		e.observe()
		return true
	case errors.Is(err, fs.ErrNotExist):
		return true
	default:
		e.failed(name, err)
		return false
	}
}

// unlink removes a file or, with AT_REMOVEDIR, an empty folder. A folder that
// its owner has closed is opened to its owner first: that is who we are on an
// export that makes everybody the same user.
func (e *emptying) unlink(folder *os.File, n string, flags int) error {
	try := func() error { return unix.Unlinkat(int(folder.Fd()), n, flags) }
	err := e.step(try)
	if errors.Is(err, unix.EACCES) && e.step(func() error { return folder.Chmod(0o700) }) == nil {
		err = e.step(try)
	}
	return err
}

func (e *emptying) removeFolder(parent *os.File, n, name string, depth int) bool {
	if depth >= deepest {
		// Held open all the way down, a tree would take a descriptor a level.
		up := rand.Text()
		err := e.step(func() error { return unix.Renameat(int(parent.Fd()), n, int(e.top.Fd()), up) })
		if errors.Is(err, unix.ENOENT) {
			return true // it was moved, or is gone
		}
		if err != nil {
			e.failed(name, err)
		}
		return err == nil
	}
	for {
		folder, err := e.enter(parent, n, name)
		if err != nil {
			return e.counted(name, err)
		}
		gone, stuck := e.clear(folder, name, depth+1)
		if err := folder.Close(); err != nil || stuck || e.halted() {
			return false
		}
		err = e.unlink(parent, n, unix.AT_REMOVEDIR)
		if !errors.Is(err, unix.ENOTEMPTY) || gone == 0 {
			return e.counted(name, err)
		}
	}
}

// enter opens a folder, and never what a symlink leads to.
func (e *emptying) enter(parent *os.File, n, name string) (folder *os.File, err error) {
	open := func() error {
		fd, err := openAt(int(parent.Fd()), n, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err == nil {
			folder = os.NewFile(uintptr(fd), name)
		}
		return err
	}
	err = e.step(open)
	if errors.Is(err, unix.EACCES) && e.step(func() error { return unlock(parent, n) }) == nil {
		err = e.step(open)
	}
	return folder, err
}

// unlock lets the owner of a folder enter it.
func unlock(parent *os.File, n string) error {
	return chmodName(int(parent.Fd()), n, unix.O_DIRECTORY, 0o700)
}
