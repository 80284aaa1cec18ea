package share

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Bounds of one copy. A level that is held open takes two descriptors in each
// goroutine that is there.
const (
	copyLevels    = 16      // levels that are held open; folders below wait until the others are done
	copyWaiting   = 1 << 20 // bytes of the paths of folders that wait; if there are more, they do not wait
	copyDeepest   = 256     // levels that are held open at most
	copyBuffer    = 128 << 10
	copyAtOnce    = 16 << 20 // bytes that a server is asked to copy by itself at a time
	offloadedFrom = 64 << 10 // bytes from which on it is worth asking
)

// A copying copies what is in one open directory, which its tenant goes on
// using, into another one, which nobody else knows. It works from open
// directories alone and follows no symlink: what is put into the source
// meanwhile leads nowhere out of it, and what is not a file is never opened.
type copying struct {
	ctx      context.Context //nolint:containedctx // the life of the work, not of a call
	fence    func() error
	reads    *pace // on the share of the source
	writes   *pace // on the share of the copy
	from, to *mount
	foreign  bool // they are on two shares
	files    *atomic.Int64
	bytes    *atomic.Int64

	crew       crew
	buffers    chan []byte
	links      links
	offload    atomic.Bool // the server may be asked to copy by itself
	attributes bool        // the source has extended attributes
	folds      bool        // two names of the source may be one name on the share of the copy

	mu      sync.Mutex
	stopped error    // why nothing more is tried
	waiting []string // folders that are made and not filled
	size    int      // bytes of their paths
}

// run copies everything. The error is the first one, with the path that it is
// about; what is there then is no copy.
func (c *copying) run() error {
	defer c.links.end()
	c.crew = newCrew(func() bool { return c.reads.busy() || c.writes.busy() })
	c.buffers = make(chan []byte, crewSize)
	c.links.at = map[file]*link{}
	c.offload.Store(!c.foreign)
	var info unix.Stat_t
	err := c.read(func() error {
		_, err := unix.Flistxattr(int(c.from.top.Fd()), nil)
		c.attributes = !errors.Is(err, unix.ENOTSUP)
		return unix.Fstat(int(c.from.top.Fd()), &info)
	})
	if err == nil && c.foreign {
		err = c.write(func() (err error) { c.folds, err = foldsNames(int(c.to.top.Fd())); return err })
	}
	if err != nil {
		return err
	}
	c.fill(c.from.top, c.to.top, "", 0)
	for c.halted() == nil {
		name, more := c.next()
		if !more {
			break
		}
		if err := c.deep(name); err != nil {
			c.fail(name, err)
		}
	}
	if err := c.halted(); err != nil {
		return err
	}
	if err := c.dressFolder(c.from.top, c.to.top, &info); err != nil {
		return err
	}
	return c.write(func() error { return unix.Syncfs(int(c.to.top.Fd())) })
}

// read runs a step on the source, write one on the copy.
func (c *copying) read(step func() error) error {
	return c.reads.run(c.ctx, func(ended error) error {
		if ended != nil {
			return ended
		}
		return retry(step)
	})
}

func (c *copying) write(step func() error) error {
	return c.writes.run(c.ctx, func(ended error) error {
		if ended == nil {
			ended = c.fence()
		}
		if ended != nil {
			return ended
		}
		err := retry(step)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESTALE) {
			// Unlike in the source, nothing goes from a copy by itself.
			return fmt.Errorf("%w: %s", errCopyGone, err.Error())
		}
		return err
	})
}

// errCopyGone: somebody takes the copy away while it is made.
var errCopyGone = errors.New("what was copied so far is not there any more")

func (c *copying) halted() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}

// fail stops the work.
func (c *copying) fail(name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped == nil {
		c.stopped = fmt.Errorf("copy %s: %w", quote(name), err)
	}
}

// postpone lets a folder that lies deep wait, if there is room for that.
func (c *copying) postpone(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size+len(name) > copyWaiting {
		return false
	}
	c.waiting = append(c.waiting, name)
	c.size += len(name)
	return true
}

func (c *copying) next() (name string, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := len(c.waiting) - 1
	if last < 0 {
		return "", false
	}
	name = c.waiting[last]
	c.waiting, c.size = c.waiting[:last], c.size-len(name)
	return name, true
}

// fill copies what is in a folder, in parallel.
func (c *copying) fill(from, to *os.File, name string, depth int) {
	for c.halted() == nil {
		var names []string
		err := c.read(func() (err error) { names, err = from.Readdirnames(batch); return err })
		c.crew.each(names, func(n string) {
			if c.halted() != nil {
				return
			}
			below := path.Join(name, n)
			if err := c.entry(from, to, n, below, depth); err != nil {
				c.fail(below, err)
			}
		})
		if errors.Is(err, io.EOF) || c.gone(from, err) {
			return
		}
		if err != nil {
			c.fail(name, err)
		}
	}
}

// errSwapped: a name stands for something else than a moment ago.
var errSwapped = errors.New("it is exchanged for something else again and again")

// entry copies one name. One that has gone meanwhile is none.
func (c *copying) entry(from, to *os.File, n, name string, depth int) (err error) {
	for range attempts {
		err = c.look(from, to, n, name, depth)
		switch {
		case errors.Is(err, unix.ENOENT), c.gone(from, err):
			return nil
		case !errors.Is(err, errSwapped) && !errors.Is(err, unix.ESTALE):
			return err
		}
	}
	return err
}

// gone says whether an error means that a folder of the source was removed while
// it was open.
func (c *copying) gone(folder *os.File, err error) bool {
	if !errors.Is(err, unix.ESTALE) && !errors.Is(err, unix.ENOENT) {
		return false
	}
	return folder != c.from.top && c.read(func() error { return ask(int(c.from.top.Fd())) }) == nil && c.removed(folder)
}

func (c *copying) removed(folder *os.File) bool {
	var info unix.Stat_t
	err := c.read(func() error { return errors.Join(ask(int(folder.Fd())), unix.Fstat(int(folder.Fd()), &info)) })
	return errors.Is(err, unix.ESTALE) || err == nil && info.Nlink == 0
}

// look finds out what a name is, by a descriptor that only stands for it, and
// copies it.
func (c *copying) look(from, to *os.File, n, name string, depth int) error {
	fd := -1
	var info unix.Stat_t
	err := c.read(func() (err error) {
		if fd, err = openAt(int(from.Fd()), n, unix.O_PATH, 0); err != nil {
			return err
		}
		return unix.Fstat(fd, &info)
	})
	if fd >= 0 {
		defer unix.Close(fd) //nolint:errcheck // it only stands for a name
	}
	if err != nil {
		return err
	}
	switch info.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		err = c.file(to, n, name, fd, &info)
	case unix.S_IFDIR:
		err = c.folder(from, to, n, name, depth)
	case unix.S_IFLNK:
		err = c.symlink(to, n, fd, &info)
	default:
		err = c.special(to, n, &info)
	}
	if errors.Is(err, unix.EEXIST) {
		return c.taken(err)
	}
	if err == nil {
		c.files.Add(1)
	}
	return err
}

// taken judges an error of a step that makes a name: one that is there already is
// no error, for a folder that changes may tell a name twice, and a server that was
// started anew may have made it when it was asked for the first time. So whoever
// makes something that is not whole at once goes on from what is there.
func (c *copying) taken(err error) error {
	switch {
	case !errors.Is(err, unix.EEXIST):
		return err
	case c.folds:
		return fmt.Errorf("another name in its folder is the same to the server of the clone, which does not tell large from small letters, or writes accents in one way: %w", ErrUncopied)
	}
	return nil
}

// folder makes a folder and fills it, or lets it wait.
func (c *copying) folder(from, to *os.File, n, name string, depth int) error {
	there := unix.Stat_t{Mode: unix.S_IFDIR}
	err := c.write(func() error {
		made := unix.Mkdirat(int(to.Fd()), n, 0o700)
		if err := c.taken(made); err != nil || made == nil {
			return err
		}
		return unix.Fstatat(int(to.Fd()), n, &there, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil {
		return err
	}
	if there.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil // it was told before, and was something else then
	}
	if depth >= copyLevels && c.postpone(name) {
		return nil
	}
	if depth >= copyDeepest {
		return fmt.Errorf("more than %d folders inside each other, and too many of them", copyDeepest)
	}
	var source, made *os.File
	err = c.read(func() (err error) { source, err = openFolder(from, n); return err })
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOENT) {
		// It is none any more. What was made for it is as empty as it was.
		return errors.Join(errSwapped, c.write(func() error { return unix.Unlinkat(int(to.Fd()), n, unix.AT_REMOVEDIR) }))
	}
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // opened to read
	if err := c.write(func() (err error) { made, err = openFolder(to, n); return err }); err != nil {
		return err
	}
	defer made.Close() //nolint:errcheck // a folder has nothing to write back
	return c.enter(source, made, name, depth+1)
}

// deep fills a folder that has waited.
func (c *copying) deep(name string) error {
	var source, made *os.File
	err := c.read(func() (err error) { source, err = c.from.open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0); return err })
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		// Removed since then, or moved. What was made for it goes, unless it was told
		// twice, and filled before.
		return c.write(func() error {
			if err := c.to.rmdir(name); !notEmpty(err) && !errors.Is(err, unix.ENOENT) {
				return err
			}
			return nil
		})
	}
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // opened to read
	err = c.write(func() (err error) { made, err = c.to.open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0); return err })
	if err != nil {
		return err
	}
	defer made.Close() //nolint:errcheck // a folder has nothing to write back
	return c.enter(source, made, name, 0)
}

func (c *copying) enter(source, made *os.File, name string, depth int) error {
	var info unix.Stat_t
	if err := c.read(func() error { return unix.Fstat(int(source.Fd()), &info) }); err != nil {
		return err
	}
	c.fill(source, made, name, depth)
	if c.halted() == nil {
		return c.dressFolder(source, made, &info)
	}
	return nil
}

func openFolder(parent *os.File, n string) (*os.File, error) {
	fd, err := openAt(int(parent.Fd()), n, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), descriptor(fd)), nil
}
