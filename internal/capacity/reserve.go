package capacity

import (
	"errors"
	"fmt"
	"math/big"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrRefused: the size cannot be promised for as long as nothing else changes.
	ErrRefused = errors.New("refused")
	// ErrUnknown: the server has not told yet how large the share is. It passes
	// by itself.
	ErrUnknown = errors.New("the size of the share is not known yet")
)

// A Request is a size that a volume is to have.
type Request struct {
	Volume string
	// Share is the name of its share, Space what the share has room for.
	Share string
	Space share.Space
	Size  resource.Quantity
	// Now is what a volume has that is to grow, zero for a new one.
	Now resource.Quantity
	// Ratio bounds what is promised on the share, nil for no bound.
	Ratio *Ratio
}

// Reserve takes room for a volume, until the ledger is shown that it has its
// size, or until Release. Asked again for the same volume it takes the place of
// what was reserved before, also when it is refused. Nobody else gets what is
// reserved.
//
// The error wraps ErrRefused, ErrTooLarge or ErrUnknown. What is promised
// without a bound, and is more than the share has free, is worth a warning,
// which says so and is else empty.
func (l *Ledger) Reserve(r Request) (warning string, err error) {
	bytes, err := Bytes(r.Size)
	if err != nil {
		l.Release(r.Volume)
		return "", fmt.Errorf("%w: %w; ask for less", ErrRefused, err)
	}
	known := !r.Space.At.IsZero()
	grows := r.Now.Sign() > 0
	if grows && known && uint64(bytes) > r.Space.Size {
		l.Release(r.Volume)
		return "", fmt.Errorf("%w: the volume would be larger than all of share %q: it asks for %s, and the share's size is %s; ask for less",
			ErrRefused, r.Share, r.Size.String(), size(r.Space.Size))
	}
	if r.Ratio == nil {
		_, _ = l.reserve(r.Volume, r.Share, bytes, nil)
		if more := bytes - counted(r.Now); known && more > 0 && uint64(more) > r.Space.Free {
			return fmt.Sprintf("%s is more than share %q has free, which is %s of %s; the volume is promised all the same, and its pods will find the share full first",
				text(big.NewInt(more)), r.Share, size(r.Space.Free), size(r.Space.Size)), nil
		}
		return "", nil
	}
	if !known {
		return "", fmt.Errorf("share %q: %w; the class has overcommitRatio %s", r.Share, ErrUnknown, r.Ratio)
	}
	most := r.Ratio.of(r.Space.Size)
	if others, ok := l.reserve(r.Volume, r.Share, bytes, most); !ok {
		return "", fmt.Errorf("%w: %s with the %s that other volumes of share %q are promised would be %s, "+
			"but at most %s may be (overcommitRatio %s of the share's size of %s); ask for less, delete volumes, or enlarge the share",
			ErrRefused, r.Size.String(), text(others), r.Share, text(new(big.Int).Add(others, big.NewInt(bytes))), text(most), r.Ratio, size(r.Space.Size))
	}
	return "", nil
}

func size(bytes uint64) string { return text(new(big.Int).SetUint64(bytes)) }
