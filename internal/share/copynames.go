package share

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Names of which a server that folds names makes one: the second differs from the
// first in its case, the third in how its accent is written.
const (
	probe          = ".nfs-provisioner-Probe-\u00e9"
	probeLowerCase = ".nfs-provisioner-probe-\u00e9"
	probeAccent    = ".nfs-provisioner-Probe-e\u0301"
)

// foldsNames says whether two names may be one in an empty folder that nobody else
// knows.
func foldsNames(folder int) (folds bool, err error) {
	if err := unix.Mkdirat(folder, probe, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return false, err
	}
	for _, name := range []string{probeLowerCase, probeAccent} {
		var info unix.Stat_t
		switch err := unix.Fstatat(folder, name, &info, unix.AT_SYMLINK_NOFOLLOW); {
		case err == nil:
			folds = true
		case !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EILSEQ) && !errors.Is(err, unix.EINVAL):
			return false, errors.Join(err, unix.Unlinkat(folder, probe, unix.AT_REMOVEDIR))
		}
	}
	if err := unix.Unlinkat(folder, probe, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
		return false, err
	}
	return folds, nil
}
