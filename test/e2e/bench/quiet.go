package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// When the cluster counts as quiet: so many writes in a look are leases, and so
// much of the processors is used by what always runs.
const (
	lookEvery   = 500 * time.Millisecond
	fewWrites   = 4
	fewBusy     = 0.25
	quietLooks  = 2
	longestWait = 2 * time.Minute
)

// quiet waits until nobody writes to the cluster and the machine has calmed
// down.
func (b *bench) quiet(ctx context.Context) error { return b.quietWithin(ctx, b.calm) }

// quietWithin waits only for so long for the machine, since others may use it.
func (b *bench) quietWithin(ctx context.Context, calm time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, longestWait)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last, err := b.store.revision(ctx)
	if err != nil {
		return err
	}
	began, before, looks := time.Now(), readProcessors(), 0
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the cluster does not become quiet: %w", context.Cause(ctx))
		case <-tick.C:
		}
		now, err := b.store.revision(ctx)
		if err != nil {
			return err
		}
		busy := readProcessors()
		still := now-last <= fewWrites && (busy.since(before) <= fewBusy || time.Since(began) > calm)
		last, before = now, busy
		looks++
		if !still {
			looks = 0
		}
		if looks == quietLooks {
			return nil
		}
	}
}

// processors is what /proc/stat counts, in ticks.
type processors struct{ busy, all float64 }

func readProcessors() processors {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return processors{}
	}
	return parseProcessors(string(data))
}

// parseProcessors reads the first line of /proc/stat.
func parseProcessors(stat string) (p processors) {
	const idle, ioWait, guest = 3, 4, 8 // guest time is counted as user time, too
	line, _, _ := strings.Cut(stat, "\n")
	for i, field := range strings.Fields(strings.TrimPrefix(line, "cpu ")) {
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil || i >= guest {
			break
		}
		p.all += ticks
		if i != idle && i != ioWait {
			p.busy += ticks
		}
	}
	return p
}

// since is the share of time in which the processors worked.
func (p processors) since(before processors) float64 {
	if p.all <= before.all {
		return 0
	}
	return (p.busy - before.busy) / (p.all - before.all)
}
