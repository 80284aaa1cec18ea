package share

import (
	"errors"
	"io/fs"
)

// dress gives a folder owner and mode through an open handle, so that nothing
// put in its place meanwhile can receive them.
func dress(t *tree, place string, mode fs.FileMode, uid, gid *uint32) (err error) {
	f, err := t.OpenDirectory(place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	const unchanged = -1
	owner, group := unchanged, unchanged
	if uid != nil {
		owner = int(*uid)
	}
	if gid != nil {
		group = int(*gid)
	}
	if owner != unchanged || group != unchanged {
		if err := f.Chown(owner, group); err != nil {
			return err
		}
	}
	// After chown, which clears setuid and setgid.
	return f.Chmod(mode)
}
