package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

const (
	againstCreate = "a loop with as many workers that makes, for the same claims, the directory (mkdir, chmod) and the same volume (one request)"
	againstBound  = "the same loop; the cluster's own controller binds the claims of both"
)

// A pace is how fast claims of a burst get their volumes, and how fast they are
// Bound, in claims a second.
type pace struct{ made, bound float64 }

// measureBurst: claims exist, the provisioner starts; volumes a second from the
// first to the last.
func (b *bench) measureBurst(ctx context.Context, report func(row)) error {
	if _, _, err := b.burstPair(ctx, b.burstOther/5, workers, false); err != nil { // a warm-up
		return err
	}
	for _, w := range workersOfPlot {
		n, rounds, want := b.burstOther, min(b.repeat, 3), target{}
		long := rounds // rounds until claims are Bound
		if w == workers {
			n, rounds, want = b.burst, b.rounds, nearlyBare()
		}
		var made, bareMade, bound, bareBound []float64
		for i := range rounds {
			once, bare, err := b.burstPair(ctx, n, w, i < long)
			if err != nil {
				return err
			}
			made, bareMade = append(made, once.made), append(bareMade, bare.made)
			text := fmt.Sprintf("burst, %s, %d of %d: %.0f volumes/s, bare %.0f", workersText(w), i+1, rounds, once.made, bare.made)
			if i < long {
				bound, bareBound = append(bound, once.bound), append(bareBound, bare.bound)
				text += fmt.Sprintf("; %.0f claims/s Bound, bare %.0f", once.bound, bare.bound)
			}
			b.say("%s", text)
		}
		name := fmt.Sprintf("burst of %d claims, %s", n, workersText(w))
		report(measured("burst", name, "volumes/s", againstCreate, made, bareMade, want).at(w))
		report(measured("burst", name+", until they are Bound", "claims/s", againstBound, bound, bareBound, target{}))
	}
	return nil
}

// burstPair measures a bare burst and one of the provisioner, each until all volumes
// are made, or until all claims are Bound.
func (b *bench) burstPair(ctx context.Context, n, workers int, untilBound bool) (ours, bare pace, err error) {
	like, err := b.ours.likeness(false).Flag()
	if err != nil {
		return pace{}, pace{}, err
	}
	bare, err = b.oneBurst(ctx, n, untilBound, func() (*process, error) {
		return b.bare("burst-bare", "create", "--directory="+b.share.root, like, fmt.Sprintf("--workers=%d", workers))
	})
	if err != nil {
		return pace{}, pace{}, err
	}
	ours, err = b.oneBurst(ctx, n, untilBound, func() (*process, error) {
		p, _, err := b.launchProvisioner("burst", workers)
		return p, err
	})
	return ours, bare, err
}

// oneBurst makes claims, starts who serves them, and measures the pace.
func (b *bench) oneBurst(ctx context.Context, n int, untilBound bool, begin func() (*process, error)) (reached pace, err error) {
	if err := b.share.renew(); err != nil {
		return pace{}, err
	}
	defer func() { err = both(err, func() error { return b.clear(ctx, passing) }) }()
	if _, err := b.putPending(ctx, n, classUnderTest); err != nil {
		return pace{}, err
	}
	if err := b.quiet(ctx); err != nil {
		return pace{}, err
	}
	sight, err := look(ctx, b.client)
	if err != nil {
		return pace{}, err
	}
	defer sight.stop()
	ctx, cancel := context.WithTimeoutCause(ctx, burstLimit, errEnough)
	defer cancel()
	p, err := begin()
	if err != nil {
		return pace{}, err
	}
	var made, bound span
	if untilBound {
		made, bound, err = sight.served(ctx, p, namespace, n)
	} else {
		made, err = sight.made(ctx, p, namespace, n)
	}
	if made.count > 1 && errors.Is(err, errEnough) {
		err = nil
	}
	reached = pace{made: made.rate(), bound: math.NaN()}
	if bound.count > 0 {
		bound.first = made.first
		reached.bound = bound.rate()
	}
	return reached, errors.Join(err, p.stop())
}

// burstLimit is how long one burst may take. Of a provisioner that needs longer,
// the rate until then counts.
const burstLimit = 90 * time.Second

var errEnough = fmt.Errorf("not within %v", burstLimit)

func workersText(n int) string {
	if n == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", n)
}
