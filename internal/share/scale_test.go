package share

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestADeepTreeIsRemovedWithFewFilesOpen(t *testing.T) {
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 512, Max: limit.Max}))
	defer func() { must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)) }()
	forSomeFileSystems(t, func(t *testing.T, s *Share) {
		r := record(t, "pv-1", "a", "db")
		mustMake(t, s, r, open777)
		deepen(t, filepath.Join(s.Mount, "db"), 1_000)
		must(t, removed(t, s, r))
		expectAbsent(t, s, trashFolder+"/pv-1")
	})
}

// deepen makes a tree in which each folder holds a folder and a file of the
// longest name that there may be.
func deepen(t *testing.T, at string, levels int) {
	t.Helper()
	name := strings.Repeat("d", MaxSegment)
	here, err := os.OpenRoot(at)
	must(t, err)
	for range levels {
		must(t, here.Mkdir(name, 0o777))
		next, err := here.OpenRoot(name)
		must(t, err)
		must(t, here.Close())
		here = next
	}
	must(t, here.Close())
}

func TestTenThousandDirectoriesAreMadeAsFastAsTheFirst(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand directories take their time")
	}
	s := newShare(t, inMemory(t))
	const all, some = 10_000, 100
	took := make([]time.Duration, all)
	for i := range all {
		r := record(t, fmt.Sprintf("pv-%d", i), "c", fmt.Sprintf("zone-%d/claim-%d", i%3, i))
		start := time.Now()
		mustMake(t, s, r, open777)
		took[i] = time.Since(start)
	}
	first, last := median(took[:some]), median(took[all-some:])
	if last > 3*first {
		t.Errorf("the first took %v, the last %v", first, last)
	}
	t.Logf("the first took %v, the last %v", first, last)
}

func median(of []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
