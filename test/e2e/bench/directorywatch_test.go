package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// watched is a watch of directories that exist.
func watched(t *testing.T, names ...string) (root string, w *directoryWatch) {
	t.Helper()
	root = t.TempDir()
	var paths []string
	for _, name := range names {
		path := filepath.Join(root, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	w, err := watchDirectories(paths)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.stop() })
	return root, w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestADirectoryIsFollowedThroughItsMoveToItsEnd(t *testing.T) {
	root, w := watched(t, "a", "trash")
	must(t, os.WriteFile(filepath.Join(root, "a/file"), nil, 0o600))
	must(t, os.Rename(filepath.Join(root, "a"), filepath.Join(root, "trash/b")))
	var c clearance
	must(t, w.next(t.Context(), nil, &c))
	if c.freed.count != 1 || c.gone.count != 0 {
		t.Errorf("after the move: %+v", c)
	}
	must(t, os.RemoveAll(filepath.Join(root, "trash/b")))
	must(t, w.next(t.Context(), nil, &c))
	if c.freed.count != 1 || c.gone.count != 1 || c.gone.last.Before(c.freed.last) {
		t.Errorf("after the removal: %+v", c)
	}
}

func TestAPathIsFreeWhenItsDirectoryIsRemovedWhereItIs(t *testing.T) {
	root, w := watched(t, "a")
	must(t, os.Remove(filepath.Join(root, "a")))
	var c clearance
	must(t, w.next(t.Context(), nil, &c))
	if c.freed.count != 1 || c.gone.count != 1 {
		t.Errorf("got %+v", c)
	}
}

func TestEveryDirectoryIsHeardOf(t *testing.T) {
	const n = 300
	var names []string
	for i := range n {
		names = append(names, string(rune('a'+i%26))+"-"+time.Duration(i).String())
	}
	root, w := watched(t, names...)
	for _, name := range names {
		must(t, os.Rename(filepath.Join(root, name), filepath.Join(root, name+".moved")))
		must(t, os.Remove(filepath.Join(root, name+".moved")))
	}
	var c clearance
	for c.gone.count < n {
		must(t, w.next(t.Context(), nil, &c))
	}
	if c.freed.count != n {
		t.Errorf("got %d free paths of %d", c.freed.count, n)
	}
}

func TestAWatchOfWhatStaysEndsWithItsContext(t *testing.T) {
	_, w := watched(t, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.next(ctx, nil, &clearance{}); err == nil {
		t.Error("there is no error")
	}
}
