package share

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNothingOutsideItsSourceComesIntoACopy lets a tenant exchange what is in the
// source, all the time, for symlinks out of it and for what must not be opened.
func TestNothingOutsideItsSourceComesIntoACopy(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		source := record(t, "pv-1", "a", "open/source")
		victim := record(t, "pv-v", "v", "vault")
		mustMake(t, s, source, open777)
		mustMake(t, s, victim, open777)
		write(t, s, "vault/secret", "secret")
		write(t, s, "vault/file", "secret")
		top := filepath.Join(s.Mount, "open/source")
		vault := filepath.Join(s.Mount, "vault")
		const pairs = 12
		for i := range pairs {
			one, other := filepath.Join(top, fmt.Sprintf("x%d", i)), filepath.Join(top, fmt.Sprintf("y%d", i))
			switch i % 4 {
			case 0: // a folder and a symlink to a folder
				write(t, s, fmt.Sprintf("open/source/x%d/file", i), "tenant's")
				must(t, os.Symlink(vault, other))
			case 1: // a file and a symlink to a file
				must(t, os.WriteFile(one, []byte("tenant's"), 0o666))
				must(t, os.Symlink("../../vault/secret", other))
			case 2: // a file and a FIFO, which whoever opens it would wait at
				must(t, os.WriteFile(one, []byte("tenant's"), 0o666))
				must(t, syscall.Mkfifo(other, 0o666))
			case 3: // a folder and a file
				write(t, s, fmt.Sprintf("open/source/x%d/file", i), "tenant's")
				must(t, os.WriteFile(other, []byte("tenant's"), 0o666))
			}
		}
		exchange := func(one, other string) {
			if err := unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE); err != nil {
				_ = os.Rename(one, one+".away") // NFS
				_ = os.Rename(other, one)
				_ = os.Rename(one+".away", other)
			}
		}
		stop := make(chan struct{})
		var exchanges atomic.Int64
		var group sync.WaitGroup
		for worker := range 2 {
			group.Go(func() {
				for i := worker; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					exchange(filepath.Join(top, fmt.Sprintf("x%d", i%pairs)), filepath.Join(top, fmt.Sprintf("y%d", i%pairs)))
					exchanges.Add(1)
				}
			})
		}
		end := time.Now().Add(2 * time.Second)
		copies := 0
		for ; time.Now().Before(end); copies++ {
			r := record(t, fmt.Sprintf("pv-copy-%d", copies), "b", fmt.Sprintf("copies/%d", copies))
			_, err := cloned(t.Context(), s, r, s, volume(source))
			if err != nil && !strings.Contains(err.Error(), errSwapped.Error()) {
				t.Fatal(err)
			}
			if err == nil {
				innocent(t, filepath.Join(s.Mount, "copies", fmt.Sprint(copies)))
			}
			must(t, s.Abandon(t.Context(), r))
			must(t, os.RemoveAll(filepath.Join(s.Mount, "copies")))
		}
		close(stop)
		group.Wait()
		expectContent(t, s, "vault/secret", "secret")
		if left, err := os.ReadDir(vault); err != nil || len(left) != 2 {
			t.Errorf("in the vault is %v (%v)", left, err)
		}
		t.Logf("%d copies, %d exchanges", copies, exchanges.Load())
	})
}

// innocent fails for a file that holds what is a secret.
func innocent(t *testing.T, top string) {
	t.Helper()
	must(t, filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), "secret") {
			t.Errorf("%s holds a secret", path)
		}
		return err
	}))
}

// TestSetuidIsLostByAFileThatIsWrittenToWhileItIsCopied plays the tenant who may
// write to a file that another user gave setuid.
func TestSetuidIsLostByAFileThatIsWrittenToWhileItIsCopied(t *testing.T) {
	s := newShare(t, t.TempDir())
	source, r := record(t, "pv-1", "a", "a"), record(t, "pv-2", "b", "b")
	mustMake(t, s, source, open777)
	write(t, s, "a/program", strings.Repeat("x", 2*copyBuffer))
	place := filepath.Join(s.Mount, "a/program")
	must(t, os.Chmod(place, fs.ModeSetuid|0o777))
	var once sync.Once
	s.options.Fence = func() error {
		if names, _ := filepath.Glob(filepath.Join(s.Mount, clonesFolder, "*", "program")); len(names) > 0 {
			once.Do(func() {
				before, err := os.Stat(place)
				must(t, err)
				for now := before; renamed(now).Equal(renamed(before)); { // until the file system's clock has moved on
					f, err := os.OpenFile(place, os.O_WRONLY, 0)
					must(t, err)
					_, err = f.WriteString("planted")
					must(t, errors.Join(err, f.Close()))
					now, err = os.Stat(place)
					must(t, err)
				}
			})
		}
		return nil
	}
	mustClone(t, s, r, source)
	info, err := os.Stat(filepath.Join(s.Mount, "b/program"))
	if err != nil || info.Mode()&fs.ModeSetuid != 0 || info.Mode().Perm() != 0o777 {
		t.Errorf("the copy has mode %v (%v)", info.Mode(), err)
	}
}
