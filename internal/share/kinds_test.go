package share

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"testing"
)

func TestEachErrorHasAKind(t *testing.T) {
	path := func(err error) error { return &fs.PathError{Op: "mkdir", Path: "a", Err: err} }
	for _, c := range []struct {
		err   error
		kind  ErrorKind
		fault bool
	}{
		{fmt.Errorf("make: %w within 30s", ErrTimeout), KindTimeout, true},
		{ErrBusy, KindBusy, false},
		{fmt.Errorf("%w: uid 0 may not write: %w", ErrUnfit, syscall.EACCES), KindUnfit, true},
		{path(syscall.ESTALE), KindStale, true},
		{path(syscall.EHOSTUNREACH), KindUnreachable, true},
		{path(syscall.EIO), KindIO, true},
		{path(syscall.EROFS), KindReadOnly, true},
		{path(syscall.ENOSPC), KindFull, true},
		{path(syscall.EDQUOT), KindQuota, true},
		{fmt.Errorf("%w: %w", ErrNotEmptied, syscall.EPERM), KindNotEmptied, false},
		{errors.Join(ErrNotEmptied, syscall.EROFS), KindReadOnly, true},
		{ErrRecordDamaged, KindDamaged, false},
		{&OwnedError{}, KindRefused, false},
		{ErrExists, KindRefused, false},
		{ErrNotOurs, KindRefused, false},
		{fmt.Errorf("%w: %w", ErrOwnership, syscall.EPERM), KindDenied, false},
		{path(syscall.EACCES), KindDenied, false},
		{errors.New("something else"), KindOther, false},
	} {
		if kind, fault := kindOf(c.err); kind != c.kind || fault != c.fault {
			t.Errorf("%v is %q, fault %v; want %q, %v", c.err, kind, fault, c.kind, c.fault)
		}
	}
}

func TestAMountIsUnfitUnlessItIsTheServerThatFails(t *testing.T) {
	for _, c := range []struct {
		err   error
		unfit bool
	}{
		{syscall.ENOENT, true},
		{syscall.ENOTDIR, true},
		{syscall.EACCES, true},
		{syscall.EROFS, true},
		{syscall.ESTALE, false},
		{syscall.EIO, false},
		{syscall.EHOSTUNREACH, false},
		{syscall.ETIMEDOUT, false},
		{ErrTimeout, false},
	} {
		err := unfit(fmt.Errorf("look: %w", &fs.PathError{Op: "open", Path: "/mnt", Err: c.err}))
		if errors.Is(err, ErrUnfit) != c.unfit || !errors.Is(err, c.err) {
			t.Errorf("%v becomes %v; want it to be unfit: %v", c.err, err, c.unfit)
		}
	}
}

func TestEveryKindIsListed(t *testing.T) {
	for _, k := range kinds {
		if !slices.Contains(ErrorKinds(), k.kind) {
			t.Errorf("%q, the kind of %v, is not listed", k.kind, k.err)
		}
	}
}
