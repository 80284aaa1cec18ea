package share

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// NFS 4.2 has a request by which a server copies by itself.
func TestALargeFileIsCopiedByAServerThatCan(t *testing.T) {
	forEachFileSystem(t, func(t *testing.T, s *Share) {
		before, can := askedToCopy(t, s.Mount)
		if !can {
			t.Skip("it is no NFS 4.2")
		}
		source := record(t, "pv-1", "a", "a")
		mustMake(t, s, source, open777)
		want := bytes.Repeat([]byte("no two alike\n"), 1<<17)
		must(t, os.WriteFile(filepath.Join(s.Mount, "a/large"), want, 0o640))
		mustClone(t, s, record(t, "pv-2", "b", "b"), source)
		if got, err := os.ReadFile(filepath.Join(s.Mount, "b/large")); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the copy has %d bytes of %d (%v)", len(got), len(want), err)
		}
		if after, _ := askedToCopy(t, s.Mount); after == before {
			t.Error("the server was not asked to copy")
		}
	})
}

// askedToCopy is how often the server of a mount was asked to copy by itself, and
// whether the version of its protocol knows that. See nfsstat(8) and mountstats(8).
func askedToCopy(t *testing.T, place string) (times int, can bool) {
	t.Helper()
	stats, err := os.ReadFile("/proc/self/mountstats")
	must(t, err)
	here := false
	for line := range strings.Lines(string(stats)) {
		words := strings.Fields(line)
		switch {
		case len(words) > 4 && words[0] == "device":
			here = strings.HasPrefix(place+"/", strings.TrimSuffix(words[4], "/")+"/") && strings.Contains(line, "fstype nfs4")
		case here && strings.Contains(line, "vers=4.2"):
			can = true
		case here && len(words) > 1 && (words[0] == "COPY:" || words[0] == "CLONE:"):
			n, err := strconv.Atoi(words[1])
			must(t, err)
			times += n
		}
	}
	return times, can
}
