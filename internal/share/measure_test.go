package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// takes is what files take on the disk, each once.
func takes(t *testing.T, s *Share, place string) (want Used) {
	t.Helper()
	seen := map[uint64]bool{}
	err := filepath.WalkDir(filepath.Join(s.Mount, place), func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == filepath.Join(s.Mount, place) {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want.Files++
		if stat := info.Sys().(*syscall.Stat_t); !seen[stat.Ino] {
			seen[stat.Ino] = true
			want.Bytes += stat.Blocks * 512
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return want
}

func TestMeasureCountsWhatFilesTakeOnTheServerOnce(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		mustMake(t, s, record(t, "pv-1", "a", "team/db"), open777)
		write(t, s, "team/other/file", "a neighbour's")
		for i := range 2*measuredAtOnce + 1 {
			write(t, s, fmt.Sprintf("team/db/flat/%d", i), "some content")
		}
		write(t, s, "team/db/a/b/c/d/deep", string(make([]byte, 100_000)))
		at := func(name string) string { return filepath.Join(s.Mount, "team/db", name) }
		outside := filepath.Join(t.TempDir(), "large")
		if err := errors.Join(
			os.WriteFile(outside, make([]byte, 1<<20), 0o600),
			os.Symlink(outside, at("leads-away")), os.Symlink("..", at("leads-up")), os.Symlink("a", at("leads-inside")),
			os.Link(at("a/b/c/d/deep"), at("same")), os.Link(at("same"), at("same-again")),
			os.WriteFile(at("sparse"), nil, 0o600), os.Truncate(at("sparse"), 1<<30),
			syscall.Mkfifo(at("pipe"), 0o600),
		); err != nil {
			t.Fatal(err)
		}
		looked := 0
		got, err := s.Measure(t.Context(), directory(t, "team/db"), func(files int) {
			if looked += files; files > measuredAtOnce {
				t.Errorf("%d files at once", files)
			}
		})
		want := takes(t, s, "team/db")
		// A file with three names counts three times a third, rounded down.
		if off := want.Bytes - got.Bytes; err != nil || got.Files != want.Files || off < 0 || off > 2 || looked != int(want.Files) {
			t.Errorf("got %+v, %v, told of %d; want %+v", got, err, looked, want)
		}
	})
}

func TestMeasureOfWhatIsNotADirectoryFails(t *testing.T) {
	s := newShare(t, t.TempDir())
	write(t, s, "elsewhere/file", "data")
	if err := os.Symlink("elsewhere", filepath.Join(s.Mount, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gone", "link", "elsewhere/file"} {
		if got, err := s.Measure(t.Context(), directory(t, name), func(int) {}); err == nil {
			t.Errorf("%s holds %+v", name, got)
		}
	}
	_, err := s.Measure(t.Context(), directory(t, "gone"), func(int) {})
	expectError(t, err, fs.ErrNotExist)
}

func TestMeasureEndsWithItsContextAndWithTheShare(t *testing.T) {
	s := newShare(t, t.TempDir())
	write(t, s, "db/a/file", "data")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.Measure(ctx, directory(t, "db"), func(int) { cancel() })
	expectError(t, err, context.Canceled)
	_, err = s.Measure(t.Context(), directory(t, "db"), func(int) { _ = s.Close(context.Background()) })
	expectError(t, err, errClosed)
}

func TestMeasureMakesWayForOthers(t *testing.T) {
	mount := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, mount)
		write(t, s, "db/a/file", "data")
		steps := 0
		var release func()
		_, err := s.Measure(t.Context(), directory(t, "db"), func(int) {
			if steps++; steps == 1 {
				_, release = hang(t, s, "pv-1")
				time.AfterFunc(10*time.Second, func() {
					if steps != 1 {
						t.Errorf("it went on by %d steps while somebody else used the share", steps-1)
					}
					release()
				})
			}
		})
		if err != nil || steps < 3 {
			t.Errorf("%d steps, %v", steps, err)
		}
	})
}

func TestMeasureDoesNotWaitForAShareThatHangs(t *testing.T) {
	mount := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, mount)
		write(t, s, "db/a/file", "data")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		var release func()
		_, err := s.Measure(ctx, directory(t, "db"), func(int) {
			if release == nil {
				_, release = hang(t, s, "pv-1")
			}
		})
		expectError(t, err, ErrTimeout)
		if took := time.Since(began); took > s.options.Timeout+restWhileBusy {
			t.Errorf("it waited for %v", took)
		}
		release()
		if _, err := s.Measure(ctx, directory(t, "db"), func(int) {}); err != nil {
			t.Errorf("when the share answers: %v", err)
		}
	})
}

func TestSumsOfWhatFilesSayDoNotWrap(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	u := Used{Bytes: math.MaxInt64 - 1}
	u.add(info)
	u.add(info)
	if u.Bytes < math.MaxInt64-1 {
		t.Errorf("%d", u.Bytes)
	}
}
