package share

import (
	"errors"
	"syscall"
)

// An ErrorKind is what errors of one sort are counted as.
type ErrorKind string

// The kinds of errors.
const (
	KindTimeout     ErrorKind = "timeout"     // the share does not answer
	KindBusy        ErrorKind = "busy"        // no place is free, or an earlier operation has not come back
	KindUnfit       ErrorKind = "unfit"       // the mount is missing, no directory or not writable
	KindStale       ErrorKind = "stale"       // the export or its file system is another than before
	KindUnreachable ErrorKind = "unreachable" // the network says that the server is not there
	KindIO          ErrorKind = "io"          // the server's disk, or ours
	KindReadOnly    ErrorKind = "read_only"   // the export or its file system takes no changes
	KindFull        ErrorKind = "full"        // no space is left, or no inodes
	KindQuota       ErrorKind = "quota"       // a quota of the server is used up
	KindNotEmptied  ErrorKind = "not_emptied" // something in the trash cannot be removed
	KindDamaged     ErrorKind = "damaged"     // a record cannot be read
	KindRefused     ErrorKind = "refused"     // a directory is somebody else's
	KindDenied      ErrorKind = "denied"      // the server denies us what we ask for
	KindOther       ErrorKind = "other"
)

// ErrorKinds are all of them.
func ErrorKinds() []ErrorKind {
	return []ErrorKind{
		KindTimeout, KindBusy, KindUnfit, KindStale, KindUnreachable, KindIO, KindReadOnly, KindFull, KindQuota,
		KindNotEmptied, KindDamaged, KindRefused, KindDenied, KindOther,
	}
}

// kinds are the errors that have a kind. Of an error that is several of them,
// the first one counts. A fault says something about a share, and not about one
// of its directories.
var kinds = []struct {
	err   error
	kind  ErrorKind
	fault bool
}{
	{ErrTimeout, KindTimeout, true},
	{ErrUnfit, KindUnfit, true},
	{syscall.ESTALE, KindStale, true},
	{syscall.EIO, KindIO, true},
	{syscall.EREMOTEIO, KindIO, true},
	{syscall.ENOTCONN, KindUnreachable, true},
	{syscall.ECONNREFUSED, KindUnreachable, true},
	{syscall.ECONNRESET, KindUnreachable, true},
	{syscall.EHOSTDOWN, KindUnreachable, true},
	{syscall.EHOSTUNREACH, KindUnreachable, true},
	{syscall.ENETUNREACH, KindUnreachable, true},
	{syscall.ETIMEDOUT, KindUnreachable, true},
	{syscall.EROFS, KindReadOnly, true},
	{syscall.ENOSPC, KindFull, true},
	{syscall.EDQUOT, KindQuota, true},
	{ErrBusy, KindBusy, false},
	{ErrHeld, KindBusy, false},
	{ErrNotEmptied, KindNotEmptied, false},
	{ErrRecordDamaged, KindDamaged, false},
	{ErrOwned, KindRefused, false},
	{ErrExists, KindRefused, false},
	{ErrNotOurs, KindRefused, false},
	{ErrOwnership, KindDenied, false},
	{syscall.EACCES, KindDenied, false},
	{syscall.EPERM, KindDenied, false},
}

// kindOf says what an error is counted as, and whether it is a fault of the
// share.
func kindOf(err error) (kind ErrorKind, fault bool) {
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.kind, k.fault
		}
	}
	return KindOther, false
}
