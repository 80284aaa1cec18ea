package share

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

// An inode tells a file from all others, whatever its names.
type inode struct{ device, number uint64 }

// links are the files of a copy that have several names, until all are found.
type links struct {
	mu sync.Mutex
	at map[inode]*link
}

// A link is a file of which one name is copied, or being copied.
type link struct {
	done chan struct{} // closed when name is final
	name string        // in the copy, "" if it was not to be had
	left int64         // names that are still to be found
}

// find says whether a name of a file is the first one.
func (l *links) find(of inode, names int64) (found *link, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, known := l.at[of]
	if !known {
		found = &link{done: make(chan struct{}), left: names}
		l.at[of] = found
	}
	if found.left--; found.left == 0 {
		delete(l.at, of)
	}
	return found, !known
}

func (l *links) drop(of inode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.at, of)
}

// file copies a file, or gives its copy one more name.
func (c *copying) file(to folder, n, name string, stands int, info *unix.Stat_t) error {
	if info.Nlink < 2 {
		return c.content(to, n, stands)
	}
	of := inode{info.Dev, info.Ino}
	for {
		known, first := c.links.find(of, int64(info.Nlink))
		if first {
			err := c.content(to, n, stands)
			if err == nil {
				known.name = name
			} else {
				c.links.drop(of)
			}
			close(known.done)
			return err
		}
		select {
		case <-known.done:
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		}
		if known.name == "" {
			continue // and perhaps this name is the first one now
		}
		return c.write(func() error {
			return c.to.in("link", known.name, func(above int, base string) error {
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
		if made >= 0 {
			err = errors.Join(err, unix.Close(made)) // where NFS tells that it could not be written
		}
	}()
	begin := func() (err error) {
		made, err = openAt(int(to.Fd()), n, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, info.Mode&0o777)
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
	return min(start, size), min(end, size), err
}

// stretch copies a part of a file, but for zeros if it may have holes, and returns
// where it ended: before its end if the file is shorter now.
func (c *copying) stretch(source, made int, at, end int64, holes bool, buffer []byte) (int64, error) {
	for !holes && end-at >= offloadedFrom && c.offload.Load() {
		var n int
		from, to := at, at
		err := c.write(func() (err error) {
			n, err = unix.CopyFileRange(source, &from, made, &to, int(min(end-at, copyAtOnce)), 0)
			return err
		})
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
