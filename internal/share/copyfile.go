package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A file is told from all others, whatever its names, by its inode and by what is
// in it: the number of one that goes may be given to another.
type file struct {
	device, number uint64
	size           int64
	modified       int64 // ns
}

// linksAtOnce bounds how many files with several names the copies of a share
// remember, so that no source, whatever is in it, takes all of the memory.
const linksAtOnce = 1 << 19

// links are the files of a copy that have several names, until all are found.
type links struct {
	mu    sync.Mutex
	at    map[file]*link
	known *atomic.Int64 // of all copies of the share
}

// A link is a file of which one name is copied, or being copied.
type link struct {
	done chan struct{} // closed when name is final, then nil
	name string        // in the copy, "" if it was not to be had
	left int64         // names that are still to be found
}

// find says whether a name of a file is the first one.
func (l *links) find(of file, names int64) (found *link, first bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, known := l.at[of]
	if !known {
		if l.known.Load() >= linksAtOnce {
			return nil, false, fmt.Errorf("there are more than %d files with several names, of which not all names are found: %w", linksAtOnce, ErrUncopied)
		}
		found = &link{done: make(chan struct{}), left: names}
		l.at[of] = found
		l.known.Add(1)
	}
	if found.left--; found.left == 0 {
		l.forget(of)
	}
	return found, !known, nil
}

func (l *links) forget(of file) {
	if _, known := l.at[of]; known {
		delete(l.at, of)
		l.known.Add(-1)
	}
}

// settle tells those who wait for the first name of a file that it is there, or
// that it was not to be had.
func (l *links) settle(of file, found *link, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if found.name = name; name == "" {
		l.forget(of)
	}
	close(found.done)
	found.done = nil
}

// named waits for the name of a file that somebody else copies.
func (l *links) named(ctx context.Context, found *link) (string, error) {
	l.mu.Lock()
	done := found.done
	l.mu.Unlock()
	if done != nil {
		select {
		case <-done:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return found.name, nil
}

// end forgets all files.
func (l *links) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known.Add(-int64(len(l.at)))
	clear(l.at)
}

// file copies a file, or gives its copy one more name.
func (c *copying) file(to folder, n, name string, stands int, info *unix.Stat_t) error {
	if info.Nlink < 2 {
		return c.content(to, n, stands)
	}
	of := file{info.Dev, info.Ino, info.Size, info.Mtim.Nano()}
	for {
		known, first, err := c.links.find(of, int64(info.Nlink))
		if err != nil {
			return err
		}
		if first {
			err := c.content(to, n, stands)
			if err != nil {
				name = ""
			}
			c.links.settle(of, known, name)
			return err
		}
		copied, err := c.links.named(c.ctx, known)
		if err != nil {
			return err
		}
		if copied == "" {
			continue // and perhaps this name is the first one now
		}
		return c.write(func() error {
			return c.to.in("link", copied, func(above int, base string) error {
				return unix.Linkat(above, base, int(to.Fd()), n, 0)
			})
		})
	}
}

// folder is an open folder.
type folder interface{ Fd() uintptr }

// content copies a file whose descriptor stands for it and nothing more: that is
// opened, so that what comes into its place is not.
func (c *copying) content(to folder, n string, stands int) (err error) {
	buffer := c.buffer()
	defer func() { c.buffers <- buffer }()
	source, got, whole := -1, 0, false
	var info unix.Stat_t
	err = c.read(func() (err error) {
		if source, err = unix.Open(descriptor(stands), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.Fstat(source, &info); err != nil {
			return err
		}
		if info.Mode&unix.S_IFMT != unix.S_IFREG {
			return errSwapped
		}
		if whole = info.Size <= int64(len(buffer)) && !sparse(&info); whole {
			got, err = readFull(source, buffer[:info.Size])
		}
		return err
	})
	if source >= 0 {
		defer unix.Close(source) //nolint:errcheck // opened to read
	}
	if err != nil {
		return err
	}
	made := -1
	defer func() {
		if made < 0 {
			return
		}
		err = errors.Join(err, unix.Close(made)) // where NFS tells that it could not be written
		if err == nil || c.ctx.Err() != nil {
			return
		}
		// Who tries again must not find a part and take it for the whole.
		if left := c.write(func() error { return unix.Unlinkat(int(to.Fd()), n, 0) }); left != nil {
			err = fmt.Errorf("%s; and what was copied of it stays: %w", err.Error(), left)
		}
	}()
	begin := func() (err error) {
		made, err = c.create(int(to.Fd()), n, info.Mode&0o777)
		return err
	}
	var extra []attribute
	if c.attributes {
		if err := c.read(func() (err error) { extra, err = attributes(source); return err }); err != nil {
			return err
		}
	}
	if whole && info.Mode&privilege == 0 {
		return c.write(func() error {
			if err := begin(); err != nil {
				return err
			}
			if err := writeFull(made, buffer[:got], 0); err != nil {
				return err
			}
			c.bytes.Add(int64(got))
			return dressFile(made, int(to.Fd()), n, &info, extra)
		})
	}
	if err := c.write(begin); err != nil {
		return err
	}
	if err := c.data(source, made, &info, buffer); err != nil {
		return err
	}
	if err := c.judgePrivilege(source, &info); err != nil {
		return err
	}
	return c.write(func() error { return dressFile(made, int(to.Fd()), n, &info, extra) })
}

// create makes a file that nobody has made before. The error is EEXIST where there
// is what was copied already, for the source told the name twice. One that is
// empty may have been made by a server that was then started anew, and asked
// again: another one takes its place.
func (c *copying) create(folder int, n string, mode uint32) (int, error) {
	for try := 1; ; try++ {
		made, err := openAt(folder, n, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, mode)
		if err == nil {
			return made, nil
		}
		if !errors.Is(err, unix.EEXIST) || c.folds || try == attempts {
			return -1, err
		}
		var there unix.Statx_t
		problem := unix.Statx(folder, n, unix.AT_SYMLINK_NOFOLLOW|unix.AT_STATX_FORCE_SYNC, unix.STATX_BASIC_STATS, &there)
		if problem == nil {
			if there.Mode&unix.S_IFMT != unix.S_IFREG || there.Nlink != 1 || there.Size > 0 {
				return -1, err
			}
			problem = unix.Unlinkat(folder, n, 0)
		}
		if problem != nil && !errors.Is(problem, unix.ENOENT) {
			return -1, problem
		}
	}
}

// buffer takes one that is free, or a new one: there are as many as goroutines.
func (c *copying) buffer() []byte {
	select {
	case b := <-c.buffers:
		return b
	default:
		return make([]byte, copyBuffer)
	}
}

// sparse says whether a file seems to have holes.
func sparse(info *unix.Stat_t) bool {
	const block = 512 // of st_blocks, whatever the file system
	return info.Blocks*block < info.Size
}

// data copies what is in a file as it was when it was opened: what is appended
// later does not count, and of a file that is cut meanwhile there is what is left.
// Holes stay holes. Before version 4.2 NFS does not tell where they are: then the
// client, asked to copy such a file by itself, would fill them, and zeros are
// looked for.
func (c *copying) data(source, made int, info *unix.Stat_t, buffer []byte) error {
	size, holes := info.Size, sparse(info)
	for at := int64(0); at < size; {
		start, end := at, size
		if holes {
			if err := c.read(func() (err error) { start, end, err = extent(source, at, size); return err }); err != nil {
				return err
			}
		}
		untold := holes && start == 0 && end == size
		next, err := c.stretch(source, made, start, end, untold, buffer)
		if err != nil {
			return err
		}
		if next < end {
			size = next
		}
		at = end
	}
	if !holes {
		return nil
	}
	return c.write(func() error { return unix.Ftruncate(made, size) })
}

// extent finds the next stretch of a file that is no hole.
func extent(file int, at, size int64) (start, end int64, err error) {
	start, err = unix.Seek(file, at, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return size, size, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOTSUP):
		return at, size, nil
	case err != nil:
		return 0, 0, err
	}
	end, err = unix.Seek(file, start, unix.SEEK_HOLE)
	if errors.Is(err, unix.ENXIO) {
		end, err = size, nil // it was cut meanwhile: what is read tells where
	}
	return min(start, size), min(end, size), err
}

// stretch copies a part of a file, but for zeros if it may have holes, and returns
// where it ended: before its end if the file is shorter now.
func (c *copying) stretch(source, made int, at, end int64, holes bool, buffer []byte) (int64, error) {
	for !holes && end-at >= offloadedFrom && c.offload.Load() {
		var n int
		var told error
		from, to := at, at
		err := c.write(func() error {
			n, told = unix.CopyFileRange(source, &from, made, &to, int(min(end-at, copyAtOnce)), 0)
			return told
		})
		if errors.Is(told, unix.ESTALE) {
			// Of which of the two, only asking tells.
			if err := c.read(func() error { return ask(source) }); err != nil {
				return at, err
			}
		}
		if cannotOffload(err) {
			c.offload.Store(false)
			break
		}
		if err != nil {
			return at, err
		}
		if n == 0 {
			break // its end, as reading will tell
		}
		at += int64(n)
		c.bytes.Add(int64(n))
	}
	for at < end {
		var n int
		err := c.read(func() (err error) {
			n, err = unix.Pread(source, buffer[:min(end-at, int64(len(buffer)))], at)
			return err
		})
		if err != nil || n == 0 {
			return at, err
		}
		if err := c.write(func() error { return writeData(made, buffer[:n], at, holes) }); err != nil {
			return at, err
		}
		at += int64(n)
		c.bytes.Add(int64(n))
	}
	return at, nil
}

// cannotOffload says whether an error of copy_file_range means that data has to
// be read and written.
func cannotOffload(err error) bool {
	for _, e := range []error{unix.EXDEV, unix.ENOSYS, unix.EOPNOTSUPP, unix.EINVAL, unix.EBADF, unix.EPERM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

const blockSize = 4096

var zeros [blockSize]byte

// writeData writes data, and no zeros into a file that had holes: most servers of
// NFS before version 4.2 do not tell where they are.
func writeData(file int, data []byte, at int64, holes bool) error {
	if !holes {
		return writeFull(file, data, at)
	}
	for len(data) > 0 {
		n := run(data, true)
		data, at = data[n:], at+int64(n)
		n = run(data, false)
		if err := writeFull(file, data[:n], at); err != nil {
			return err
		}
		data, at = data[n:], at+int64(n)
	}
	return nil
}

// run is the length of the blocks at the beginning that are zero, or are not.
func run(data []byte, zero bool) (n int) {
	for n < len(data) {
		block := data[n:min(n+blockSize, len(data))]
		if bytes.Equal(block, zeros[:len(block)]) != zero {
			break
		}
		n += len(block)
	}
	return n
}

func writeFull(file int, data []byte, at int64) error {
	for len(data) > 0 {
		var n int
		if err := retry(func() (err error) { n, err = unix.Pwrite(file, data, at); return err }); err != nil {
			return err
		}
		data, at = data[n:], at+int64(n)
	}
	return nil
}

// readFull reads until the buffer is full or the file ends.
func readFull(file int, buffer []byte) (got int, err error) {
	for got < len(buffer) {
		var n int
		err := retry(func() (err error) { n, err = unix.Pread(file, buffer[got:], int64(got)); return err })
		if err != nil || n == 0 {
			return got, err
		}
		got += n
	}
	return got, nil
}
