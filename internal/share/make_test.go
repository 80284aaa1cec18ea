package share

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestMakeGivesExactlyTheModeWhateverTheUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		for _, mode := range []fs.FileMode{0o777, 0o700, 0o770 | fs.ModeSetgid, 0o777 | fs.ModeSticky} {
			name := mode.String()
			mustMake(t, s, record(t, "pv-"+name, name, "team/"+name), MakeOptions{Mode: mode})
			info, err := os.Stat(filepath.Join(s.Mount, "team", name))
			if err != nil || info.Mode() != mode|fs.ModeDir {
				t.Errorf("got mode %v (%v), want %v", info.Mode(), err, mode|fs.ModeDir)
			}
		}
		info, err := os.Stat(filepath.Join(s.Mount, "team"))
		if err != nil || info.Mode().Perm() != parentMode {
			t.Errorf("the folder above has mode %v (%v), want %v", info.Mode(), err, fs.FileMode(parentMode))
		}
	})
}

func TestMakeGivesOwnerAndGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		uid, gid := uint32(1001), uint32(4294967294)
		r, options := record(t, "pv-1", "a", "a"), MakeOptions{Mode: 0o750 | fs.ModeSetgid, UID: &uid, GID: &gid}
		if squashed(t, s) {
			_, err := s.Make(t.Context(), r, options)
			expectError(t, err, ErrOwnership)
			for _, word := range []string{"nas:/export", "uid 1001 and gid 4294967294", "root_squash"} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
			expectAbsent(t, s, "a")
			expectAbsent(t, s, recordPath(r.Directory))
			return
		}
		mustMake(t, s, r, options)
		info, err := os.Stat(filepath.Join(s.Mount, "a"))
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != uid || st.Gid != gid {
			t.Errorf("owner is %d:%d, want %d:%d", st.Uid, st.Gid, uid, gid)
		}
		if info.Mode() != fs.ModeDir|fs.ModeSetgid|0o750 {
			t.Errorf("mode is %v after the owner was changed", info.Mode())
		}
	})
}

// squashed says whether root is another user on a share's server.
func squashed(t *testing.T, s *Share) bool {
	t.Helper()
	probe := filepath.Join(s.Mount, "probe")
	if err := os.Mkdir(probe, 0o777); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.Remove(probe); err != nil {
			t.Error(err)
		}
	}()
	err := os.Chown(probe, 1, 1)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	return err != nil
}

func TestMakeAgainForTheSameVolumeEndsTheSame(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "x/a")
		mustMake(t, s, r, open777)
		before := listing(t, s)
		mustMake(t, s, r, open777)
		if after := listing(t, s); after != before {
			t.Errorf("the share changed from\n%s\nto\n%s", before, after)
		}
	})
}

func TestMakeRefusesWhatOverlapsAnotherVolume(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		mustMake(t, s, record(t, "pv-1", "a", "team/db"), open777)
		before := listing(t, s)
		for _, path := range []string{"team/db", "team", "team/db/sub", "team/db/sub/deeper"} {
			_, err := s.Make(t.Context(), record(t, "pv-2", "b", path), MakeOptions{Mode: 0o777, AllowExisting: true, AllowShared: true})
			expectError(t, err, ErrOwned)
		}
		other := record(t, "pv-1", "a", "team/db")
		other.Cluster = "cluster-2"
		_, err := s.Make(t.Context(), other, open777)
		expectError(t, err, ErrOwned)
		if after := listing(t, s); after != before {
			t.Errorf("the refusals changed the share from\n%s\nto\n%s", before, after)
		}
		mustMake(t, s, record(t, "pv-3", "c", "team/db2"), open777)
	})
}

func TestMakeRefusesADirectoryThatNoRecordNames(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		write(t, s, "old/file", "precious")
		_, err := s.Make(t.Context(), record(t, "pv-1", "a", "old"), open777)
		expectError(t, err, ErrExists)
		expectAbsent(t, s, metadata+"/records/old")

		made := mustMake(t, s, record(t, "pv-1", "a", "old"), MakeOptions{Mode: 0o700, AllowExisting: true})
		if !made.Existing {
			t.Error("the record does not say that the directory was there before")
		}
		expectContent(t, s, "old/file", "precious")
		info, err := os.Stat(filepath.Join(s.Mount, "old"))
		if err != nil || info.Mode().Perm() == 0o700 {
			t.Errorf("mode of the existing directory was changed to %v (%v)", info.Mode(), err)
		}
		if again := mustMake(t, s, record(t, "pv-1", "a", "old"), MakeOptions{Mode: 0o700, AllowExisting: true}); !again.Existing {
			t.Error("the second call forgot that the directory was there before")
		}
	})
}

func TestMakeRefusesFilesAndSymlinksInTheWay(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		write(t, s, "victim/file", "precious")
		write(t, s, "file", "x")
		for link, target := range map[string]string{"inward": "victim", "outward": "/etc", "dangling": "nowhere"} {
			if err := os.Symlink(target, filepath.Join(s.Mount, link)); err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range []string{"inward", "inward/a", "outward", "outward/a", "dangling", "dangling/a", "file", "file/a"} {
			_, err := s.Make(t.Context(), record(t, "pv-1", "a", path), MakeOptions{Mode: 0o777, AllowExisting: true})
			expectError(t, err, ErrExists)
			expectAbsent(t, s, metadata+"/records/"+path)
		}
		for _, link := range []string{"inward", "outward", "dangling"} {
			if _, err := os.Readlink(filepath.Join(s.Mount, link)); err != nil {
				t.Errorf("the symlink %s was touched: %v", link, err)
			}
		}
		expectContent(t, s, "victim/file", "precious")
	})
}

func TestMakeTakesBackNothingThatAnotherWroteAfterTheRecord(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "a")
		mustMake(t, s, r, open777)
		write(t, s, "a/foreign", "precious")
		_, err := s.Make(t.Context(), r, open777)
		expectError(t, err, ErrExists)
		expectContent(t, s, "a/foreign", "precious")
	})
}

func TestMakeOfOneDirectoryByManyVolumesAtOnceHasOneWinner(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		other := newShare(t, s.Mount) // a second client of the export
		var wg sync.WaitGroup
		var mu sync.Mutex
		winners := map[string]bool{}
		for i := range 16 {
			r := record(t, "pv-"+string(rune('a'+i)), "c"+string(rune('a'+i)), []string{"x", "x/y", "x/y/z"}[i%3])
			on := []*Share{s, other}[i%2]
			wg.Go(func() {
				_, err := on.Make(t.Context(), r, open777)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					winners[r.Volume] = true
				case !errors.Is(err, ErrOwned) && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrExists):
					t.Errorf("%s: %v", r.Volume, err)
				}
			})
		}
		wg.Wait()
		if len(winners) > 1 {
			t.Errorf("%d volumes own overlapping directories: %v", len(winners), winners)
		}
	})
}

func TestMakeForVolumesThatAllowSharing(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		sharing := MakeOptions{Mode: 0o777, AllowShared: true}
		first, second := record(t, "pv-1", "a", "common"), record(t, "pv-2", "b", "common")
		mustMake(t, s, first, sharing)
		write(t, s, "common/file", "precious")
		if _, err := s.Make(t.Context(), record(t, "pv-3", "c", "common"), open777); !errors.Is(err, ErrOwned) {
			t.Errorf("a volume that does not allow sharing: %v", err)
		}
		mustMake(t, s, second, sharing)

		if err := s.Remove(t.Context(), volume(first)); err != nil {
			t.Fatal(err)
		}
		expectContent(t, s, "common/file", "precious")
		if err := s.Remove(t.Context(), volume(first)); err != nil {
			t.Fatalf("the first volume once more: %v", err)
		}
		expectContent(t, s, "common/file", "precious")
		if err := s.Remove(t.Context(), volume(second)); err != nil {
			t.Fatal(err)
		}
		expectAbsent(t, s, "common")
		mustMake(t, s, record(t, "pv-4", "d", "common"), open777)
	})
}

func TestMakeNeverGuessesAtADamagedRecord(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		for name, content := range map[string]string{
			"empty": "", "cut": `{"version":1,"clus`, "newer": `{"version":2,"cluster":"c","volume":"pv-1","directory":"newer","state":"active"}`,
			"moved":     `{"version":1,"cluster":"cluster-1","volume":"pv-1","directory":"elsewhere","state":"active"}`,
			"escaping":  `{"version":1,"cluster":"cluster-1","volume":"pv-1","directory":"../escaping","state":"active"}`,
			"stateless": `{"version":1,"cluster":"cluster-1","volume":"pv-1","directory":"stateless"}`,
		} {
			write(t, s, metadata+"/records/"+name, content)
			write(t, s, name+"/file", "precious")
			r := record(t, "pv-1", "a", name)
			_, err := s.Make(t.Context(), r, MakeOptions{Mode: 0o777, AllowExisting: true})
			expectError(t, err, ErrRecordDamaged)
			expectError(t, s.Remove(t.Context(), volume(r)), ErrRecordDamaged)
			_, err = s.Archive(t.Context(), volume(r))
			expectError(t, err, ErrRecordDamaged)
			expectContent(t, s, name+"/file", "precious")
		}
	})
}

// Where a folder of records was a moment ago there may be a record now, made by
// another client of the export.
func TestTidyingTheRecordsNeverRemovesARecord(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		mustMake(t, s, record(t, "pv-1", "a", "x"), open777)
		root, err := s.open()
		if err != nil {
			t.Fatal(err)
		}
		pruneAbove(root, directory(t, "x/y"))
		if pruneBelow(root, recordPath(directory(t, "x"))) {
			t.Error("a record was taken for an empty folder")
		}
		if _, err := readRecord(root, directory(t, "x")); err != nil {
			t.Errorf("the record is gone: %v", err)
		}
	})
}

// A share that is full has room for what is deleted to go.
func TestTheFirstVolumeMakesTheFoldersThatTheLastOneNeeds(t *testing.T) {
	s := newShare(t, t.TempDir())
	mustMake(t, s, record(t, "pv-1", "a", "db"), open777)
	for _, folder := range []string{recordsFolder, temporary, trashFolder, removedFolder} {
		if info, err := os.Stat(filepath.Join(s.Mount, folder)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", folder, info, err)
		}
	}
}
