package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const againstCreate = "a loop with as many workers that makes, for the same claims, the directory (mkdir, chmod) and the same volume (one request)"

// measureBurst: claims exist, the provisioner starts; volumes a second from the
// first to the last.
func (b *bench) measureBurst(ctx context.Context, report func(row)) error {
	if _, _, err := b.burstPair(ctx, b.burstOther/5, workers); err != nil { // a warm-up
		return err
	}
	for _, w := range workersOfPlot {
		n, repeat, want := b.burstOther, min(b.repeat, 3), target{}
		if w == workers {
			n, repeat, want = b.burst, b.repeat, nearlyBare()
		}
		var rates, bare []float64
		for i := range repeat {
			once, onceBare, err := b.burstPair(ctx, n, w)
			if err != nil {
				return err
			}
			rates, bare = append(rates, once), append(bare, onceBare)
			b.say("burst, %s, %d of %d: %.0f volumes/s, bare %.0f", workersText(w), i+1, repeat, once, onceBare)
		}
		report(measured("burst", fmt.Sprintf("burst of %d claims, %s", n, workersText(w)), "volumes/s", againstCreate, rates, bare, want).at(w))
	}
	return nil
}

// burstPair measures a bare burst and one of the provisioner.
func (b *bench) burstPair(ctx context.Context, n, workers int) (rate, bare float64, err error) {
	like, err := b.ours.likeness(false).Flag()
	if err != nil {
		return 0, 0, err
	}
	bare, err = b.oneBurst(ctx, n, func() (*process, error) {
		return b.bare("burst-bare", "create", "--directory="+b.share.root, like, fmt.Sprintf("--workers=%d", workers))
	})
	if err != nil {
		return 0, 0, err
	}
	rate, err = b.oneBurst(ctx, n, func() (*process, error) {
		p, _, err := b.launchProvisioner("burst", workers)
		return p, err
	})
	return rate, bare, err
}

// oneBurst makes claims, starts who serves them, and measures the rate.
func (b *bench) oneBurst(ctx context.Context, n int, begin func() (*process, error)) (rate float64, err error) {
	if err := b.share.renew(); err != nil {
		return 0, err
	}
	defer func() { err = both(err, func() error { return b.clear(ctx, passing) }) }()
	if _, err := b.putPending(ctx, n, classUnderTest); err != nil {
		return 0, err
	}
	if err := b.quiet(ctx); err != nil {
		return 0, err
	}
	sight, err := look(ctx, b.client)
	if err != nil {
		return 0, err
	}
	defer sight.stop()
	ctx, cancel := context.WithTimeoutCause(ctx, burstLimit, errEnough)
	defer cancel()
	p, err := begin()
	if err != nil {
		return 0, err
	}
	all, err := sight.made(ctx, p, namespace, n)
	if all.count > 1 && errors.Is(err, errEnough) {
		err = nil
	}
	return all.rate(), errors.Join(err, p.stop())
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
