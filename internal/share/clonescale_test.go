package share

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestALargeFileIsCopiedWhole(t *testing.T) {
	size := int64(2*copyAtOnce + copyBuffer + 7)
	if *long {
		size = 10<<30 + 7
	}
	for _, name := range []string{"on the same share", "on another share"} {
		t.Run(name, func(t *testing.T) {
			from := newShare(t, t.TempDir())
			to := from
			if name == "on another share" {
				to = newShare(t, t.TempDir())
			}
			source, r := record(t, "pv-1", "a", "a"), record(t, "pv-2", "b", "b")
			mustMake(t, from, source, open777)
			content := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), size) }
			f, err := os.Create(filepath.Join(from.Mount, "a/large"))
			must(t, err)
			_, err = io.Copy(f, content())
			must(t, err)
			must(t, f.Close())
			if _, err := cloned(t.Context(), to, r, from, volume(source)); err != nil {
				t.Fatal(err)
			}
			made, err := os.Open(filepath.Join(to.Mount, "b/large"))
			must(t, err)
			defer made.Close() //nolint:errcheck // opened to read
			expectSame(t, made, content())
		})
	}
}

func expectSame(t *testing.T, got, want io.Reader) {
	t.Helper()
	one, other := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); ; {
		n, err := io.ReadFull(got, one)
		m, otherErr := io.ReadFull(want, other)
		if n != m || string(one[:n]) != string(other[:m]) {
			t.Fatalf("they differ after %d bytes", at)
		}
		if at += int64(n); err != nil && otherErr != nil {
			return
		}
	}
}

func TestMemoryDoesNotGrowWithTheFilesThatAreCopied(t *testing.T) {
	files := 4_000
	if *long {
		files = 1_000_000
	}
	s := newShare(t, t.TempDir())
	source, r := record(t, "pv-1", "a", "a"), record(t, "pv-2", "b", "b")
	mustMake(t, s, source, open777)
	const inFolder = 1000
	for i := range files {
		if i%inFolder == 0 {
			must(t, os.MkdirAll(filepath.Join(s.Mount, fmt.Sprintf("a/%d", i/inFolder)), 0o755))
		}
		must(t, os.WriteFile(filepath.Join(s.Mount, fmt.Sprintf("a/%d/%d", i/inFolder, i)), []byte("data"), 0o644))
	}
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapInuse
	}
	var steps atomic.Int64
	var mu sync.Mutex
	most, before := uint64(0), heap()
	every := int64(files / 10)
	s.options.Fence = func() error {
		if steps.Add(1)%every == 0 {
			now := heap()
			mu.Lock()
			defer mu.Unlock()
			most = max(most, now)
		}
		return nil
	}
	mustClone(t, s, r, source)
	const allowed = 16 << 20
	if most > before+allowed {
		t.Errorf("with %d files the heap grew from %d to %d KiB", files, before>>10, most>>10)
	}
	copied := 0
	folders, err := os.ReadDir(filepath.Join(s.Mount, "b"))
	must(t, err)
	for _, f := range folders {
		entries, err := os.ReadDir(filepath.Join(s.Mount, "b", f.Name()))
		must(t, err)
		copied += len(entries)
	}
	if copied != files {
		t.Errorf("%d of %d files are in the clone", copied, files)
	}
}
