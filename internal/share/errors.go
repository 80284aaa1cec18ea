package share

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is. They are permanent for as
// long as nobody changes the share, the class or the claim, except ErrTimeout,
// ErrBusy and ErrRemoving, which pass by themselves.
var (
	// ErrOwned: the directory, one above or one below it belongs to another
	// volume.
	ErrOwned = errors.New("the directory belongs to another volume")
	// ErrExists: something is in the directory's place that no record names.
	ErrExists = errors.New("the directory exists already and no record names it")
	// ErrNotOurs: a volume's directory is there, but nothing proves that it is
	// the volume's.
	ErrNotOurs = errors.New("no record proves that the directory is the volume's")
	// ErrOwnership: the server refused to give the directory its owner.
	ErrOwnership = errors.New("the server refused to change the owner")
	// ErrTimeout: the share did not answer within the operation's deadline.
	ErrTimeout = errors.New("the share does not answer")
	// ErrBusy: every place for operations on the share is taken, or an earlier
	// operation on the same volume has not come back.
	ErrBusy = errors.New("the share is busy")
	// ErrRemoving: the volume's data is out of its place and being removed.
	ErrRemoving = errors.New("removal goes on in the background")
	// ErrNotEmptied: the volume's data is out of its place, but not all of it can
	// be removed.
	ErrNotEmptied = errors.New("the trash cannot be emptied")
	// ErrCloning: a directory is being filled with a copy of another.
	ErrCloning = errors.New("the copy goes on in the background")
	// ErrHeld: a copy of the directory is being made, so it stays where it is.
	ErrHeld = errors.New("a copy of the directory is being made")
	// ErrSourceGone: the directory that is to be copied is not there, or has
	// become another one.
	ErrSourceGone = errors.New("the directory to be copied is gone")
	// ErrUncopied: the directory to be copied holds something of which no copy
	// can be made.
	ErrUncopied = errors.New("no copy can be made of it")
	// ErrUnfit: the mount is missing, not a directory or not writable.
	ErrUnfit = errors.New("the mount cannot be used")
)

// An OwnedError says who owns what stands in the way.
type OwnedError struct {
	Directory string // what was asked for
	Owned     string // the directory that is owned: the same, above or below
	Owner     Record // zero if Owned lies below Directory
}

func (e *OwnedError) Error() string {
	if e.Owner.Volume == "" {
		return fmt.Sprintf("directory %q contains directories of other volumes", e.Directory)
	}
	who := fmt.Sprintf("volume %s of claim %s", e.Owner.Volume, e.Owner.Claim)
	switch e.Owner.State {
	case Archived:
		who = "the archive of " + who
	case Released:
		who = who + " (deleted, its data kept for a claim of the same namespace and name)"
	case Active:
	}
	if e.Owned == e.Directory {
		return fmt.Sprintf("directory %q belongs to %s", e.Directory, who)
	}
	return fmt.Sprintf("directory %q lies inside %q, which belongs to %s", e.Directory, e.Owned, who)
}

// Is makes errors.Is(err, ErrOwned) hold.
func (e *OwnedError) Is(target error) bool { return target == ErrOwned }
