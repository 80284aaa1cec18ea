package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
)

// A Policy says what becomes of the data of a deleted volume.
type Policy string

// The policies, as the class parameter onDelete spells them.
const (
	Delete  Policy = "delete"  // the data is removed
	Archive Policy = "archive" // the directory is renamed to archived-…
	Retain  Policy = "retain"  // the directory stays as it is
)

// The parameters of a class. docs and the README describe them for users.
const (
	paramShare            = "share"
	paramPathPattern      = "pathPattern"
	paramOnDelete         = "onDelete"
	paramArchiveOnDelete  = "archiveOnDelete"
	paramMode             = "mode"
	paramUID              = "uid"
	paramGID              = "gid"
	paramAllowShared      = "allowShared"
	paramAllowExisting    = "allowExisting"
	paramArchiveRetention = "archiveRetention"
	paramOvercommitRatio  = "overcommitRatio"
)

// DefaultPathPattern is the directory's name that
// nfs-subdir-external-provisioner gives when a class has no pathPattern.
const DefaultPathPattern = "${.PVC.namespace}-${.PVC.name}-${.PV.name}"

// defaultMode is what nfs-subdir-external-provisioner gives.
const defaultMode fs.FileMode = 0o777

// Parameters are the parameters of a class, read and judged.
type Parameters struct {
	// Share is the name of the share, "" for the first one.
	Share   string
	Pattern Pattern
	// OnDelete is the policy; Explicit says that onDelete itself was spelled
	// out, which alone lets an existing directory be deleted or archived.
	OnDelete Policy
	Explicit bool
	Mode     fs.FileMode
	UID, GID *uint32
	// AllowShared lets several claims have one directory, AllowExisting lets a
	// claim have one that no volume made.
	AllowShared   bool
	AllowExisting bool
	// ArchiveRetention is the age at which an archive may be removed, zero for
	// never.
	ArchiveRetention time.Duration
	// OvercommitRatio bounds what the share may promise, nil for no bound.
	OvercommitRatio *capacity.Ratio
}

// ParseParameters reads the parameters of a class. It reports everything that
// is wrong at once; each part of the error names the parameter, its value and
// what is allowed.
func ParseParameters(parameters map[string]string) (Parameters, error) {
	p := Parameters{OnDelete: Archive, Mode: defaultMode}
	p.Pattern, _ = ParsePattern(DefaultPathPattern)
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if err := p.set(name, parameters[name], parameters); err != nil {
			problems = append(problems, err)
		}
	}
	return p, errors.Join(problems...)
}

func (p *Parameters) set(name, value string, all map[string]string) (err error) {
	wrong := func(allowed string) error {
		return fmt.Errorf("class parameter %s: %q is not allowed; it must be %s", name, value, allowed)
	}
	switch name {
	case paramShare:
		if value == "" {
			return wrong("the name of a share")
		}
		p.Share = value
	case paramPathPattern:
		if p.Pattern, err = ParsePattern(value); err != nil {
			return fmt.Errorf("class parameter %s: %w", name, err)
		}
	case paramOnDelete:
		p.OnDelete, p.Explicit = Policy(value), true
		if !p.OnDelete.valid() {
			return wrong("delete, archive or retain")
		}
	case paramArchiveOnDelete:
		archive, err := strconv.ParseBool(value)
		if err != nil {
			return wrong(`"true" or "false"`)
		}
		if _, spelledOut := all[paramOnDelete]; !spelledOut && !archive {
			p.OnDelete = Delete
		}
	case paramMode:
		if p.Mode, err = parseMode(value); err != nil {
			return wrong(`an octal number from "0" to "7777"`)
		}
	case paramUID:
		if p.UID, err = parseID(value); err != nil {
			return wrong("a number from 0 to 4294967294")
		}
	case paramGID:
		if p.GID, err = parseID(value); err != nil {
			return wrong("a number from 0 to 4294967294")
		}
	case paramAllowShared:
		if p.AllowShared, err = strconv.ParseBool(value); err != nil {
			return wrong(`"true" or "false"`)
		}
	case paramAllowExisting:
		if p.AllowExisting, err = strconv.ParseBool(value); err != nil {
			return wrong(`"true" or "false"`)
		}
	case paramArchiveRetention:
		if p.ArchiveRetention, err = parseAge(value); err != nil {
			return wrong(`an age such as "720h" or "30d"`)
		}
	case paramOvercommitRatio:
		if p.OvercommitRatio, err = capacity.ParseRatio(value); err != nil {
			return wrong(`a decimal number above 0 such as "1" or "1.5"`)
		}
	default:
		return fmt.Errorf("class parameter %s is not known; known are %s", name, strings.Join(known(), ", "))
	}
	return nil
}

func known() []string {
	return []string{
		paramShare, paramPathPattern, paramOnDelete, paramArchiveOnDelete, paramMode, paramUID, paramGID,
		paramAllowShared, paramAllowExisting, paramArchiveRetention, paramOvercommitRatio,
	}
}

func (p Policy) valid() bool { return p == Delete || p == Archive || p == Retain }

// parseMode reads the octal form of chmod(1), with or without leading zeros.
func parseMode(value string) (fs.FileMode, error) {
	const bits = 12
	n, err := strconv.ParseUint(value, 8, bits)
	if err != nil {
		return 0, err
	}
	mode := fs.FileMode(n) & fs.ModePerm
	for bit, flag := range map[uint64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if n&bit != 0 {
			mode |= flag
		}
	}
	return mode, nil
}

// parseID reads a user or group id. 4294967295 is left out: as (uid_t)-1 it
// means "leave unchanged" to chown(2).
func parseID(value string) (*uint32, error) {
	n, err := strconv.ParseUint(value, 10, 32)
	if err == nil && n == math.MaxUint32 {
		err = strconv.ErrRange
	}
	id := uint32(n)
	return &id, err
}

// parseAge reads a duration of Go's form or a whole number of days.
func parseAge(value string) (time.Duration, error) {
	const day = 24 * time.Hour
	if days, isDays := strings.CutSuffix(value, "d"); isDays {
		n, err := strconv.ParseUint(days, 10, 16)
		if err == nil && n == 0 {
			err = strconv.ErrRange
		}
		return time.Duration(n) * day, err
	}
	age, err := time.ParseDuration(value)
	if err == nil && age <= 0 {
		err = strconv.ErrRange
	}
	return age, err
}
