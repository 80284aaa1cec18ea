package capacity

import (
	"math/big"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
)

// A Ledger holds what each volume of a share promises: what the API server
// shows of it, and what has been reserved for it and is not shown yet. It is
// for many goroutines.
type Ledger struct {
	mu      sync.Mutex
	shares  map[string]*account // by name
	volumes map[string]promise  // by name
}

// An account is what is promised on one share.
type account struct {
	volumes int // those that are shown
	sum     *big.Int
}

// A promise is what one volume counts for: the larger of the two.
type promise struct {
	on              *account
	shown, reserved int64
	there           bool // it is shown
}

func (p promise) bytes() int64 { return max(p.shown, p.reserved) }

// NewLedger makes a ledger of nothing.
func NewLedger() *Ledger {
	return &Ledger{shares: map[string]*account{}, volumes: map[string]promise{}}
}

func (l *Ledger) account(share string) *account {
	if l.shares[share] == nil {
		l.shares[share] = &account{sum: new(big.Int)}
	}
	return l.shares[share]
}

// set replaces the promise of a volume. One that is neither shown nor reserved
// is forgotten.
func (l *Ledger) set(volume string, now promise) {
	was, known := l.volumes[volume]
	if known && was == now {
		return
	}
	if known {
		was.on.sum.Sub(was.on.sum, big.NewInt(was.bytes()))
		if was.there {
			was.on.volumes--
		}
	}
	if !now.there && now.reserved == 0 {
		delete(l.volumes, volume)
		return
	}
	now.on.sum.Add(now.on.sum, big.NewInt(now.bytes()))
	if now.there {
		now.on.volumes++
	}
	l.volumes[volume] = now
}

// Show tells that a volume is on a share, and how large. It ends a reservation
// that has come true.
func (l *Ledger) Show(volume, share string, size resource.Quantity) {
	bytes := counted(size)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := promise{on: l.account(share), shown: bytes, there: true}
	if was := l.volumes[volume]; was.on == now.on && was.reserved > bytes {
		now.reserved = was.reserved
	}
	l.set(volume, now)
}

// Drop tells that a volume is gone, or on no share any more.
func (l *Ledger) Drop(volume string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set(volume, promise{})
}

// Release gives back what was reserved for a volume. What is shown of it stays.
func (l *Ledger) Release(volume string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release(volume)
}

func (l *Ledger) release(volume string) {
	if now, known := l.volumes[volume]; known {
		now.reserved = 0
		l.set(volume, now)
	}
}

// Lower gives back what was reserved for a volume beyond a size that it has. That
// much stays promised if the ledger has not been shown yet that it has it.
func (l *Ledger) Lower(volume string, size resource.Quantity) {
	bytes := counted(size)
	l.mu.Lock()
	defer l.mu.Unlock()
	now, known := l.volumes[volume]
	if !known {
		return
	}
	if now.reserved = min(now.reserved, bytes); now.reserved <= now.shown {
		now.reserved = 0
	}
	l.set(volume, now)
}

// Promised says how many volumes are on a share, and how many bytes are
// promised there, reservations included.
func (l *Ledger) Promised(share string) (volumes int, bytes float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	on := l.account(share)
	bytes, _ = new(big.Float).SetInt(on.sum).Float64()
	return on.volumes, bytes
}

// reserve sets what is reserved for a volume, if with it no more than most is
// promised on the share; nil is no limit. It returns what the others promise.
// If it is too much, nothing is reserved for the volume any more.
func (l *Ledger) reserve(volume, share string, bytes int64, most *big.Int) (others *big.Int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, known := l.volumes[volume]
	on := l.account(share)
	others = new(big.Int).Set(on.sum)
	if known && now.on == on {
		others.Sub(others, big.NewInt(now.bytes()))
	}
	total := new(big.Int).Add(others, big.NewInt(bytes))
	if most != nil && total.Cmp(most) > 0 {
		l.release(volume)
		return others, false
	}
	now.on, now.reserved = on, bytes
	l.set(volume, now)
	return others, true
}
