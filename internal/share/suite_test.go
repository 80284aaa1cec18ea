package share

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mountsVariable lists more directories to run the suite on, separated by
// colons: mounts of the NFS servers and versions that are to be covered.
const mountsVariable = "SHARE_TEST_MOUNTS"

// forEachFileSystem runs a behaviour of a share on every kind of file system
// at hand: the one of temporary files, a tmpfs, and what mountsVariable names.
func forEachFileSystem(t *testing.T, behaviour func(t *testing.T, s *Share)) {
	t.Helper()
	forEach(t, map[string]string{"disk": t.TempDir(), "tmpfs": inMemory(t)}, filepath.SplitList(os.Getenv(mountsVariable)), behaviour)
}

// forSomeFileSystems is forEachFileSystem for what takes very many steps: in
// memory if there is such a file system, and on the last of the mounts. With
// -short only the mounts would be of interest, and those take many minutes.
func forSomeFileSystems(t *testing.T, behaviour func(t *testing.T, s *Share)) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes many steps, and none that other tests do not take on every mount")
	}
	mounts := filepath.SplitList(os.Getenv(mountsVariable))
	forEach(t, map[string]string{"tmpfs": inMemory(t)}, mounts[max(0, len(mounts)-1):], behaviour)
}

// inMemory is a temporary folder on a tmpfs, if there is one.
func inMemory(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "share-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

func forEach(t *testing.T, places map[string]string, mounts []string, behaviour func(t *testing.T, s *Share)) {
	t.Helper()
	for _, mount := range mounts {
		inside, err := os.MkdirTemp(mount, "share-test-")
		if err != nil {
			t.Fatalf("%s: %v", mountsVariable, err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(inside) })
		places[strings.ReplaceAll(strings.Trim(mount, "/"), "/", "_")] = inside
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) { behaviour(t, newShare(t, place)) })
	}
}

func newShare(t *testing.T, mount string) *Share {
	t.Helper()
	s := New(
		Location{Name: "test", Server: "nas", Path: "/export", Mount: mount},
		Options{Timeout: 30 * time.Second, Places: 4},
	)
	s.patience = s.options.Timeout // what comes of a removal does not depend on how slow the file system is
	t.Cleanup(func() {
		if err := s.Close(t.Context()); err != nil && !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
	})
	return s
}

func directory(t *testing.T, path string) Directory {
	t.Helper()
	d, err := ParseDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// record is the record of a volume of claim default/<claim>.
func record(t *testing.T, volume, claim, path string) Record {
	t.Helper()
	return Record{
		Cluster: "cluster-1", Volume: volume, Directory: directory(t, path),
		Claim: Claim{Namespace: "default", Name: claim, UID: "uid-of-" + volume},
		Class: "gold", Capacity: "1Gi", OnDelete: "archive",
	}
}

// volume is what record's volume looks like when it is deleted.
func volume(r Record) Volume {
	return Volume{Name: r.Volume, Cluster: r.Cluster, Claim: r.Claim, Directory: r.Directory}
}

var open777 = MakeOptions{Mode: 0o777}

func mustMake(t *testing.T, s *Share, r Record, o MakeOptions) Record {
	t.Helper()
	made, err := s.Make(t.Context(), r, o)
	if err != nil {
		t.Fatalf("Make %s: %v", r.Directory, err)
	}
	return made
}

func write(t *testing.T, s *Share, path, content string) {
	t.Helper()
	full := filepath.Join(s.Mount, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

func expectContent(t *testing.T, s *Share, path, content string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(s.Mount, path))
	if err != nil || string(got) != content {
		t.Errorf("%s holds %q (%v), want %q", path, got, err, content)
	}
}

func expectAbsent(t *testing.T, s *Share, path string) {
	t.Helper()
	if _, err := os.Lstat(filepath.Join(s.Mount, path)); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", path, err)
	}
}

func expectError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want one that is %q", err, want)
	}
}

// listing lists every name below the share's root, for comparison.
func listing(t *testing.T, s *Share) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(s.Mount, func(path string, _ os.DirEntry, err error) error {
		names = append(names, strings.TrimPrefix(path, s.Mount))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, "\n")
}
