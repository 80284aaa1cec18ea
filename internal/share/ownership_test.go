package share

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestOnlyOneVolumeTakesADirectoryBack(t *testing.T) {
	s := newShare(t, t.TempDir())
	mustMake(t, s, record(t, "pv-1", "a", "db"), open777)
	write(t, s, "db/file", "kept")
	if err := s.Retain(t.Context(), volume(record(t, "pv-1", "a", "db"))); err != nil {
		t.Fatal(err)
	}
	// Both have read the record before either writes one.
	var both sync.WaitGroup
	both.Add(2)
	meet := func() error { both.Done(); both.Wait(); return nil }
	other := newShare(t, s.Mount)
	s.options.Fence, other.options.Fence = meet, meet
	errs := make([]error, 2)
	var group sync.WaitGroup
	for i, on := range []*Share{s, other} {
		group.Go(func() {
			_, errs[i] = on.Make(t.Context(), record(t, []string{"pv-2", "pv-3"}[i], "a", "db"), open777)
		})
	}
	group.Wait()
	if errs[0] == nil && errs[1] == nil {
		t.Error("two volumes were told that the directory is theirs")
	}
}

func TestNothingIsTakenBackByAProcessThatMayNoLongerWrite(t *testing.T) {
	s := newShare(t, t.TempDir())
	r := record(t, "pv-1", "a", "db")
	mustMake(t, s, r, open777)
	write(t, s, "db/file", "precious") // the next leader has finished the volume, a pod writes
	s.options.Fence = func() error { return errFenced }
	if _, err := s.Make(t.Context(), r, open777); err == nil {
		t.Error("Make says it is made")
	}
	expectContent(t, s, "db/file", "precious")
	if _, err := os.Stat(filepath.Join(s.Mount, recordsFolder, "db")); err != nil {
		t.Errorf("the record of a volume in use was removed: %v", err)
	}
}

func TestMakeNeverRemovesARecordThatItDidNotWrite(t *testing.T) {
	s := newShare(t, t.TempDir())
	r := record(t, "pv-1", "a", "db")
	mustMake(t, s, r, open777)
	write(t, s, "db/file", "precious")
	_, err := s.Make(t.Context(), r, open777)
	expectError(t, err, ErrExists)
	_, err = s.Make(t.Context(), record(t, "pv-9", "z", "db"), MakeOptions{Mode: 0o777, AllowExisting: true})
	expectError(t, err, ErrOwned)
}

func TestAFencedArchiveTakesNothingBack(t *testing.T) {
	s, next := newShare(t, t.TempDir()), (*Share)(nil)
	next = newShare(t, s.Mount)
	r := record(t, "pv-1", "a", "db")
	mustMake(t, s, r, open777)
	write(t, s, "db/file", "kept")
	s.options.Fence = func() error {
		if _, err := next.Archive(t.Context(), volume(r)); err != nil {
			t.Error(err)
		}
		return errFenced
	}
	_, err := s.Archive(t.Context(), volume(r))
	expectError(t, err, errFenced)
	expectContent(t, s, "archived-db-pv-1/file", "kept")
	s.options.Fence = func() error { return nil }
	_, err = s.Make(t.Context(), record(t, "pv-9", "z", "archived-db-pv-1"), MakeOptions{Mode: 0o777, AllowExisting: true})
	expectError(t, err, ErrOwned)
}

func TestArchiveWhoseAnswerWasLostKeepsItsRecord(t *testing.T) {
	s := newShare(t, t.TempDir())
	r := record(t, "pv-1", "a", "db")
	mustMake(t, s, r, open777)
	write(t, s, "db/file", "kept")
	s.options.Fence = func() error {
		// When the archive has its record, the move is next.
		if _, err := os.Lstat(filepath.Join(s.Mount, recordsFolder, "archived-db-pv-1")); err == nil {
			s.options.Fence = func() error { return nil }
			return os.Rename(filepath.Join(s.Mount, "db"), filepath.Join(s.Mount, "archived-db-pv-1"))
		}
		return nil
	}
	for try := range 2 {
		if _, err := s.Archive(t.Context(), volume(r)); err != nil {
			t.Logf("try %d: %v", try+1, err)
		}
	}
	expectContent(t, s, "archived-db-pv-1/file", "kept")
	_, err := s.Make(t.Context(), record(t, "pv-9", "z", "archived-db-pv-1"), MakeOptions{Mode: 0o777, AllowExisting: true})
	expectError(t, err, ErrOwned)
}

func TestArchiveWithASuffixIsFoundAgain(t *testing.T) {
	s := newShare(t, t.TempDir())
	write(t, s, "archived-db-pv-1/file", "foreign")
	r := record(t, "pv-1", "a", "db")
	mustMake(t, s, r, open777)
	if _, err := s.Archive(t.Context(), volume(r)); err != nil {
		t.Fatal(err)
	}
	mustMake(t, s, record(t, "pv-2", "b", "db"), open777)
	if got, err := s.Archive(t.Context(), volume(r)); err != nil || got.String() != "archived-db-pv-1-2" {
		t.Errorf("archived once more: %q, %v", got, err)
	}
}

func TestArchiveIsFoundAgainWhenThePathWasMadeByHand(t *testing.T) {
	s := newShare(t, t.TempDir())
	r := record(t, "pv-1", "a", "db")
	mustMake(t, s, r, open777)
	if _, err := s.Archive(t.Context(), volume(r)); err != nil {
		t.Fatal(err)
	}
	write(t, s, "db/file", "somebody's")
	if got, err := s.Archive(t.Context(), volume(r)); err != nil || got.String() != "archived-db-pv-1" {
		t.Errorf("archived once more: %q, %v", got, err)
	}
}

func TestTheRecordOfEveryArchiveCanBeRead(t *testing.T) {
	s := newShare(t, t.TempDir())
	path := strings.Repeat(strings.Repeat("x", 95)+"/", 10)[:MaxDirectory-1]
	r := record(t, "pv-1", "a", path)
	mustMake(t, s, r, open777)
	got, err := s.Archive(t.Context(), volume(r))
	if err != nil {
		t.Fatal(err)
	}
	m, err := openMount(s.Mount)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close() //nolint:errcheck // opened to read
	if _, err := readRecord(&tree{mount: m}, got); err != nil {
		t.Error(err)
	}
}

func TestArchiveOfAVolumeWithALongName(t *testing.T) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic: %v", p)
		}
	}()
	place := archivePlace(directory(t, "db"), strings.Repeat("x", 253), 0)
	if _, err := ParseDirectory(place.String()); err != nil {
		t.Error(err)
	}
}

func TestAnArchiveFindsAPlaceWhenItsFolderIsTaken(t *testing.T) {
	s := newShare(t, t.TempDir())
	mustMake(t, s, record(t, "pv-9", "z", "archived-team"), open777)
	r := record(t, "pv-1", "a", "team/db")
	mustMake(t, s, r, open777)
	write(t, s, "team/db/file", "kept")
	if _, err := s.Archive(t.Context(), volume(r)); err != nil {
		t.Error(err)
	}
}

func TestAbandonLeavesContentAlone(t *testing.T) {
	s := newShare(t, t.TempDir())
	r := record(t, "pv-1", "a", "db")
	mustMake(t, s, r, open777)
	write(t, s, "db/file", "somebody's")
	if err := s.Abandon(t.Context(), r); err != nil {
		t.Error(err)
	}
	expectContent(t, s, "db/file", "somebody's")
}

func TestATenantCannotMakeItsVolumeUndeletable(t *testing.T) {
	for name, remove := range map[string]func(*Share, Volume) error{
		"Remove":  func(s *Share, v Volume) error { return s.Remove(t.Context(), v) },
		"Archive": func(s *Share, v Volume) error { _, err := s.Archive(t.Context(), v); return err },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShare(t, t.TempDir())
			r := record(t, "pv-1", "a", "db")
			mustMake(t, s, r, open777)
			write(t, s, "db/.nfs-provisioner/x", "planted")
			if err := remove(s, volume(r)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestARecordIsTheLastCompleteLineOrAllThereIs(t *testing.T) {
	line := func(volume string) string {
		r := record(t, volume, "a", "db")
		r.State = Active
		data, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var laidOut bytes.Buffer
	if err := json.Indent(&laidOut, []byte(line("pv-1")), "", "  "); err != nil {
		t.Fatal(err)
	}
	cut := line("pv-2")[:20]
	for name, c := range map[string]struct{ file, volume string }{
		"one line":                       {line("pv-1"), "pv-1"},
		"without its end":                {strings.TrimSpace(line("pv-1")), "pv-1"},
		"two lines":                      {line("pv-1") + line("pv-2"), "pv-2"},
		"a second line that was cut":     {line("pv-1") + cut, "pv-1"},
		"a second line without its end":  {line("pv-1") + strings.TrimSpace(line("pv-2")), "pv-2"},
		"laid out by hand":               {laidOut.String(), "pv-1"},
		"laid out by hand, then changed": {laidOut.String() + line("pv-2"), "pv-2"},
		"a first line that was cut":      {cut, ""},
		"a line that is none":            {line("pv-1") + "{}\n", ""},
		"nothing":                        {"", ""},
		"an empty line":                  {"\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := decodeRecord([]byte(c.file))
			if r.Volume != c.volume || (err == nil) != (c.volume != "") || err != nil && !errors.Is(err, ErrRecordDamaged) {
				t.Errorf("read %q, %v; want %q", r.Volume, err, c.volume)
			}
		})
	}
}
