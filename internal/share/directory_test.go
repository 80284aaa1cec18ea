package share

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nfs-provisioner/nfs-provisioner/internal/attack"
)

func TestParseDirectoryTakesExactlyWhatIsSafe(t *testing.T) {
	for _, p := range attack.Paths() {
		d, err := ParseDirectory(p.Text)
		switch {
		case p.Taken() && (err != nil || d.String() != p.Text):
			t.Errorf("%.99q: got %.99q, %v; want it unchanged", p.Text, d, err)
		case !p.Taken() && !errors.Is(err, ErrInvalidDirectory):
			t.Errorf("%.99q: got %.99q, %v; want a refusal", p.Text, d, err)
		case !p.Taken() && !strings.Contains(err.Error(), p.Refusal):
			t.Errorf("%.99q: refused with %q, which does not say %q", p.Text, err, p.Refusal)
		}
	}
}

// What is refused is told in an event, and an event must stay readable.
func TestARefusalOfAPathIsShortAndPlain(t *testing.T) {
	for _, p := range attack.Paths() {
		_, err := ParseDirectory(p.Text)
		if err == nil {
			continue
		}
		if text := err.Error(); len(text) > 1024 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\ufffd' }) {
			t.Errorf("%.99q is refused with %d bytes: %.999q", p.Text, len(text), text)
		}
	}
}

func FuzzParseDirectory(f *testing.F) {
	for _, p := range attack.Paths() {
		f.Add(p.Text)
	}
	f.Fuzz(func(t *testing.T, path string) {
		d, err := ParseDirectory(path)
		if err != nil {
			return
		}
		if d.String() != path || !filepath.IsLocal(path) || filepath.Clean(path) != path || path == "." || len(path) > MaxDirectory {
			t.Errorf("%q was taken as %q", path, d)
		}
		for _, s := range d.Segments() {
			if s == "" || s == "." || s == ".." || len(s) > MaxSegment || strings.EqualFold(s, metadata) || strings.ContainsAny(s, "\x00\\/\n") {
				t.Errorf("%q has the segment %q", path, s)
			}
		}
		archive := archivePlace(d, "pvc-1", 0)
		if _, err := parseDirectory(archive.path, maxArchive); err != nil || archive == d {
			t.Errorf("%q has the archive %q: %v", path, archive, err)
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	for _, p := range attack.Paths() {
		r := Record{Cluster: "c", Volume: "pv-1", Directory: Directory{p.Text}, State: Active, Origin: p.Text}
		if data, err := r.encode(); err == nil {
			f.Add(data)
		}
	}
	for _, text := range []string{"", "{", "null", "[]", `{"version":2}`, `{"version":1}`, `{"version":1e99}`, `{"version":1,"Version":2,"cluster":"c","volume":"v","directory":"a","state":"active","directory":".."}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRecord(data)
		if err != nil {
			if !errors.Is(err, ErrRecordDamaged) {
				t.Errorf("%q: %v", data, err)
			}
			return
		}
		if _, err := parseDirectory(r.Directory.path, maxArchive); err != nil || r.Volume == "" || r.Cluster == "" {
			t.Errorf("%q was taken as %+v: %v", data, r, err)
		}
		again, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		if same, err := decodeRecord(again); err != nil || same.Directory != r.Directory || same.Volume != r.Volume || same.State != r.State {
			t.Errorf("%+v is written as %s and read as %+v, %v", r, again, same, err)
		}
	})
}
