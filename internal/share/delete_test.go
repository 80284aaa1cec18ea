package share

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// errFenced stands for a lost lease.
var errFenced = errors.New("fenced")

func TestRemoveDeletesTheDirectoryAndNothingElse(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "team/db")
		mustMake(t, s, r, open777)
		mustMake(t, s, record(t, "pv-2", "b", "team/db2"), open777)
		write(t, s, "team/db2/file", "neighbour's")
		write(t, s, "team/loose", "nobody's")
		for i := range 50 {
			write(t, s, fmt.Sprintf("team/db/d%d/f%d", i%7, i), "x")
		}
		for link, target := range map[string]string{"up": "../db2", "out": "/etc", "self": "."} {
			if err := os.Symlink(target, filepath.Join(s.Mount, "team/db", link)); err != nil {
				t.Fatal(err)
			}
		}
		if err := removed(t, s, r); err != nil {
			t.Fatal(err)
		}
		expectAbsent(t, s, "team/db")
		expectAbsent(t, s, trashFolder+"/pv-1")
		expectAbsent(t, s, recordsFolder+"/team/db")
		expectContent(t, s, "team/db2/file", "neighbour's")
		expectContent(t, s, "team/loose", "nobody's")

		if err := removed(t, s, r); err != nil {
			t.Errorf("removed once more: %v", err)
		}
		mustMake(t, s, record(t, "pv-3", "c", "team/db"), open777)
		if err := removed(t, s, r); err != nil {
			t.Errorf("removed once more, the path having a new owner: %v", err)
		}
		if _, err := os.Stat(filepath.Join(s.Mount, "team/db")); err != nil {
			t.Errorf("the new owner's directory: %v", err)
		}
		if _, err := s.Sweep(t.Context(), "cluster-1", func(string) bool { return false }); err != nil {
			t.Fatal(err)
		}
		expectError(t, removed(t, s, r), ErrOwned)
	})
}

func TestDeleteNeedsProof(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		owner := record(t, "pv-1", "a", "team/db")
		mustMake(t, s, owner, open777)
		write(t, s, "team/db/sub/file", "precious")
		write(t, s, "stray/file", "precious")
		otherCluster := owner
		otherCluster.Cluster = "cluster-2"
		for name, c := range map[string]struct {
			record Record
			want   error
		}{
			"another volume's directory":    {record(t, "pv-9", "z", "team/db"), ErrOwned},
			"a folder above":                {record(t, "pv-9", "z", "team"), ErrOwned},
			"a folder inside":               {record(t, "pv-9", "z", "team/db/sub"), ErrOwned},
			"same name, another cluster":    {otherCluster, ErrOwned},
			"a directory without record":    {record(t, "pv-9", "z", "stray"), ErrNotOurs},
			"a folder in a stray directory": {record(t, "pv-9", "z", "stray/file"), ErrExists},
		} {
			t.Run(name, func(t *testing.T) {
				expectError(t, s.Remove(t.Context(), volume(c.record)), c.want)
				_, err := s.Archive(t.Context(), volume(c.record))
				expectError(t, err, c.want)
			})
		}
		expectContent(t, s, "team/db/sub/file", "precious")
		expectContent(t, s, "stray/file", "precious")
	})
}

// Somebody may have tidied up.
func TestFoldersOfOursThatAreMissingAreMade(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		for name, end := range map[string]func(r Record) error{
			"remove":  func(r Record) error { return removed(t, s, r) },
			"archive": func(r Record) error { _, err := s.Archive(t.Context(), volume(r)); return err },
			"abandon": func(r Record) error { return s.Abandon(t.Context(), r) },
		} {
			r := record(t, "pv-"+name, "a", "team/"+name)
			mustMake(t, s, r, open777)
			for _, folder := range []string{temporary, trashFolder, removedFolder} {
				if err := os.RemoveAll(filepath.Join(s.Mount, folder)); err != nil {
					t.Fatal(err)
				}
			}
			if err := end(r); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			expectAbsent(t, s, "team/"+name)
			expectAbsent(t, s, recordPath(r.Directory))
		}
	})
}

func TestDeleteOfNothingIsDone(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		v := volume(record(t, "pv-1", "a", "never/made"))
		if err := s.Remove(t.Context(), v); err != nil {
			t.Error(err)
		}
		if _, err := s.Archive(t.Context(), v); err != nil {
			t.Error(err)
		}
		if err := s.Retain(t.Context(), v); err != nil {
			t.Error(err)
		}
	})
}

func TestArchiveKeepsTheDataUnderANameOfItsOwn(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		long, deep := strings.Repeat("ü", 127), strings.Repeat("é", 127)
		for path, want := range map[string]string{
			"db":          "archived-db-pv-1",
			"team/x/db":   "archived-team/x/db-pv-1",
			long:          "archived-" + strings.Repeat("ü", 120) + "-pv-1",
			deep + "/low": "archived-" + strings.Repeat("é", 123) + "/low-pv-1",
		} {
			r := record(t, "pv-1", "a", path)
			mustMake(t, s, r, open777)
			write(t, s, path+"/file", path)
			got, err := s.Archive(t.Context(), volume(r))
			if err != nil || got.String() != want {
				t.Errorf("archive of %q is %q (%v), want %q", path, got, err, want)
			}
			expectContent(t, s, want+"/file", path)
			expectAbsent(t, s, path)
			expectAbsent(t, s, recordsFolder+"/"+path)
		}
		if _, err := s.Make(t.Context(), record(t, "pv-9", "z", "archived-db-pv-1"), MakeOptions{AllowExisting: true}); !errors.Is(err, ErrOwned) {
			t.Errorf("a claim for an archive: %v", err)
		}
	})
}

func TestArchiveNeverOverwrites(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		write(t, s, "archived-db-pv-1/file", "older")
		if err := os.Mkdir(filepath.Join(s.Mount, "archived-db-pv-1-2"), 0o777); err != nil {
			t.Fatal(err)
		}
		mustMake(t, s, record(t, "pv-9", "z", "archived-db-pv-1-3"), open777)
		r := record(t, "pv-1", "a", "db")
		mustMake(t, s, r, open777)
		write(t, s, "db/file", "newer")
		got, err := s.Archive(t.Context(), volume(r))
		if err != nil || got.String() != "archived-db-pv-1-4" {
			t.Fatalf("got %q, %v", got, err)
		}
		expectContent(t, s, "archived-db-pv-1/file", "older")
		expectContent(t, s, "archived-db-pv-1-4/file", "newer")
		if again, err := s.Archive(t.Context(), volume(r)); err != nil {
			t.Errorf("archived once more: %q, %v", again, err)
		}
	})
}

func TestAnArchiveTakesNoOtherNameBecauseARecordCannotBeRead(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "db")
		mustMake(t, s, r, open777)
		write(t, s, "db/file", "data")
		unreadable := filepath.Join(s.Mount, recordsFolder, "archived-db-pv-1")
		if err := os.Symlink("nowhere", unreadable); err != nil {
			t.Fatal(err)
		}
		_, err := s.Archive(t.Context(), volume(r))
		expectError(t, err, syscall.ELOOP)
		expectContent(t, s, "db/file", "data")
		expectAbsent(t, s, recordsFolder+"/archived-db-pv-1-2")

		if err := os.Remove(unreadable); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Archive(t.Context(), volume(r)); err != nil || got.String() != "archived-db-pv-1" {
			t.Errorf("archived at last: %q, %v", got, err)
		}
		expectContent(t, s, "archived-db-pv-1/file", "data")
	})
}

func TestRetainLetsOnlyTheSameClaimHaveTheDirectoryBack(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "db")
		mustMake(t, s, r, open777)
		write(t, s, "db/file", "kept")
		for range 2 {
			if err := s.Retain(t.Context(), volume(r)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := s.Make(t.Context(), record(t, "pv-2", "other", "db"), MakeOptions{Mode: 0o777, AllowExisting: true})
		expectError(t, err, ErrOwned)
		elsewhere := record(t, "pv-2", "a", "db")
		elsewhere.Cluster = "cluster-2"
		_, err = s.Make(t.Context(), elsewhere, open777)
		expectError(t, err, ErrOwned)

		for range 2 {
			mustMake(t, s, record(t, "pv-2", "a", "db"), open777)
		}
		expectContent(t, s, "db/file", "kept")
		if err := s.Retain(t.Context(), volume(r)); err != nil {
			t.Errorf("the old volume once more: %v", err)
		}
		expectError(t, s.Remove(t.Context(), volume(r)), ErrOwned)
		expectContent(t, s, "db/file", "kept")
	})
}

func TestAdoptedVolumesAreDeletedWithoutARecord(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		adopted := func(name, path string) Volume {
			v := volume(record(t, name, "a", path))
			v.Adopted = true
			return v
		}
		write(t, s, "default-a-pv-1/file", "old")
		if got, err := s.Archive(t.Context(), adopted("pv-1", "default-a-pv-1")); err != nil || got.String() != "archived-default-a-pv-1-pv-1" {
			t.Errorf("got %q, %v", got, err)
		}
		expectContent(t, s, "archived-default-a-pv-1-pv-1/file", "old")

		write(t, s, "default-b-pv-2/file", "old")
		for range 2 {
			if err := s.Remove(t.Context(), adopted("pv-2", "default-b-pv-2")); err != nil {
				t.Error(err)
			}
		}
		expectAbsent(t, s, "default-b-pv-2")

		mustMake(t, s, record(t, "pv-3", "c", "owned/c"), open777)
		write(t, s, "owned/c/file", "precious")
		for _, path := range []string{"owned", "owned/c", "owned/c/file"} {
			expectError(t, s.Remove(t.Context(), adopted("pv-4", path)), ErrOwned)
		}
		expectContent(t, s, "owned/c/file", "precious")
	})
}

func TestNothingIsMovedByAProcessThatMayNoLongerWrite(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "db")
		mustMake(t, s, r, open777)
		write(t, s, "db/file", "precious")
		s.options.Fence = func() error { return errFenced }
		_, err := s.Make(t.Context(), record(t, "pv-2", "b", "new"), open777)
		expectError(t, err, errFenced)
		expectError(t, s.Remove(t.Context(), volume(r)), errFenced)
		_, err = s.Archive(t.Context(), volume(r))
		expectError(t, err, errFenced)
		expectError(t, s.Retain(t.Context(), volume(r)), errFenced)
		expectAbsent(t, s, "new")
		expectContent(t, s, "db/file", "precious")
		s.options.Fence = func() error { return nil }
		if _, err := s.Archive(t.Context(), volume(r)); err != nil {
			t.Error(err)
		}
	})
}

// A leader that was stopped between asking for its lease and the step itself
// may move the directory that another leader has given to another volume since.
func TestWhatWasMovedAfterTheLeaseWasLostIsPutBack(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		for name, end := range map[string]func(Volume) error{
			"remove":  func(v Volume) error { return s.Remove(t.Context(), v) },
			"archive": func(v Volume) error { _, err := s.Archive(t.Context(), v); return err },
		} {
			r := record(t, "pv-"+name, name, "team/"+name)
			mustMake(t, s, r, open777)
			write(t, s, "team/"+name+"/file", "another volume's by now")
			heir := record(t, "pv-heir", name, "team/"+name)
			heir.State = Active
			line, err := heir.encode()
			must(t, err)
			s.options.Fence = func() error {
				if _, err := os.Lstat(filepath.Join(s.Mount, "team", name)); err == nil {
					return nil
				}
				must(t, os.WriteFile(filepath.Join(s.Mount, recordPath(r.Directory)), line, 0o600))
				return errFenced
			}
			expectError(t, end(volume(r)), errFenced)
			s.options.Fence = func() error { return nil }
			expectContent(t, s, "team/"+name+"/file", "another volume's by now")
		}
	})
}

// Only volumes that were made by hand can have a name twice.
func TestAVolumeOfANameThatWasUsedBeforeIsDeletedToo(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		s.options.Remember = time.Hour
		r := record(t, "pv-1", "a", "db")
		for range 3 {
			mustMake(t, s, r, open777)
			write(t, s, "db/file", "x")
			for range 2 {
				if err := removed(t, s, r); err != nil {
					t.Fatal(err)
				}
			}
			expectAbsent(t, s, "db")
			expectAbsent(t, s, trashFolder+"/pv-1")
		}
	})
}

// Of a volume without a record only its path says what is its: once that was
// removed, what is there is somebody else's.
func TestWhatIsInThePlaceOfARemovedVolumeWithoutARecordStays(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		v := volume(record(t, "pv-1", "a", "db"))
		v.Adopted = true
		write(t, s, "db/file", "x")
		for range 2 {
			if err := removedVolume(t, s, v); err != nil {
				t.Fatal(err)
			}
		}
		write(t, s, "db/file", "precious")
		expectError(t, removedVolume(t, s, v), ErrNotOurs)
		expectContent(t, s, "db/file", "precious")
	})
}

// Whatever comes into the trash when the data of its volume is gone was put
// there by a process that no longer knew what it did.
func TestWhatComesIntoTheTrashTooLateIsNotRemoved(t *testing.T) {
	s := newShare(t, t.TempDir())
	r := record(t, "pv-1", "a", "db")
	mustMake(t, s, r, open777)
	if err := removed(t, s, r); err != nil {
		t.Fatal(err)
	}
	write(t, s, trashFolder+"/pv-1/file", "the heir's")
	for range 2 {
		if removing, err := s.Sweep(t.Context(), "cluster-1", func(string) bool { return false }); err != nil || len(removing) > 0 {
			t.Errorf("removing %v, %v", removing, err)
		}
	}
	expectContent(t, s, trashFolder+"/pv-1/file", "the heir's")
}

// Data and record of another volume, taken too late, go back where they belong.
func TestAProofOfAnotherVolumeRemovesNothing(t *testing.T) {
	s := newShare(t, t.TempDir())
	heir := record(t, "pv-2", "a", "db")
	mustMake(t, s, heir, open777)
	write(t, s, "db/file", "the heir's")
	for range 2 {
		if err := errors.Join(
			os.MkdirAll(filepath.Join(s.Mount, trashFolder), 0o700),
			os.Rename(filepath.Join(s.Mount, "db"), filepath.Join(s.Mount, binOf("pv-1"))),
			os.Rename(filepath.Join(s.Mount, recordPath(heir.Directory)), filepath.Join(s.Mount, proofOf("pv-1"))),
		); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Sweep(t.Context(), "cluster-1", heirExists); err != nil {
			t.Fatal(err)
		}
		ended(t, s, "pv-1")
		s.expectOwner(t, heir)
		expectContent(t, s, "db/file", "the heir's")
	}
}
