package share

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// longName is one of which names of files hold only a hash.
var longName = strings.Repeat("pv-1.", 50)

// late is a share on which the data of a volume was removed, and its path has got
// an heir with data, before something that was asked for long ago is done.
func late(t *testing.T, s *Share, volume string) (gone, heir Record) {
	t.Helper()
	gone, heir = record(t, volume, "a", "team/db"), record(t, "pv-2", "a", "team/db")
	mustMake(t, s, gone, open777)
	if err := removed(t, s, gone); err != nil {
		t.Fatal(err)
	}
	mustMake(t, s, heir, open777)
	write(t, s, "team/db/file", "the heir's")
	return gone, heir
}

// renameNow does what was asked for.
func renameNow(t *testing.T, s *Share, from, to string) {
	t.Helper()
	if err := os.Rename(filepath.Join(s.Mount, from), filepath.Join(s.Mount, to)); err != nil {
		t.Fatal(err)
	}
}

func (s *Share) expectOwner(t *testing.T, r Record) {
	t.Helper()
	e, err := s.Find(t.Context(), r.Directory)
	if err != nil || !e.Exists || !e.Record.names(r.Volume, r.Cluster) || e.Record.State != Active {
		t.Errorf("at %s is %+v, %v; want that of %s", r.Directory, e, err, r.Volume)
	}
}

func heirExists(volume string) bool { return volume == "pv-2" }

func TestARecordThatWasTakenForAProofTooLateComesBack(t *testing.T) {
	for where, place := range map[string]string{"in the trash": proofOf("pv-1"), "among what was removed": removedOf("pv-1")} {
		for how, mend := range map[string]func(*testing.T, *Share, Record) error{
			"asked again": func(t *testing.T, s *Share, gone Record) error { return removed(t, s, gone) },
			"swept": func(t *testing.T, s *Share, _ Record) error {
				removing, err := s.Sweep(t.Context(), "cluster-1", heirExists)
				if len(removing) > 0 {
					ended(t, s, "pv-1")
				}
				return err
			},
		} {
			t.Run(where+", "+how, func(t *testing.T) {
				forEachFileSystem(t, func(t *testing.T, s *Share) {
					gone, heir := late(t, s, "pv-1")
					renameNow(t, s, recordPath(heir.Directory), place)
					if err := os.Remove(filepath.Join(s.Mount, recordsFolder, "team")); err != nil { // pruned
						t.Fatal(err)
					}
					for range 2 {
						if err := mend(t, s, gone); err != nil {
							t.Fatal(err)
						}
					}
					s.expectOwner(t, heir)
					expectContent(t, s, "team/db/file", "the heir's")
				})
			})
		}
	}
}

func TestAProofThatWasRestoredBySweepIsThatOfAVolumeOfALongName(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		s.options.Remember = time.Hour
		gone, heir := late(t, s, longName)
		renameNow(t, s, recordPath(heir.Directory), proofOf(longName))
		if _, err := s.Sweep(t.Context(), "cluster-1", heirExists); err != nil {
			t.Fatal(err)
		}
		if err := removed(t, s, gone); err != nil {
			t.Error(err)
		}
		s.expectOwner(t, heir)
		expectContent(t, s, "team/db/file", "the heir's")
	})
}

func TestADirectoryThatWasTrashedTooLateComesBack(t *testing.T) {
	for kind, volume := range map[string]string{"short name": "pv-1", "long name": longName} {
		t.Run(kind, func(t *testing.T) {
			forEachFileSystem(t, func(t *testing.T, s *Share) {
				s.options.Remember = time.Hour
				gone, heir := late(t, s, volume)
				renameNow(t, s, "team/db", binOf(volume))
				if err := removed(t, s, gone); err == nil {
					expectContent(t, s, binOf(volume)+"/file", "the heir's")
				}
				for range 2 {
					if _, err := s.Sweep(t.Context(), "cluster-1", heirExists); err != nil {
						t.Fatal(err)
					}
				}
				s.expectOwner(t, heir)
				expectContent(t, s, "team/db/file", "the heir's")
			})
		})
	}
}

func TestARecordThatWasTakenToBeRemovedTooLateComesBack(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		_, heir := late(t, s, "pv-1")
		stray := temporary + "/stray"
		renameNow(t, s, recordPath(heir.Directory), stray)
		restore := func(exists func(string) bool) {
			if _, err := do(t.Context(), s, "restore", nil, func(t *tree) (struct{}, error) {
				return struct{}{}, restoreStray(t, stray, exists)
			}); err != nil {
				t.Fatal(err)
			}
		}
		restore(func(string) bool { return false })
		if e, err := s.Find(t.Context(), heir.Directory); err != nil || e.Record.Volume != "" {
			t.Errorf("the record of a volume that is not there has come back: %+v, %v", e, err)
		}
		restore(heirExists)
		s.expectOwner(t, heir)
	})
}

// Another process, or a server that comes back, moves the data while the archive
// is made.
func TestAnArchiveWhoseDataIsMovedMeanwhileKeepsItsRecord(t *testing.T) {
	r := record(t, "pv-1", "a", "db")
	place := archivePlace(r.Directory, "pv-1", 0)
	reached := true
	for nth := 1; reached; nth++ {
		s := newShare(t, inMemory(t))
		mustMake(t, s, r, open777)
		write(t, s, "db/file", "kept")
		reached = false
		asked := 0
		s.options.Fence = func() error {
			if asked++; asked == nth {
				reached = true
				_ = os.Rename(filepath.Join(s.Mount, "db"), filepath.Join(s.Mount, place.path)) // unless it is there
			}
			return nil
		}
		for range 2 {
			if _, err := s.Archive(t.Context(), volume(r)); err != nil {
				t.Logf("moved before step %d: %v", nth, err)
			}
		}
		e, err := s.Find(t.Context(), place)
		if err != nil || !e.Exists || e.Record.State != Archived {
			t.Errorf("moved before step %d: the archive is %+v, %v", nth, e, err)
		}
		expectContent(t, s, place.path+"/file", "kept")
	}
}

func TestAFileThatAnNFSClientKeepsUntilItIsClosedIsNoProof(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		s.options.Remember = time.Nanosecond
		gone, heir := late(t, s, "pv-1")
		for _, folder := range []string{trashFolder, removedFolder} {
			place := filepath.Join(s.Mount, folder, ".keeps-0001") // as .nfs0001, which NFS itself forbids to make
			if err := os.Link(filepath.Join(s.Mount, recordPath(heir.Directory)), place); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Sweep(t.Context(), gone.Cluster, heirExists); err != nil {
			t.Error(err)
		}
		must(t, s.Walk(t.Context(), func(string) bool { return false }, func(e Entry) error {
			if e.Trashed || e.Damaged != nil {
				t.Errorf("the inventory shows %+v", e)
			}
			return nil
		}))
		s.expectOwner(t, heir)
	})
}
