package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(content), mode))
}

func TestWhatIsKeptAboutAVolumeIsKeptAboutItsLikes(t *testing.T) {
	s := share{t.TempDir()}
	write(t, s.root+"/.p/records/space-sample-pvc-uid-1", `{"claim": "sample", "uid": "uid-1"}`, 0o640)
	write(t, s.root+"/.p/list", "pvc-uid-1\n", 0o600)
	write(t, s.root+"/.p/other", "pvc-uid-7\n", 0o600)
	write(t, s.root+"/space-sample-pvc-uid-1/data", "pvc-uid-1", 0o600)
	kept, err := s.keptAbout("pvc-uid-1", "space-sample-pvc-uid-1")
	if err != nil || len(kept) != 2 {
		t.Fatalf("got %+v, %v", kept, err)
	}
	like := sample{names: old, directory: "space-sample-pvc-uid-1", kept: kept}
	directory, err := s.add(like, loops.Names{Claim: "b", ClaimUID: "uid-8", Volume: "pvc-uid-8", VolumeUID: "uid-9"})
	if err != nil || directory != filepath.Join(s.root, "space-b-pvc-uid-8") {
		t.Errorf("got %s, %v", directory, err)
	}
	record, err := os.ReadFile(s.root + "/.p/records/space-b-pvc-uid-8")
	if err != nil || string(record) != `{"claim": "b", "uid": "uid-8"}` {
		t.Errorf("got %s, %v", record, err)
	}
	must(t, s.renew())
	if left, err := os.ReadDir(s.root); err != nil || len(left) > 0 {
		t.Errorf("renewed, the share has %v, %v", left, err)
	}
	must(t, s.discard())
	if _, err := os.Stat(s.aside()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was put aside is there when it should be gone: %v", err)
	}
}
