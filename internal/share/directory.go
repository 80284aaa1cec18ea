package share

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of a directory's path, in bytes.
const (
	// MaxSegment is NAME_MAX of Linux and of every NFS server we know.
	MaxSegment = 255
	// MaxDirectory leaves room for the export's own path below the 1,024
	// bytes of a mount path in NFS version 3 (RFC 1813, MNTPATHLEN).
	MaxDirectory = 960
	// maxArchive is room for the path of the longest directory's archive.
	maxArchive = MaxDirectory + 2*MaxSegment
)

// metadata is the folder at the share's root that holds everything of ours.
const metadata = ".nfs-provisioner"

// ErrInvalidDirectory is wrapped by every error of [ParseDirectory].
var ErrInvalidDirectory = errors.New("not a directory that a volume may have")

// A Directory is the path of a volume's directory relative to the share's
// root: one or more segments joined by slashes, always a strict descendant of
// the root. The zero value is not a directory; [ParseDirectory] makes one.
type Directory struct{ path string }

// ParseDirectory judges a path and never repairs it: what would have to be
// cleaned is refused, so that the text a class renders is exactly the
// directory that is made.
//
// Refused are the empty path, absolute paths, empty, "." and ".." segments,
// backslashes, control characters (NUL among them), text that is not UTF-8,
// segments over [MaxSegment] and paths over [MaxDirectory] bytes, and segments
// that are .nfs-provisioner, or that some server takes for it: at the root it is
// ours, elsewhere another install's whose share lies inside this one.
func ParseDirectory(path string) (Directory, error) { return parseDirectory(path, MaxDirectory) }

func parseDirectory(path string, most int) (Directory, error) {
	refuse := func(format string, args ...any) (Directory, error) {
		return Directory{}, fmt.Errorf("%s: %w: %s", quote(path), ErrInvalidDirectory, fmt.Sprintf(format, args...))
	}
	switch {
	case path == "":
		return refuse("the path is empty, which is the share's root")
	case strings.HasPrefix(path, "/"):
		return refuse("it is absolute; directories are relative to the share's root")
	case len(path) > most:
		return refuse("it has %d bytes, at most %d are allowed", len(path), most)
	case !utf8.ValidString(path):
		return refuse("it is not valid UTF-8")
	}
	for i, segment := range strings.Split(path, "/") {
		switch {
		case segment == "":
			return refuse("segment %d is empty (two slashes in a row, or one at the end)", i+1)
		case segment == "." || segment == "..":
			return refuse("segment %d is %q", i+1, segment)
		case len(segment) > MaxSegment:
			return refuse("segment %d has %d bytes, a name may have at most %d; a pathPattern with slashes makes shorter names", i+1, len(segment), MaxSegment)
		case isMetadata(segment):
			return refuse("%s is reserved for the provisioner's own records", metadata)
		}
		for _, r := range segment {
			if r == '\\' || unicode.IsControl(r) {
				return refuse("segment %d contains the character %U", i+1, r)
			}
		}
	}
	return Directory{path: path}, nil
}

// isMetadata says whether a name is .nfs-provisioner in the eyes of any server:
// some know no case, some normalise (ZFS), some drop characters that nobody sees
// (HFS+) or dots and spaces at the end (Windows).
func isMetadata(name string) bool {
	seen := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, name)
	return strings.EqualFold(strings.TrimRight(norm.NFKC.String(seen), ". "), metadata)
}

// quote shortens what a user wrote to what an event can show.
func quote(path string) string {
	const most = 120
	if len(path) > most {
		return fmt.Sprintf("%.*q…", most, path)
	}
	return fmt.Sprintf("%q", path)
}

// String is the path as [ParseDirectory] took it.
func (d Directory) String() string { return d.path }

// Segments are the names from the share's root down; there is at least one.
func (d Directory) Segments() []string { return strings.Split(d.path, "/") }

// ancestors are the paths above d, from the share's root down, without the
// root itself.
func (d Directory) ancestors() []string {
	var above []string
	for i, r := range d.path {
		if r == '/' {
			above = append(above, d.path[:i])
		}
	}
	return above
}

// parent is the path of the folder that holds d, "." for the share's root.
func (d Directory) parent() string {
	if i := strings.LastIndexByte(d.path, '/'); i >= 0 {
		return d.path[:i]
	}
	return "."
}

// MarshalJSON writes the path as a string.
func (d Directory) MarshalJSON() ([]byte, error) { return json.Marshal(d.path) }

// UnmarshalJSON reads what MarshalJSON wrote and judges it again.
func (d *Directory) UnmarshalJSON(data []byte) error {
	var path string
	if err := json.Unmarshal(data, &path); err != nil {
		return err
	}
	parsed, err := parseDirectory(path, maxArchive)
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
