package share

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Health is how a share fares.
type Health struct {
	// Fault is what keeps the share from being used, as the last operation saw
	// it; nil if it is well.
	Fault error
	// Since is when Fault was first seen, or seen no more.
	Since time.Time
	// InUse of Places are taken by operations; Stuck of them have outlived their
	// deadline.
	InUse, Places, Stuck int
	// Space is what the last Check that was answered saw, the zero value before.
	Space Space
}

// Space is how much a share has room for, as its server tells it. Shares on one
// file system of the server tell of the same space.
type Space struct {
	Size, Free         uint64    // bytes; what is free to users that are not root
	Inodes, FreeInodes uint64    // 0 where the server does not tell
	At                 time.Time // when it was so
}

// Health tells how the share fares. It does not touch it.
func (s *Share) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Health{Fault: s.fault, Since: s.since, InUse: s.inside, Places: s.options.Places, Stuck: s.stuck, Space: s.space}
}

// Check says whether the mount is there, is a directory, and may be written
// to, and whether its server answers. It changes nothing on the share. The
// error wraps ErrUnfit when it is whoever mounted it who has to change something.
// Any other tells of the server, such as ErrTimeout when that does not answer.
func (s *Share) Check(ctx context.Context) error {
	_, err := do(ctx, s, "check", nil, func(t *tree) (struct{}, error) {
		// Unlike what access(2) needs, this is never answered from a cache.
		space, err := s.lookAtSpace(t)
		if err != nil {
			return struct{}{}, unfit(err)
		}
		s.saw(space)
		const writeAndSearch = 0o3 // W_OK|X_OK of access(2)
		if err := syscall.Access(s.Mount, writeAndSearch); err != nil {
			return struct{}{}, unfit(fmt.Errorf("uid %d may not write to %s: %w", os.Geteuid(), s.Mount, err))
		}
		return struct{}{}, nil
	})
	return err
}

// lookAtSpace asks the server for its space.
func (s *Share) lookAtSpace(t *tree) (Space, error) {
	f, err := t.Open(".")
	if err != nil {
		return Space{}, err
	}
	defer f.Close() //nolint:errcheck // opened to read
	var told unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &told); err != nil {
		return Space{}, fmt.Errorf("ask the server for the space on %s: %w", s.Mount, err)
	}
	unit := uint64(told.Frsize)
	return Space{
		Size: told.Blocks * unit, Free: told.Bavail * unit, Inodes: told.Files, FreeInodes: told.Ffree, At: time.Now(),
	}, nil
}

// saw remembers what the server has told of its space.
func (s *Share) saw(space Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.space = space
}

// judge remembers what the outcome of an operation says about the share, and
// that the root has to be opened again after the server said that our handle is
// stale.
func (s *Share) judge(err error) {
	var fault error
	if s.failed(err) {
		fault = err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = s.stale || errors.Is(err, syscall.ESTALE)
	s.setFault(fault)
}

func (s *Share) setFault(fault error) {
	if (fault == nil) != (s.fault == nil) {
		s.since = time.Now()
	}
	s.fault = fault
}
