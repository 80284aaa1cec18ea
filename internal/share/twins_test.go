package share

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// twinsVariable lists more pairs of directories, ONE=OTHER, separated by colons. Of
// a pair both are the same directory, as two clients of its server have it mounted.
const twinsVariable = "SHARE_TEST_TWINS"

// forEachPairOfClients runs a test with two shares that are one, as the leader and
// the one before it have it on their nodes.
func forEachPairOfClients(t *testing.T, test func(t *testing.T, one, other *Share)) {
	t.Helper()
	local := t.TempDir()
	for pair := range strings.SplitSeq(strings.Trim(local+"="+local+":"+os.Getenv(twinsVariable), ":"), ":") {
		one, other, _ := strings.Cut(pair, "=")
		t.Run(filepath.Base(one)+" and "+filepath.Base(other), func(t *testing.T) {
			mine, err := os.MkdirTemp(one, "share-test-")
			must(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(mine) })
			must(t, os.Chmod(mine, 0o777))
			test(t, newShare(t, mine), newShare(t, filepath.Join(other, filepath.Base(mine))))
		})
	}
}

// Of what another client has taken away, or has given a name anew, an NFS client
// remembers what was for up to a minute.
func TestAVolumeThatAnotherClientHasRemovedIsNotRemovedAgain(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *Share, Record) error{
		"remove":  func(t *testing.T, s *Share, r Record) error { return removed(t, s, r) },
		"archive": func(t *testing.T, s *Share, r Record) error { _, err := s.Archive(t.Context(), volume(r)); return err },
		"retain":  func(t *testing.T, s *Share, r Record) error { return s.Retain(t.Context(), volume(r)) },
		"abandon": func(t *testing.T, s *Share, r Record) error { return s.Abandon(t.Context(), r) },
	} {
		t.Run(name, func(t *testing.T) {
			forEachPairOfClients(t, func(t *testing.T, one, other *Share) {
				before, after := record(t, "pv-1", "a", "team/db"), record(t, "pv-2", "a", "team/db")
				mustMake(t, one, before, open777)
				mustMake(t, other, before, open777) // which sees record and directory
				must(t, removed(t, one, before))
				mustMake(t, one, after, open777)
				write(t, one, "team/db/file", "data")
				if err := end(t, other, before); err != nil && !refusal(err) {
					t.Error(err)
				}
				expectContent(t, one, "team/db/file", "data")
				on, err := one.open()
				must(t, err)
				if owner, err := readRecord(on, after.Directory); err != nil || owner.Volume != "pv-2" || owner.State != Active {
					t.Errorf("the directory belongs to %q, %s (%v)", owner.Volume, owner.State, err)
				}
			})
		})
	}
}

func TestADirectoryThatAnotherClientHasRemovedIsMadeAnew(t *testing.T) {
	forEachPairOfClients(t, func(t *testing.T, one, other *Share) {
		before, after := record(t, "pv-1", "a", "team/db"), record(t, "pv-2", "a", "team/db")
		mustMake(t, one, before, open777)
		mustMake(t, other, before, open777)
		held, err := os.Open(filepath.Join(other.Mount, "team/db")) // so that the client goes on to know it
		must(t, err)
		defer held.Close() //nolint:errcheck // opened to read
		must(t, os.Rename(filepath.Join(one.Mount, "team/db"), filepath.Join(one.Mount, "elsewhere")))
		must(t, removed(t, one, before))
		mustMake(t, one, after, open777) // and then its client dies, with all but the record to do
		must(t, os.Remove(filepath.Join(one.Mount, "team/db")))
		mustMake(t, other, after, open777)
		write(t, one, "team/db/file", "data")
		expectContent(t, other, "team/db/file", "data")
	})
}

func TestAVolumeThatJoinedByAnotherClientKeepsItsData(t *testing.T) {
	forEachPairOfClients(t, func(t *testing.T, one, other *Share) {
		first, second, third := record(t, "pv-1", "a", "common/all"), record(t, "pv-2", "b", "common/all"), record(t, "pv-3", "c", "common/all")
		mustMake(t, one, first, shared)
		mustMake(t, other, third, shared)
		must(t, removed(t, other, third)) // for which it looks who else is there
		mustMake(t, one, second, shared)
		write(t, one, "common/all/file", "data")
		must(t, removed(t, other, first))
		expectContent(t, one, "common/all/file", "data")
		must(t, removed(t, other, second))
		expectAbsent(t, other, "common/all")
	})
}

func TestACloneIsOfWhatIsThereNow(t *testing.T) {
	forEachPairOfClients(t, func(t *testing.T, one, other *Share) {
		before, after, r := record(t, "pv-1", "a", "team/db"), record(t, "pv-2", "a", "team/db"), record(t, "pv-3", "b", "copy")
		mustMake(t, one, before, open777)
		write(t, one, "team/db/secret", "of another volume")
		_, err := other.Find(t.Context(), before.Directory)
		must(t, err)
		_, err = os.ReadDir(filepath.Join(other.Mount, "team/db"))
		must(t, err)
		must(t, one.Retain(t.Context(), volume(before)))
		must(t, os.Rename(filepath.Join(one.Mount, "team/db"), filepath.Join(one.Mount, "kept")))
		must(t, os.Remove(filepath.Join(one.Mount, recordPath(before.Directory))))
		mustMake(t, one, after, open777)
		write(t, one, "team/db/file", "data")
		mustClone(t, other, r, after)
		expectContent(t, other, "copy/file", "data")
		expectAbsent(t, other, "copy/secret")
	})
}
