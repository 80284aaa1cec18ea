package share

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// removed removes a volume's data and returns what Remove says once that has
// ended.
func removed(t *testing.T, s *Share, r Record) error {
	t.Helper()
	return removedVolume(t, s, volume(r))
}

func removedVolume(t *testing.T, s *Share, v Volume) error {
	t.Helper()
	err := s.Remove(t.Context(), v)
	if errors.Is(err, ErrRemoving) {
		ended(t, s, v.Name)
		err = s.Remove(t.Context(), v)
	}
	return err
}

func TestRemoveEmptiesATreeOfEveryKindOfFile(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "db")
		mustMake(t, s, r, open777)
		for i := range 3 {
			for j := range 100 {
				write(t, s, fmt.Sprintf("db/%d/sub/%d", i, j), "x")
			}
		}
		write(t, s, "victim/file", "precious")
		place := filepath.Join(s.Mount, "db")
		if err := errors.Join(
			os.Symlink("../victim", place+"/0/link"),
			os.Symlink(filepath.Join(s.Mount, "victim"), place+"/absolute"),
			os.Symlink("nowhere", place+"/dangling"),
			os.Link(filepath.Join(s.Mount, "victim/file"), place+"/hard"),
			os.Mkdir(place+"/empty", 0o700),
			os.WriteFile(place+"/"+strings.Repeat("n", MaxSegment), nil, 0o400),
		); err != nil {
			t.Fatal(err)
		}
		if err := removed(t, s, r); err != nil {
			t.Fatal(err)
		}
		expectAbsent(t, s, "db")
		expectAbsent(t, s, trashFolder+"/pv-1")
		expectContent(t, s, "victim/file", "precious")
		if len(s.Removals()) > 0 {
			t.Errorf("still known: %v", s.Removals())
		}
	})
}

func TestRemoveReadsAFolderOfManyNamesToItsEnd(t *testing.T) {
	forSomeFileSystems(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "db")
		mustMake(t, s, r, open777)
		for i := range 2*batch + 1 {
			if err := os.WriteFile(filepath.Join(s.Mount, "db", fmt.Sprint(i)), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := removed(t, s, r); err != nil {
			t.Error(err)
		}
		expectAbsent(t, s, trashFolder+"/pv-1")
	})
}

func TestADeepTreeIsRemoved(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "db")
		mustMake(t, s, r, open777)
		for _, levels := range []int{deepest - 1, deepest, deepest + 1, 3 * deepest} {
			write(t, s, "db/"+fmt.Sprint(levels)+strings.Repeat("/d", levels)+"/file", "x")
		}
		if err := removed(t, s, r); err != nil {
			t.Error(err)
		}
		expectAbsent(t, s, trashFolder+"/pv-1")
	})
}

func TestWhatCannotBeRemovedIsNamedAndKeepsNothingElse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a file that root cannot remove")
	}
	s := newShare(t, t.TempDir())
	r := record(t, "pv-1", "a", "db")
	mustMake(t, s, r, open777)
	write(t, s, "db/deep/stuck/file", "x")
	write(t, s, "db/deep/loose", "x")
	write(t, s, "db/other/file", "x")
	stuck := filepath.Join(s.Mount, "db/deep/stuck")
	if err := immutable(stuck, true); err != nil {
		t.Skipf("this file system has no immutable files: %v", err)
	}
	err := removed(t, s, r)
	bin := filepath.Join(s.Mount, trashFolder, "pv-1")
	if err := immutable(filepath.Join(bin, "deep/stuck"), false); err != nil {
		t.Fatal(err)
	}
	expectError(t, err, ErrNotEmptied)
	for _, word := range []string{`"deep/stuck/file"`, trashFolder + "/pv-1", "operation not permitted"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
	expectAbsent(t, s, trashFolder+"/pv-1/deep/loose")
	expectAbsent(t, s, trashFolder+"/pv-1/other")
	if err := removed(t, s, r); err != nil {
		t.Errorf("after it was let go: %v", err)
	}
	expectAbsent(t, s, trashFolder+"/pv-1")
}

func TestARemovalStopsAtOnceWhenTheLeaseIsLost(t *testing.T) {
	s := newShare(t, t.TempDir())
	r := record(t, "pv-1", "a", "db")
	mustMake(t, s, r, open777)
	for i := range 100 {
		write(t, s, fmt.Sprintf("db/%d", i), "x")
	}
	lost := false
	s.options.Fence = func() error {
		if _, err := os.Lstat(filepath.Join(s.Mount, proofOf("pv-1"))); lost || err == nil {
			lost = true
			return errFenced
		}
		return nil
	}
	expectError(t, removed(t, s, r), errFenced)
	left, err := os.ReadDir(filepath.Join(s.Mount, trashFolder, "pv-1"))
	if err != nil {
		left, err = os.ReadDir(filepath.Join(s.Mount, "db"))
	}
	if err != nil || len(left) != 100 {
		t.Errorf("%d files are left (%v), want 100", len(left), err)
	}
	s.options.Fence = func() error { return nil }
	if err := removed(t, s, r); err != nil {
		t.Error(err)
	}
}

// A volume of many files must not hold up one of few.
func TestAGiantDelaysNoOtherRemoval(t *testing.T) {
	s := newShare(t, inMemory(t))
	giant, small := record(t, "pv-giant", "a", "giant"), record(t, "pv-small", "b", "small")
	for _, r := range []Record{giant, small} {
		mustMake(t, s, r, open777)
		write(t, s, r.Directory.path+"/file", "x")
	}
	for i := range 5000 {
		if err := os.WriteFile(filepath.Join(s.Mount, "giant", fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := do(t.Context(), s, "discard", nil, func(t *tree) (bool, error) { return discard(s, t, volume(giant)) })
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.empty(giant.Volume)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), volume(small)); err != nil {
		t.Errorf("the small one: %v", err)
	}
	if r.ended() {
		t.Error("the giant was gone first, so this has shown nothing")
	}
	if err := removed(t, s, giant); err != nil {
		t.Errorf("the giant: %v", err)
	}
}

// immutable makes a folder one that nobody, not even root, can change.
func immutable(folder string, set bool) error {
	const immutableFlag = 0x10 // FS_IMMUTABLE_FL of linux/fs.h
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil {
		if flags &^= immutableFlag; set {
			flags |= immutableFlag
		}
		err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags))
	}
	return errors.Join(err, f.Close())
}
