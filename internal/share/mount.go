package share

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A mount is the root of a share, held open. Every name is resolved from it, a
// segment at a time, and no symlink is followed anywhere: os.Root follows those
// that stay inside, and inside are the directories of others.
type mount struct{ top *os.File }

func openMount(place string) (*mount, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Open(place, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: place, Err: err}
	}
	return &mount{os.NewFile(uintptr(fd), place)}, nil
}

func (m *mount) close() error { return m.top.Close() }

// retry repeats a system call that a signal has interrupted.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// openAt opens a name in an open folder, and no symlink.
func openAt(folder int, base string, flags int, mode uint32) (fd int, err error) {
	err = retry(func() (err error) {
		fd, err = unix.Openat(folder, base, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		return err
	})
	return fd, err
}

// staleTries are the tries to do something in a folder whose handle the server
// does not know.
const staleTries = 3

// in runs f with the folder above a name, and the name's last segment. An error
// of f, and one of entering, is told with the operation and the whole name.
//
// A handle that the server does not know (ESTALE) says that a folder was removed
// while it was open, or only that its export was away for a moment: it is never
// an answer. The folder is looked for again, at the server.
func (m *mount) in(operation, name string, f func(folder int, base string) error) error {
	above := path.Dir(name)
	err := m.enter(above, false, func(folder int) error { return f(folder, path.Base(name)) })
	for try := 1; errors.Is(err, unix.ESTALE) && above != "." && try < staleTries; try++ {
		err = m.enter(above, true, func(folder int) error { return f(folder, path.Base(name)) })
	}
	return pathError(operation, name, err)
}

// current is in for whoever decides by what has a name now. Of a name that another
// client has taken away, or given to something else, an NFS client may go on for a
// minute to find, and to open, what had it before. The server is asked for the
// folder; if that has changed, the client asks for its names, too.
func (m *mount) current(operation, name string, f func(folder int, base string) error) error {
	return m.in(operation, name, func(folder int, base string) error {
		if err := ask(folder); err != nil {
			return err
		}
		return f(folder, base)
	})
}

func pathError(operation, name string, err error) error {
	if err != nil {
		return &fs.PathError{Op: operation, Path: name, Err: err}
	}
	return nil
}

// isMissing says whether a name is missing in the eyes of the server. An NFS
// client may remember for a minute that a name was missing.
func (m *mount) isMissing(name string) (bool, error) {
	var info unix.Stat_t
	err := m.enter(path.Dir(name), true, func(folder int) error {
		return retry(func() error { return unix.Fstatat(folder, path.Base(name), &info, unix.AT_SYMLINK_NOFOLLOW) })
	})
	if errors.Is(err, unix.ENOENT) {
		return true, nil
	}
	return false, pathError("stat", name, err)
}

// enter runs f with an open folder. With anew, nothing is believed that the
// client remembers of names on the way there and in the folder.
func (m *mount) enter(name string, anew bool, f func(folder int) error) (err error) {
	defer runtime.KeepAlive(m.top)
	folder := int(m.top.Fd())
	leave := func() error { return nil }
	defer func() { err = errors.Join(err, leave()) }()
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "." {
			break // the root itself is open
		}
		if anew {
			if err := ask(folder); err != nil {
				return err
			}
		}
		next, err := openAt(folder, segment, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		if err := leave(); err != nil {
			return errors.Join(err, unix.Close(next))
		}
		folder, leave = next, func() error { return unix.Close(next) }
	}
	if anew {
		if err := ask(folder); err != nil {
			return err
		}
	}
	return f(folder)
}

// ask has the client ask the server for a folder's attributes: if they have
// changed, it forgets what it remembers of the names in the folder.
func ask(folder int) error {
	var info unix.Statx_t
	return retry(func() error {
		return unix.Statx(folder, "", unix.AT_EMPTY_PATH|unix.AT_STATX_FORCE_SYNC, unix.STATX_BASIC_STATS, &info)
	})
}

// step is in for a system call that returns nothing else.
func (m *mount) step(operation, name string, call func(folder int, base string) error) error {
	return m.in(operation, name, func(folder int, base string) error {
		return retry(func() error { return call(folder, base) })
	})
}

// open opens a name, and no symlink. Where the file system of a folder does not
// tell what each name in it is, os.File asks by the folder's own name: that is
// one which leads to the open folder, and not to what has come into its place.
func (m *mount) open(name string, flags int, mode uint32) (f *os.File, err error) {
	return openBy(m.in, name, flags, mode)
}

// openCurrent opens what the server says has the name.
func (m *mount) openCurrent(name string, flags int) (f *os.File, err error) {
	return openBy(m.current, name, flags, 0)
}

func openBy(in func(string, string, func(int, string) error) error, name string, flags int, mode uint32) (f *os.File, err error) {
	err = in("open", name, func(folder int, base string) error {
		fd, err := openAt(folder, base, flags, mode)
		if err != nil {
			return err
		}
		if flags&unix.O_DIRECTORY != 0 {
			name = descriptor(fd)
		}
		f = os.NewFile(uintptr(fd), name)
		return nil
	})
	return f, err
}

// descriptor names an open file. Unlike its own name, nobody can give it to
// another one.
func descriptor(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func (m *mount) lstat(name string) (fs.FileInfo, error) {
	f, err := m.open(name, unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // a name for a file, nothing more
	return f.Stat()
}

// readFile reads a file. A FIFO in its place does not hold us up.
func (m *mount) readFile(name string) ([]byte, error) {
	return readAll(m.open(name, unix.O_RDONLY|unix.O_NONBLOCK, 0))
}

// readCurrent is readFile for what the server says has the name.
func (m *mount) readCurrent(name string) ([]byte, error) {
	return readAll(m.openCurrent(name, unix.O_RDONLY|unix.O_NONBLOCK))
}

func readAll(f *os.File, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened to read
	return io.ReadAll(f)
}

// between runs a system call on the folders above two names.
func (m *mount) between(operation, name, to string, call func(folder int, base string, toFolder int, toBase string) error) error {
	return m.in(operation, name, func(folder int, base string) error {
		return m.step(operation, to, func(toFolder int, toBase string) error {
			return call(folder, base, toFolder, toBase)
		})
	})
}

func (m *mount) rename(name, to string) error {
	return m.between("rename", name, to, unix.Renameat)
}

// renameNew is rename to a name that must be free. Where the server cannot
// promise that (NFS), a directory still replaces nothing but an empty one.
func (m *mount) renameNew(name, to string) error {
	return m.between("rename", name, to, func(folder int, base string, toFolder int, toBase string) error {
		err := unix.Renameat2(folder, base, toFolder, toBase, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
			err = unix.Renameat(folder, base, toFolder, toBase)
		}
		return err
	})
}

func (m *mount) link(name, to string) error {
	return m.between("link", name, to, func(folder int, base string, toFolder int, toBase string) error {
		return unix.Linkat(folder, base, toFolder, toBase, 0)
	})
}

func (m *mount) mkdir(name string, mode fs.FileMode) error {
	return m.step("mkdir", name, func(folder int, base string) error {
		return unix.Mkdirat(folder, base, uint32(mode.Perm()))
	})
}

func (m *mount) remove(name string) error {
	return m.step("unlink", name, func(folder int, base string) error { return unix.Unlinkat(folder, base, 0) })
}

func (m *mount) rmdir(name string) error {
	return m.step("rmdir", name, func(folder int, base string) error {
		return unix.Unlinkat(folder, base, unix.AT_REMOVEDIR)
	})
}
