package share

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseDirectoryTakesExactlyWhatIsSafe(t *testing.T) {
	long := strings.Repeat("x", MaxSegment)
	for _, path := range []string{
		"a", "default-web-0-pvc-1", "a/b/c", "...", "..a", "a..", ". ", "a b", "ünïcode", long, long + "/" + long,
		"archived-a", ".hidden", "a/.nfs-provisioner2", "a:b", "-rf", "${x}", "%2e%2e",
	} {
		d, err := ParseDirectory(path)
		if err != nil || d.String() != path {
			t.Errorf("%q: got %q, %v; want it unchanged", path, d, err)
		}
	}
	for _, path := range []string{
		"", ".", "..", "/", "/a", "//a", "a/", "a//b", "./a", "a/.", "a/./b", "../a", "a/..", "a/../b", "a/../../b",
		"..\\a", "a\\b", "a\x00b", "a\nb", "a\x7fb", "a\u0085b", "\xff\xfe", long + "x", "a/" + long + "x",
		".nfs-provisioner", ".nfs-provisioner/records/a", ".NFS-Provisioner/x", "a/.nfs-provisioner", "a/.nfs-Provisioner/b",
		strings.Repeat("abc/", MaxDirectory/4) + "d",
	} {
		if d, err := ParseDirectory(path); !errors.Is(err, ErrInvalidDirectory) {
			t.Errorf("%q: got %q, %v; want a refusal", path, d, err)
		}
	}
}

func FuzzParseDirectory(f *testing.F) {
	for _, seed := range []string{"a/b", "../x", "/x", "a//b", "a/./b", "..%2f", "\x00", ".nfs-provisioner", "a/../b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		d, err := ParseDirectory(path)
		if err != nil {
			return
		}
		if d.String() != path || !filepath.IsLocal(path) || filepath.Clean(path) != path || path == "." {
			t.Errorf("%q was taken as %q", path, d)
		}
		for _, s := range d.Segments() {
			if s == "" || s == "." || s == ".." || len(s) > MaxSegment {
				t.Errorf("%q has the segment %q", path, s)
			}
		}
	})
}
