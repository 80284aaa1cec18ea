package share

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// copyOver is a copy of one folder into another, on one file system, as Clone
// makes it.
func copyOver(t *testing.T, from, to string, change func(*copying)) error {
	t.Helper()
	source, err := os.Open(from)
	must(t, err)
	t.Cleanup(func() { must(t, source.Close()) })
	made, err := os.Open(to)
	must(t, err)
	t.Cleanup(func() { must(t, made.Close()) })
	free := func() *pace { return newPace(make(chan struct{}, 4), func() bool { return false }) }
	w := &copying{
		ctx: t.Context(), fence: func() error { return nil }, reads: free(), writes: free(), from: &mount{source}, to: &mount{made},
		files: &atomic.Int64{}, bytes: &atomic.Int64{}, links: links{known: &atomic.Int64{}},
	}
	if change != nil {
		change(w)
	}
	before := w.links.known.Load()
	err = w.run()
	if after := w.links.known.Load(); after != before {
		t.Errorf("%d files are remembered after the end, %d before", after, before)
	}
	return err
}

// A server that is started anew does not know which requests it has carried out,
// and says of what it made that it is there already.
func TestWhatAServerMadeWhenItWasAskedForTheFirstTimeIsFilledAndDressed(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	must(t, os.MkdirAll(filepath.Join(from, "folder/deeper"), 0o755))
	must(t, os.WriteFile(filepath.Join(from, "folder/deeper/file"), []byte("data"), 0o640))
	must(t, os.WriteFile(filepath.Join(from, "small"), []byte("data"), 0o640))
	must(t, os.WriteFile(filepath.Join(from, "large"), make([]byte, 3*copyBuffer), 0o640))
	must(t, os.Symlink("anywhere", filepath.Join(from, "link")))
	must(t, unix.Mkfifo(filepath.Join(from, "fifo"), 0o640))
	if os.Getuid() == 0 {
		must(t, os.Lchown(filepath.Join(from, "link"), 1000, 1000))
	}
	must(t, os.Mkdir(filepath.Join(to, "folder"), 0o700))
	for _, empty := range []string{"small", "large"} {
		must(t, os.WriteFile(filepath.Join(to, empty), nil, 0o600))
	}
	must(t, os.Symlink("anywhere", filepath.Join(to, "link")))
	must(t, unix.Mkfifo(filepath.Join(to, "fifo"), 0o600))
	if err := copyOver(t, from, to, nil); err != nil {
		t.Fatal(err)
	}
	expectAlike(t, likeness(t, to), likeness(t, from))
}

// A folder that changes may tell a name twice, and the name stand for something
// else the second time: either is right.
func TestWhatWasCopiedStaysWhenItsNameIsToldAgainForSomethingElse(t *testing.T) {
	kinds := map[string]func(place string) error{
		"a folder": func(place string) error {
			return errors.Join(os.Mkdir(place, 0o755), os.WriteFile(filepath.Join(place, "file"), []byte("in it"), 0o640))
		},
		"a file":    func(place string) error { return os.WriteFile(place, []byte("data"), 0o640) },
		"a symlink": func(place string) error { return os.Symlink("anywhere", place) },
		"a FIFO":    func(place string) error { return unix.Mkfifo(place, 0o640) },
	}
	for before, makeBefore := range kinds {
		for after, makeAfter := range kinds {
			if before == after {
				continue
			}
			t.Run(before+", then "+after, func(t *testing.T) {
				from, to := t.TempDir(), t.TempDir()
				must(t, makeBefore(filepath.Join(to, "name")))
				must(t, makeAfter(filepath.Join(from, "name")))
				want := likeness(t, to)["/name"]
				if err := copyOver(t, from, to, nil); err != nil {
					t.Fatal(err)
				}
				if got := likeness(t, to)["/name"]; got != want {
					t.Errorf("it became %v; want %v", got, want)
				}
			})
		}
	}
}

// A step of a copy that fails with ESTALE is done again: a part of a file must not
// be taken for the whole then.
func TestAPartOfAFileIsNeverTakenForTheWhole(t *testing.T) {
	for name, size := range map[string]int{"small": 1000, "large": 4 * copyBuffer} {
		t.Run(name, func(t *testing.T) {
			from, to := t.TempDir(), t.TempDir()
			want := strings.Repeat("x", size)
			must(t, os.WriteFile(filepath.Join(from, "file"), []byte(want), 0o640))
			for step := 1; step < 12; step++ {
				must(t, os.RemoveAll(to))
				must(t, os.Mkdir(to, 0o700))
				asked, failed := 0, false
				err := copyOver(t, from, to, func(w *copying) {
					w.offload.Store(false)
					w.fence = func() error {
						if asked++; asked == step && !failed {
							failed = true
							return unix.ESTALE
						}
						return nil
					}
				})
				got, read := os.ReadFile(filepath.Join(to, "file"))
				if err == nil && (read != nil || string(got) != want) {
					t.Errorf("the copy is called whole, but step %d was cut: it has %d of %d bytes (%v)", step, len(got), size, read)
				}
			}
		})
	}
}

func TestAttributesThatCannotBeListedAreNotNone(t *testing.T) {
	if got, err := attributes(-1); !errors.Is(err, unix.EBADF) {
		t.Errorf("got %v, %v", got, err)
	}
	reads := 0
	_, err := grown(func([]byte) (int, error) {
		if reads++; reads == 1 {
			return 10, nil
		}
		return 0, io.ErrUnexpectedEOF
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestTwoNamesThatTheServerTakesForOneEndTheCopy(t *testing.T) {
	for _, what := range []string{"folder", "file", "link"} {
		t.Run(what, func(t *testing.T) {
			from, to := t.TempDir(), t.TempDir()
			// As the server sees it: the second name is there when it is made.
			switch what {
			case "folder":
				must(t, errors.Join(os.Mkdir(filepath.Join(from, "readme"), 0o700), os.Mkdir(filepath.Join(to, "readme"), 0o700)))
			case "file":
				must(t, errors.Join(os.WriteFile(filepath.Join(from, "readme"), nil, 0o600), os.WriteFile(filepath.Join(to, "readme"), nil, 0o600)))
			case "link":
				must(t, errors.Join(os.Symlink("a", filepath.Join(from, "readme")), os.Symlink("b", filepath.Join(to, "readme"))))
			}
			err := copyOver(t, from, to, func(w *copying) { w.folds = true })
			expectError(t, err, ErrUncopied)
			if err == nil || !strings.Contains(err.Error(), "readme") {
				t.Errorf("the error does not name it: %v", err)
			}
		})
	}
}

func TestAServerThatTellsNamesApartIsSeenAsSuch(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		top, err := os.Open(s.Mount)
		must(t, err)
		defer top.Close() //nolint:errcheck // opened to read
		if folds, err := foldsNames(int(top.Fd())); folds || err != nil {
			t.Errorf("it folds names: %v, %v", folds, err)
		}
		left, err := os.ReadDir(s.Mount)
		for _, e := range left {
			if strings.Contains(e.Name(), "robe") {
				t.Errorf("left behind: %q", e.Name())
			}
		}
		must(t, err)
	})
}

func TestFilesWithManyNamesDoNotTakeAllMemory(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(from, "a"), nil, 0o600))
	must(t, os.Link(filepath.Join(from, "a"), filepath.Join(from, "b")))
	err := copyOver(t, from, to, func(w *copying) { w.links.known.Store(linksAtOnce) })
	expectError(t, err, ErrUncopied)
}

// The number of an inode that goes is given to another: names of two files must
// not become names of one.
func TestAFileIsNotTakenForOneThatWentBeforeIt(t *testing.T) {
	l := links{at: map[file]*link{}, known: &atomic.Int64{}}
	before, after := file{1, 7, 100, 5}, file{1, 7, 100, 6}
	was, first, err := l.find(before, 2)
	if !first || err != nil {
		t.Fatal(first, err)
	}
	l.settle(before, was, "before")
	if _, first, err := l.find(after, 2); !first || err != nil {
		t.Errorf("it is taken for the one before: %v", err)
	}
	if is, _, err := l.find(before, 2); err != nil || is != was {
		t.Errorf("the second name is not found: %v", err)
	}
}

func TestACopyIsKnownToBeWholeBeforeAnybodyAsks(t *testing.T) {
	s := newShare(t, t.TempDir())
	source, r, goOn := midway(t, s)
	close(goOn)
	<-s.cloning(r.Volume).done
	// The process ends here, and another one is asked.
	next := newShare(t, s.Mount)
	made, begun, err := next.Cloned(t.Context(), r)
	if err != nil || !begun || made.Volume != r.Volume {
		t.Errorf("the copy is begun anew: %+v, %v, %v", made, begun, err)
	}
	expectContent(t, s, "b/99/file", "data")
	expectContent(t, s, "a/99/file", "data")
	_ = source
}

func TestThereIsAPlaceForACopyThatFillsTheShare(t *testing.T) {
	s := newShare(t, t.TempDir())
	_, _, goOn := midway(t, s)
	defer close(goOn)
	if info, err := os.Stat(filepath.Join(s.Mount, discardedFolder)); err != nil || !info.IsDir() {
		t.Errorf("it has to be made when there is no room: %v", err)
	}
}

func TestACopyThatFailsAgainAndAgainIsTriedLessAndLessOften(t *testing.T) {
	began := time.Now()
	for _, c := range []struct {
		took   time.Duration
		failed int
		want   time.Duration
	}{
		{0, 0, briefestPause}, {0, 1, 2 * briefestPause}, {0, 4, 16 * briefestPause}, {time.Minute, 0, time.Minute},
		{time.Hour, 0, longPause}, {time.Hour, 1, 2 * longPause}, {time.Hour, 1 << 30, longestPause},
	} {
		got := (&cloning{began: began, ended: began.Add(c.took), failed: c.failed}).pause()
		if got != c.want {
			t.Errorf("after %d copies of %v: %v, want %v", c.failed+1, c.took, got, c.want)
		}
	}
}

func TestACopyFitsWhenThereIsMoreRoomThanItTook(t *testing.T) {
	var c cloning
	c.files.Store(1000)
	c.bytes.Store(1000) // a byte in each takes a block
	for name, s := range map[string]struct {
		space Space
		want  bool
	}{
		"less bytes":           {Space{Free: 1000 * blockSize}, false},
		"more bytes":           {Space{Free: 1001 * blockSize}, true},
		"no files":             {Space{Free: 1 << 40, Inodes: 1 << 20, FreeInodes: 1000}, false},
		"files":                {Space{Free: 1 << 40, Inodes: 1 << 20, FreeInodes: 1001}, true},
		"files are no problem": {Space{Free: 1 << 40}, true},
	} {
		if got := c.fits(s.space); got != s.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAShareThatHangsKeepsNoPlaceFromCopiesOfOthers(t *testing.T) {
	s, hung, well := newShare(t, t.TempDir()), newShare(t, t.TempDir()), newShare(t, t.TempDir())
	for range clonesAtOnce {
		if _, err := occupy(t.Context(), s.copiersFrom(hung)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := occupy(ctx, s.copiersFrom(well)); err != nil {
		t.Errorf("it waits: %v", err)
	}
}
