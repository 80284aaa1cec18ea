package share

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cloned makes a copy of a volume's directory, to its end.
func cloned(ctx context.Context, to *Share, r Record, from *Share, source Volume) (Record, error) {
	for {
		made, begun, err := to.Cloned(ctx, r)
		if !begun && err == nil {
			made, err = to.Clone(ctx, r, from, source)
		}
		if !errors.Is(err, ErrCloning) || ctx.Err() != nil {
			return made, err
		}
	}
}

func mustClone(t *testing.T, s *Share, r Record, source Record) Record {
	t.Helper()
	made, err := cloned(t.Context(), s, r, s, volume(source))
	if err != nil {
		t.Fatalf("Clone %s: %v", r.Directory, err)
	}
	return made
}

// likeness is what a copy must have in common with its source, by path.
func likeness(t *testing.T, top string) map[string]string {
	t.Helper()
	all, first := map[string]string{}, map[uint64]string{}
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, top)
		var info unix.Stat_t
		if err := unix.Lstat(path, &info); err != nil {
			return err
		}
		line := fmt.Sprintf("mode %o owner %d:%d", info.Mode, info.Uid, info.Gid)
		if info.Mode&unix.S_IFMT != unix.S_IFLNK || info.Mtim.Sec < 1_200_000_000 { // not every server lets a symlink's time be set
			line += fmt.Sprintf(" modified %d.%09d", info.Mtim.Sec, info.Mtim.Nsec)
		}
		switch info.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			if as, ok := first[info.Ino]; ok {
				line += " linked to " + as
			} else {
				first[info.Ino] = name
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close() //nolint:errcheck // opened to read
			sum := sha256.New()
			if _, err := io.Copy(sum, f); err != nil {
				return err
			}
			line += fmt.Sprintf(" size %d links %d content %x", info.Size, info.Nlink, sum.Sum(nil)[:6])
		case unix.S_IFLNK:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " to " + to
		default:
			line += fmt.Sprintf(" device %d", info.Rdev)
		}
		if info.Mode&unix.S_IFMT == unix.S_IFREG || info.Mode&unix.S_IFMT == unix.S_IFDIR {
			value := make([]byte, 100)
			if n, err := unix.Lgetxattr(path, "user.note", value); err == nil {
				line += " note " + string(value[:n])
			}
		}
		all[name] = line
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func expectAlike(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, is := range want {
		if got[name] != is {
			t.Errorf("%q is\n%s, not\n%s", name, got[name], is)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%q has come", name)
		}
	}
}

// furnish puts everything into a directory that a file system can hold.
func furnish(t *testing.T, top string) {
	t.Helper()
	at := func(name string) string { return filepath.Join(top, name) }
	file := func(name string, content []byte, mode fs.FileMode) {
		must(t, os.MkdirAll(filepath.Dir(at(name)), 0o755))
		must(t, os.WriteFile(at(name), content, 0o600))
		must(t, os.Chmod(at(name), mode))
	}
	file("empty", nil, 0o644)
	file("a/small", []byte("small"), 0o640)
	file("a/b/large", []byte(strings.Repeat("0123456789abcdef", 40_000)), 0o604)
	file("a/closed", []byte("closed"), 0)
	file("a/readonly", []byte("read-only"), 0o444)
	file("setuid", []byte("#!"), fs.ModeSetuid|0o755)
	file("setgid", []byte("#!"), fs.ModeSetgid|0o755)
	if err := os.WriteFile(at("odd \xff name"), []byte("odd"), 0o644); err != nil {
		t.Logf("no name that is no text: %v", err)
	}
	if f, err := os.Open(at("a/closed")); err != nil { // not even to its owner, on an export that makes all users one
		must(t, os.Remove(at("a/closed")))
	} else {
		must(t, f.Close())
	}
	file(strings.Repeat("n", 255), []byte("long"), 0o666)
	for i := range 40 {
		file(fmt.Sprintf("many/%d/file", i), fmt.Append(nil, i), 0o666)
	}
	deep := "deep" + strings.Repeat("/d", 3*copyLevels)
	file(deep+"/file", []byte("deep"), 0o666)
	must(t, os.Link(at("a/small"), at("a/twin")))
	must(t, os.Link(at("a/small"), at("many/7/twin")))
	must(t, os.Link(at("setuid"), at(deep+"/setuid")))
	must(t, os.Symlink("/etc/passwd", at("outside")))
	must(t, os.Symlink("../../nowhere", at("a/dangling")))
	must(t, os.Symlink("a", at("folder")))
	must(t, syscall.Mkfifo(at("fifo"), 0o620))
	if err := syscall.Mknod(at("socket"), syscall.S_IFSOCK|0o600, 0); err != nil {
		t.Logf("no socket: %v", err)
	}
	if err := syscall.Mknod(at("null"), syscall.S_IFCHR|0o600, 1<<8|3); err != nil {
		t.Logf("no device: %v", err)
	}
	hole, err := os.Create(at("a/sparse"))
	must(t, err)
	_, err = hole.WriteAt([]byte("in the middle"), 5<<20)
	must(t, err)
	must(t, hole.Truncate(9<<20+17))
	must(t, hole.Close())
	if err := unix.Lsetxattr(at("a/small"), "user.note", []byte("kept"), 0); err != nil {
		t.Logf("no attributes: %v", err)
	}
	_ = unix.Lsetxattr(at("many"), "user.note", []byte("kept too"), 0)
	if os.Geteuid() == 0 {
		for i, name := range []string{"a/b/large", "outside", "fifo", "many/3", "setgid"} {
			if err := os.Lchown(at(name), 1000+i, 2000+i); err != nil {
				t.Logf("no owner: %v", err)
			}
		}
		must(t, os.Chmod(at("setgid"), fs.ModeSetgid|0o755))
	}
	must(t, os.Chmod(at("many/5"), fs.ModeSetgid|fs.ModeSticky|0o771))
	must(t, os.Chmod(at("many/6"), 0o500))
	t.Cleanup(func() { // for whoever cleans up and is not root
		for _, name := range []string{"many/6", "../../other/db/many/6"} {
			_ = os.Chmod(at(name), 0o700)
		}
	})
	// Times last, from below to above.
	var all []string
	must(t, filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error { all = append(all, path); return err }))
	for i, path := range slices.Backward(all) {
		when := []unix.Timespec{
			unix.NsecToTimespec((1_000_000_000+int64(i))*1e9 + 123_456_789),
			unix.NsecToTimespec((1_100_000_000-int64(i))*1e9 + 987_654_321),
		}
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, when, unix.AT_SYMLINK_NOFOLLOW))
	}
}

func TestACloneIsLikeItsSource(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		source, r := record(t, "pv-1", "a", "team/db"), record(t, "pv-2", "b", "other/db")
		mustMake(t, s, source, open777)
		furnish(t, filepath.Join(s.Mount, "team/db"))
		want := likeness(t, filepath.Join(s.Mount, "team/db"))
		made := mustClone(t, s, r, source)
		if made.Directory != r.Directory || made.Copying() {
			t.Errorf("the record is %+v", made)
		}
		expectAlike(t, likeness(t, filepath.Join(s.Mount, "other/db")), want)
		expectAlike(t, likeness(t, filepath.Join(s.Mount, "team/db")), want)
		if left, err := os.ReadDir(filepath.Join(s.Mount, clonesFolder)); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	})
}

func TestACloneOnAnotherShareIsLikeItsSourceButForWhatGivesPrivileges(t *testing.T) {
	from, to := newShare(t, t.TempDir()), newShare(t, t.TempDir())
	source, r := record(t, "pv-1", "a", "db"), record(t, "pv-2", "b", "db")
	mustMake(t, from, source, open777)
	top := filepath.Join(from.Mount, "db")
	furnish(t, top)
	_ = os.Remove(filepath.Join(top, "null"))
	if _, err := cloned(t.Context(), to, r, from, volume(source)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"setuid", "setgid"} {
		must(t, os.Chmod(filepath.Join(top, name), 0o755))
	}
	got, want := likeness(t, filepath.Join(to.Mount, "db")), likeness(t, top)
	delete(got, "") // the removal of the device
	delete(want, "")
	expectAlike(t, got, want)
}

func TestADeviceIsNotCopiedToAnotherShare(t *testing.T) {
	from, to := newShare(t, t.TempDir()), newShare(t, t.TempDir())
	source, r := record(t, "pv-1", "a", "db"), record(t, "pv-2", "b", "db")
	mustMake(t, from, source, open777)
	if err := syscall.Mknod(filepath.Join(from.Mount, "db/null"), syscall.S_IFCHR|0o600, 1<<8|3); err != nil {
		t.Skip(err)
	}
	_, err := cloned(t.Context(), to, r, from, volume(source))
	expectError(t, err, ErrUncopied)
	if err == nil || !strings.Contains(err.Error(), "null") || !strings.Contains(err.Error(), "a device") {
		t.Errorf("the error does not name it: %v", err)
	}
	expectAbsent(t, to, "db")
}

func TestHolesStayHoles(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		source, r := record(t, "pv-1", "a", "a"), record(t, "pv-2", "b", "b")
		mustMake(t, s, source, open777)
		f, err := os.Create(filepath.Join(s.Mount, "a/disk"))
		must(t, err)
		size := int64(10 << 30)
		var kind unix.Statfs_t
		must(t, unix.Statfs(s.Mount, &kind))
		if kind.Type == unix.NFS_SUPER_MAGIC {
			size = 64 << 20 // before version 4.2 every hole is read
		}
		for _, at := range []int64{0, size / 3, size - 10} {
			_, err := f.WriteAt([]byte("something"), at)
			must(t, err)
		}
		must(t, f.Close())
		mustClone(t, s, r, source)
		var was, is unix.Stat_t
		must(t, unix.Stat(filepath.Join(s.Mount, "a/disk"), &was))
		must(t, unix.Stat(filepath.Join(s.Mount, "b/disk"), &is))
		if is.Size != was.Size || is.Blocks > was.Blocks+64 {
			t.Errorf("the copy has %d bytes in %d blocks, the source %d in %d", is.Size, is.Blocks, was.Size, was.Blocks)
		}
		for _, at := range []int64{0, size / 3, size - 10} {
			got := make([]byte, 9)
			f, err := os.Open(filepath.Join(s.Mount, "b/disk"))
			must(t, err)
			_, err = f.ReadAt(got, at)
			must(t, errors.Join(err, f.Close()))
			if string(got) != "something" {
				t.Errorf("at %d is %q", at, got)
			}
		}
	})
}

func TestWithoutTheServersHelpDataIsReadAndWritten(t *testing.T) {
	for _, err := range []error{unix.EXDEV, unix.ENOSYS, unix.EOPNOTSUPP, unix.EINVAL} {
		if !cannotOffload(&fs.PathError{Op: "copy", Err: err}) {
			t.Errorf("%v would end the copy", err)
		}
	}
	for _, err := range []error{nil, unix.ENOSPC, unix.EDQUOT, unix.EIO} {
		if cannotOffload(err) {
			t.Errorf("%v would be tried once more", err)
		}
	}
}

func TestACopyNeverTakesAPlaceThatIsTaken(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		source, r := record(t, "pv-1", "a", "a"), record(t, "pv-2", "b", "b")
		mustMake(t, s, source, open777)
		write(t, s, "a/file", "data")
		write(t, s, "b/file", "somebody's")
		_, err := cloned(t.Context(), s, r, s, volume(source))
		expectError(t, err, ErrExists)
		expectContent(t, s, "b/file", "somebody's")
		must(t, os.RemoveAll(filepath.Join(s.Mount, "b")))
		mustMake(t, s, record(t, "pv-3", "c", "b"), open777)
		_, err = cloned(t.Context(), s, r, s, volume(source))
		expectError(t, err, ErrOwned)
	})
}

func TestOnlyTheDirectoryOfTheVolumeIsCopied(t *testing.T) {
	s := newShare(t, t.TempDir())
	source, r := record(t, "pv-1", "a", "a"), record(t, "pv-2", "b", "b")
	write(t, s, "loose/file", "nobody's")
	mustMake(t, s, source, open777)
	for name, c := range map[string]struct {
		claimed Volume
		want    error
	}{
		"another volume's":       {Volume{Name: "pv-9", Cluster: "cluster-1", Directory: directory(t, "a")}, ErrOwned},
		"another cluster's":      {Volume{Name: "pv-1", Cluster: "cluster-2", Directory: directory(t, "a")}, ErrOwned},
		"one inside another's":   {Volume{Name: "pv-1", Cluster: "cluster-1", Directory: directory(t, "a/sub")}, ErrOwned},
		"one without a record":   {Volume{Name: "pv-1", Cluster: "cluster-1", Directory: directory(t, "loose")}, ErrNotOurs},
		"one that is not there":  {Volume{Name: "pv-1", Cluster: "cluster-1", Directory: directory(t, "none")}, ErrSourceGone},
		"an adopted one, absent": {Volume{Name: "pv-1", Cluster: "cluster-1", Directory: directory(t, "none"), Adopted: true}, ErrSourceGone},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cloned(t.Context(), s, r, s, c.claimed)
			expectError(t, err, c.want)
			expectAbsent(t, s, "b")
			expectAbsent(t, s, recordPath(r.Directory))
		})
	}
}

// stopAtStep makes a share's nth change wait, and returns what to wait for and
// what to close.
func stopAtStep(s *Share, n int64) (reached, goOn chan struct{}) {
	reached, goOn = make(chan struct{}), make(chan struct{})
	var asked atomic.Int64
	s.options.Fence = func() error {
		if asked.Add(1) == n {
			close(reached)
			<-goOn
		}
		return nil
	}
	return reached, goOn
}

// midway is a clone of many files that waits in the middle.
func midway(t *testing.T, s *Share) (source, r Record, goOn chan struct{}) {
	t.Helper()
	source, r = record(t, "pv-1", "a", "a"), record(t, "pv-2", "b", "b")
	mustMake(t, s, source, open777)
	for i := range 100 {
		write(t, s, fmt.Sprintf("a/%d/file", i), "data")
	}
	reached, goOn := stopAtStep(s, 100)
	_, err := s.Clone(t.Context(), r, s, volume(source))
	expectError(t, err, ErrCloning)
	<-reached
	return source, r, goOn
}

func TestWhileACopyIsMadeItsSourceIsNotTakenAway(t *testing.T) {
	s := newShare(t, t.TempDir())
	source, r, goOn := midway(t, s)
	expectError(t, s.Remove(t.Context(), volume(source)), ErrHeld)
	_, err := s.Archive(t.Context(), volume(source))
	expectError(t, err, ErrHeld)
	close(goOn)
	if _, err := cloned(t.Context(), s, r, s, volume(source)); err != nil {
		t.Fatal(err)
	}
	if err := removed(t, s, source); err != nil {
		t.Fatal(err)
	}
	expectContent(t, s, "b/99/file", "data")
}

func TestACopyThatNobodyWantsAnyMoreIsStoppedAndRemoved(t *testing.T) {
	s := newShare(t, t.TempDir())
	source, r, goOn := midway(t, s)
	if clones := s.Clones(); len(clones) != 1 || clones[0].Volume != "pv-2" || clones[0].Ended || clones[0].Files == 0 || clones[0].Claim != r.Claim {
		t.Errorf("clones: %+v", clones)
	}
	var group sync.WaitGroup
	group.Go(func() { must(t, s.Abandon(t.Context(), r)) })
	<-s.cloning(r.Volume).stop.Done()
	close(goOn)
	group.Wait()
	expectAbsent(t, s, "b")
	expectAbsent(t, s, recordPath(r.Directory))
	if clones := s.Clones(); len(clones) > 0 {
		t.Errorf("still there: %+v", clones)
	}
	awaitNoCopies(t, s)
	if err := removed(t, s, source); err != nil {
		t.Errorf("its source is still held: %v", err)
	}
}

// awaitNoCopies waits until what is of no use is gone.
func awaitNoCopies(t *testing.T, s *Share) {
	t.Helper()
	if _, err := s.Sweep(t.Context(), "cluster-1", func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.removals))
	s.mu.Unlock()
	for _, r := range all {
		<-r.done
		if r.err != nil {
			t.Error(r.err)
		}
	}
	for _, folder := range []string{clonesFolder, discardedFolder} {
		if left, err := os.ReadDir(filepath.Join(s.Mount, folder)); len(left) > 0 || err != nil && !os.IsNotExist(err) {
			t.Errorf("left in %s: %v (%v)", folder, left, err)
		}
	}
}

func TestASourceThatIsRemovedByHandEndsTheCopy(t *testing.T) {
	s := newShare(t, t.TempDir())
	source, r, goOn := midway(t, s)
	must(t, os.Rename(filepath.Join(s.Mount, "a"), filepath.Join(s.Mount, "elsewhere")))
	close(goOn)
	_, err := cloned(t.Context(), s, r, s, volume(source))
	expectError(t, err, ErrSourceGone)
	expectAbsent(t, s, "b")
	must(t, s.Abandon(t.Context(), r))
	awaitNoCopies(t, s)
}

// Whoever follows copies asks again for the end of one that is still listed.
func TestACopyThatCouldNotBeTakenBackIsListedUntilItIs(t *testing.T) {
	s := newShare(t, t.TempDir())
	_, r, goOn := midway(t, s)
	close(goOn)
	discarded := filepath.Join(s.Mount, discardedFolder)
	must(t, os.Remove(discarded))
	must(t, os.WriteFile(discarded, nil, 0o600))
	if err := s.Abandon(t.Context(), r); err == nil {
		t.Fatal("it was taken back to where there is no folder")
	}
	if got := s.Clones(); len(got) != 1 || got[0].Volume != r.Volume || !got[0].Ended {
		t.Errorf("listed are %+v", got)
	}
	must(t, os.Remove(discarded))
	must(t, s.Abandon(t.Context(), r))
	if got := s.Clones(); len(got) > 0 {
		t.Errorf("at the end there are listed %+v", got)
	}
	awaitNoCopies(t, s)
}

func TestACopyForWhichThereIsNoRoomIsTakenAwayAndMadeWhenThereIs(t *testing.T) {
	for _, full := range []error{unix.ENOSPC, unix.EDQUOT} {
		t.Run(full.Error(), func(t *testing.T) {
			s := newShare(t, t.TempDir())
			source, r := record(t, "pv-1", "a", "a"), record(t, "pv-2", "b", "b")
			mustMake(t, s, source, open777)
			for i := range 50 {
				write(t, s, fmt.Sprintf("a/%d", i), "data")
			}
			var asked, filled atomic.Int64
			s.options.Fence = func() error {
				if asked.Add(1) == 40 && filled.Add(1) == 1 {
					return full
				}
				return nil
			}
			_, err := cloned(t.Context(), s, r, s, volume(source))
			expectError(t, err, full)
			expectAbsent(t, s, "b")
			_, begun, err := s.Cloned(t.Context(), r)
			if expectError(t, err, full); !begun {
				t.Error("it would be begun again at once")
			}
			awaitNoCopies(t, s)
			s.cloning(r.Volume).ended = time.Now().Add(-time.Hour)
			mustClone(t, s, r, source)
			expectContent(t, s, "b/49", "data")
		})
	}
}

func TestWhatIsWrittenMeanwhileDoesNotHoldACopyUp(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		source, r := record(t, "pv-1", "a", "a"), record(t, "pv-2", "b", "b")
		mustMake(t, s, source, open777)
		for i := range 200 {
			write(t, s, fmt.Sprintf("a/%d/stays", i), "data")
		}
		stop := make(chan struct{})
		var group sync.WaitGroup
		for worker := range 3 {
			group.Go(func() {
				for i := worker; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					folder := filepath.Join(s.Mount, "a", fmt.Sprint(i%200))
					_ = os.WriteFile(folder+"/changes", []byte(strings.Repeat("x", i%5000)), 0o666)
					_ = os.MkdirAll(folder+"/comes/and/goes", 0o777)
					_ = os.WriteFile(folder+"/comes/and/file", nil, 0o666)
					_ = os.RemoveAll(folder + "/comes")
					_ = os.Rename(folder+"/changes", folder+"/renamed")
				}
			})
		}
		mustClone(t, s, r, source)
		close(stop)
		group.Wait()
		for i := range 200 {
			expectContent(t, s, fmt.Sprintf("b/%d/stays", i), "data")
		}
	})
}

// TestAnAbandonedCloneSurvivesKillAtEveryStep is for a claim that is deleted while
// the process that makes its copy dies.
func TestAnAbandonedCloneSurvivesKillAtEveryStep(t *testing.T) {
	forSomeFileSystems(t, func(t *testing.T, s *Share) {
		d := deeds(t)["clone"]
		for step := 1; ; step++ {
			here := filepath.Join(s.Mount, fmt.Sprint(step))
			prepared(t, here, d)
			before := picture(t, newShare(t, here))
			if !diesAt(t, "clone", here, step) {
				if step < 10 {
					t.Errorf("there were but %d steps", step-1)
				}
				break
			}
			next := newShare(t, here)
			r := record(t, "pv-2", "b", "copies/db")
			if _, err := os.Lstat(filepath.Join(here, "copies/db")); err == nil {
				continue // the copy is whole, and its volume may have been used
			}
			for range 2 {
				must(t, next.Abandon(t.Context(), r))
			}
			awaitNoCopies(t, next)
			_ = os.Remove(filepath.Join(here, "copies")) // a folder above stays
			if got := picture(t, next); got != before {
				t.Errorf("killed before step %d the share ends with\n%s\nwhere before was\n%s", step, without(got, before), without(before, got))
			}
		}
	})
}
