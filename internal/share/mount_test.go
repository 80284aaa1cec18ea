package share

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func mountOf(t *testing.T) (m *mount, place string) {
	t.Helper()
	place = t.TempDir()
	if err := os.MkdirAll(filepath.Join(place, "team/deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	m, err := openMount(place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.close(); err != nil {
			t.Error(err)
		}
	})
	return m, place
}

func TestAStaleFolderIsLookedForAgain(t *testing.T) {
	m, place := mountOf(t)
	calls := 0
	err := m.step("mkdir", "team/deep/data", func(folder int, base string) error {
		if calls++; calls < staleTries {
			return unix.ESTALE
		}
		return unix.Mkdirat(folder, base, 0o700)
	})
	if err != nil || calls != staleTries {
		t.Errorf("after %d calls: %v", calls, err)
	}
	if _, err := os.Stat(filepath.Join(place, "team/deep/data")); err != nil {
		t.Error(err)
	}
}

func TestAFolderThatStaysStaleIsNotTakenForOneThatIsGone(t *testing.T) {
	m, _ := mountOf(t)
	err := m.step("unlink", "team/deep/data", func(int, string) error { return unix.ESTALE })
	if !errors.Is(err, unix.ESTALE) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestAFolderThatWasRemovedWhileItWasOpenIsGone(t *testing.T) {
	m, place := mountOf(t)
	err := m.step("mkdir", "team/deep/data", func(folder int, base string) error {
		if err := os.Remove(filepath.Join(place, "team/deep")); err == nil {
			return unix.ESTALE // what NFS answers
		}
		return unix.Mkdirat(folder, base, 0o700)
	})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestFoldersAreClosedBehindAStep(t *testing.T) {
	m, _ := mountOf(t)
	before := descriptors(t)
	for range 10 {
		for _, name := range []string{"team/deep/data", "team/missing/data", "data"} {
			if err := m.step("unlink", name, func(int, string) error { return unix.ESTALE }); err == nil {
				t.Error("no error")
			}
		}
	}
	if after := descriptors(t); after > before { // the garbage collector may close those of other tests
		t.Errorf("%d descriptors are open, %d were", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestWhatIsMissing(t *testing.T) {
	m, _ := mountOf(t)
	for name, want := range map[string]bool{
		"team": false, "team/deep": false, "other": true, "team/other": true, "other/deep": true, "team/deep/data": true,
	} {
		if missing, err := m.isMissing(name); err != nil || missing != want {
			t.Errorf("%s: got %t, %v, want %t", name, missing, err, want)
		}
	}
}

func TestWhatCannotBeSeenIsNotMissing(t *testing.T) {
	m, place := mountOf(t)
	if err := os.Symlink("deep", filepath.Join(place, "team/link")); err != nil {
		t.Fatal(err)
	}
	if missing, err := m.isMissing("team/link/data"); missing || err == nil {
		t.Errorf("below a symlink: got %t, %v", missing, err)
	}
}
