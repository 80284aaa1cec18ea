package share

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// privilege are the bits of a file's mode that give whoever runs it the rights of
// its owner or group.
const privilege = unix.S_ISUID | unix.S_ISGID

const permissions = 0o7777

// judgePrivilege takes setuid and setgid from what is to be a file's mode if the
// file may be another one than the owner gave them to: changed while it was
// copied, which took them away over there, or on another share, where its tenant
// might not be able to set them.
func (c *copying) judgePrivilege(source int, info *unix.Stat_t) error {
	if info.Mode&privilege == 0 {
		return nil
	}
	var now unix.Statx_t
	err := c.read(func() error {
		return unix.Statx(source, "", unix.AT_EMPTY_PATH|unix.AT_STATX_FORCE_SYNC, unix.STATX_BASIC_STATS, &now)
	})
	if err != nil {
		return err
	}
	seconds, nanoseconds := info.Ctim.Unix() // of one width on every architecture
	changed := now.Ctime.Sec != seconds || int64(now.Ctime.Nsec) != nanoseconds
	if c.foreign || changed {
		info.Mode &^= privilege
	}
	info.Mode &= uint32(now.Mode) | ^uint32(privilege) // two changes may be of one tick of the server's clock
	return nil
}

// dressFile gives a file that is open and whole owner, mode, attributes and
// times, and asks the server for no more than what is not so already.
func dressFile(file, folder int, n string, info *unix.Stat_t, extra []attribute) error {
	if err := dressOpen(file, info, extra); err != nil {
		return err
	}
	return unix.UtimesNanoAt(folder, n, []unix.Timespec{info.Atim, info.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}

func dressOpen(file int, info *unix.Stat_t, extra []attribute) error {
	var made unix.Stat_t
	if err := unix.Fstat(file, &made); err != nil {
		return err
	}
	if made.Uid != info.Uid || made.Gid != info.Gid {
		if err := unix.Fchown(file, int(info.Uid), int(info.Gid)); err != nil {
			return notOwned(err, info)
		}
		made.Mode &^= privilege // as chown does
	}
	for _, a := range extra {
		if err := unix.Fsetxattr(file, a.name, a.value, 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
			return fmt.Errorf("set the attribute %s: %w", a.name, err)
		}
	}
	if made.Mode&permissions == info.Mode&permissions {
		return nil
	}
	return unix.Fchmod(file, info.Mode&permissions)
}

// dressFolder is dressFile for a folder that is full.
func (c *copying) dressFolder(source, made *os.File, info *unix.Stat_t) error {
	var extra []attribute
	if c.attributes {
		if err := c.read(func() (err error) { extra, err = attributes(int(source.Fd())); return err }); err != nil {
			return err
		}
	}
	fd := int(made.Fd())
	return c.write(func() error {
		if err := dressOpen(fd, info, extra); err != nil {
			return err
		}
		return unix.UtimesNanoAt(unix.AT_FDCWD, descriptor(fd), []unix.Timespec{info.Atim, info.Mtim}, 0)
	})
}

// symlink copies a symlink, wherever it leads.
func (c *copying) symlink(to folder, n string, stands int, info *unix.Stat_t) error {
	target := make([]byte, unix.PathMax)
	var length int
	err := c.read(func() (err error) { length, err = unix.Readlinkat(stands, "", target); return err })
	if err != nil {
		return err
	}
	return c.write(func() error {
		if err := c.taken(unix.Symlinkat(string(target[:length]), int(to.Fd()), n)); err != nil {
			return err
		}
		return dressName(int(to.Fd()), n, info)
	})
}

// special makes a FIFO, a socket or a device.
func (c *copying) special(to folder, n string, info *unix.Stat_t) error {
	what, device := "a device", true
	switch info.Mode & unix.S_IFMT {
	case unix.S_IFIFO:
		what, device = "a FIFO", false
	case unix.S_IFSOCK:
		what, device = "a socket", false
	}
	if device && c.foreign {
		return fmt.Errorf("it is %s, which is not copied to another share: %w", what, ErrUncopied)
	}
	return c.write(func() error {
		if err := c.taken(unix.Mknodat(int(to.Fd()), n, info.Mode&(unix.S_IFMT|0o777), int(info.Rdev))); err != nil {
			return fmt.Errorf("it is %s, which cannot be made: %w: %w", what, ErrUncopied, err)
		}
		return dressName(int(to.Fd()), n, info)
	})
}

// dressName is dressFile for what cannot be opened, by its name in a folder that
// nobody else knows. What is of another kind stays as it is: the source told the
// name twice, and something else came into its place in between.
func dressName(folder int, n string, info *unix.Stat_t) error {
	var made unix.Stat_t
	if err := unix.Fstatat(folder, n, &made, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if (made.Mode^info.Mode)&unix.S_IFMT != 0 {
		return nil
	}
	if made.Uid != info.Uid || made.Gid != info.Gid {
		if err := unix.Fchownat(folder, n, int(info.Uid), int(info.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return notOwned(err, info)
		}
	}
	if info.Mode&unix.S_IFMT != unix.S_IFLNK && made.Mode&permissions != info.Mode&permissions {
		if err := chmodName(folder, n, 0, info.Mode&permissions); err != nil {
			return err
		}
	}
	return unix.UtimesNanoAt(folder, n, []unix.Timespec{info.Atim, info.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}

// chmodName is for what must not, or cannot, be opened, where fchmodat(2) would
// follow a symlink put in its place: it is named by a descriptor that only stands
// for it. With O_DIRECTORY nothing but a folder changes.
func chmodName(folder int, n string, flags int, mode uint32) error {
	fd, err := openAt(folder, n, unix.O_PATH|flags, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Chmod(descriptor(fd), mode), unix.Close(fd))
}

func notOwned(err error, info *unix.Stat_t) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w to uid %d and gid %d; the export probably has root_squash: %w", ErrOwnership, info.Uid, info.Gid, err)
	}
	return err
}

// An attribute is an extended one.
type attribute struct {
	name  string
	value []byte
}

// mostAttributes bounds the bytes of a file's attributes that are copied.
const mostAttributes = 1 << 20

// attributes are those of a file that are its user's: the others are what the
// server's own file system keeps there.
func attributes(file int) (all []attribute, err error) {
	names, err := grown(func(to []byte) (int, error) { return unix.Flistxattr(file, to) })
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the extended attributes: %w", err)
	}
	if len(names) == 0 {
		return nil, nil
	}
	bytes := 0
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		if !strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "system.posix_acl_") {
			continue
		}
		value, err := grown(func(to []byte) (int, error) { return unix.Fgetxattr(file, name, to) })
		if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the attribute %s: %w", name, err)
		}
		if bytes += len(name) + len(value); bytes > mostAttributes {
			return nil, fmt.Errorf("it has more than %d bytes of extended attributes: %w", mostAttributes, ErrUncopied)
		}
		all = append(all, attribute{name, value})
	}
	return all, nil
}

// grown reads something whose length may change while it is asked for.
func grown(read func(to []byte) (int, error)) ([]byte, error) {
	for {
		n, err := read(nil)
		if err != nil || n == 0 {
			return nil, err
		}
		to := make([]byte, n)
		n, err = read(to)
		if errors.Is(err, unix.ERANGE) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return to[:n], nil
	}
}
