package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// Units of memory.
const (
	kib = 1 << 10
	mib = 1 << 20
)

// memoryLimit is what the resident set is to stay below, in MiB, with so many
// claims and as many volumes.
func memoryLimit(volumes int) float64 {
	const base, anObject = 60 * mib, 1.5 * kib
	return (base + anObject*2*float64(volumes)) / mib
}

// scale is what is measured with so many volumes in the cluster.
type scale struct {
	volumes                int
	startUp, startUpBare   []float64 // s
	resident, residentBare []float64 // MiB
	most, mostBare         []float64 // MiB, at any time
	measuredIdle           bool
	idle, idleBare         float64 // % of a core
}

// measureVolumes: memory, start-up and idle, with more and more volumes in the
// cluster.
func (b *bench) measureVolumes(ctx context.Context, report func(row)) (err error) {
	if err := b.share.renew(); err != nil {
		return err
	}
	defer func() {
		// The controller-manager has a lot to forget.
		err = errors.Join(err, b.clear(ctx, filling), b.quietWithin(ctx, 6*b.calm))
	}()
	there := 0
	for i, n := range b.volumes {
		if !b.wants("memory") && !b.wants("start-up") && n != b.idleAt {
			continue
		}
		b.say("filling the cluster up to %d claims and volumes", n)
		if err := b.fill(ctx, n-there); err != nil {
			return err
		}
		there = n
		if err := b.quiet(ctx); err != nil {
			return err
		}
		s := scale{volumes: n}
		for range min(b.repeat, 3) {
			if err := b.measureScale(ctx, &s); err != nil {
				return fmt.Errorf("with %d volumes: %w", n, err)
			}
		}
		s.report(report, i == len(b.volumes)-1)
	}
	return nil
}

func (s scale) report(report func(row), last bool) {
	const hold = "a process that lists and watches claims, volumes and classes, and keeps their names"
	report(measured("memory", fmt.Sprintf("memory with %d claims and volumes", s.volumes), "MiB", hold,
		s.resident, s.residentBare, valueAtMost(memoryLimit(s.volumes))).at(s.volumes))
	report(measured("memory", fmt.Sprintf("the most memory ever, with %d claims and volumes", s.volumes), "MiB", hold, s.most, s.mostBare, target{}))
	want := target{}
	if last {
		want = ratioAtMost(1.5)
	}
	report(measured("start-up", fmt.Sprintf("start to first volume, with %d claims and volumes", s.volumes), "s",
		"a process that lists claims, volumes and classes at the same time, from its start to its end", s.startUp, s.startUpBare, want).at(s.volumes))
	if s.measuredIdle {
		report(judged("idle", fmt.Sprintf("idle, with %d claims and volumes", s.volumes), "% of a core", hold, s.idle, s.idleBare, valueAtMost(1)))
	}
}

// measureScale measures once: a bare list, a start, and then what the provisioner
// and a bare holder need, at the same time.
func (b *bench) measureScale(ctx context.Context, s *scale) (err error) {
	defer func() { err = both(err, func() error { return b.clear(ctx, passing) }) }()
	list, err := b.bare("list", "list")
	if err != nil {
		return err
	}
	if err := list.wait(ctx); err != nil {
		return err
	}
	claims, err := b.putPending(ctx, 1, classUnderTest)
	if err != nil {
		return err
	}
	if err := b.quiet(ctx); err != nil {
		return err
	}
	sight, err := look(ctx, b.client)
	if err != nil {
		return err
	}
	defer sight.stop()
	p, ready, err := b.launchProvisioner("volumes", workers)
	if err != nil {
		return err
	}
	defer func() { err = both(err, p.stop) }()
	first, err := sight.madeFor(ctx, p, claims[0].Claim)
	if err != nil {
		return err
	}
	s.startUp = append(s.startUp, first.at.Sub(p.began).Seconds())
	s.startUpBare = append(s.startUpBare, list.end.Sub(list.began).Seconds())
	sight.stop()
	if err := awaitReady(ctx, p, ready); err != nil {
		return err
	}
	return b.measureResident(ctx, s, p)
}

func (b *bench) measureResident(ctx context.Context, s *scale, p *process) (err error) {
	holder, err := b.bare("hold", "hold")
	if err != nil {
		return err
	}
	defer func() { err = both(err, holder.stop) }()
	if err := holder.says(ctx, loops.Held); err != nil {
		return err
	}
	if err := pause(ctx, b.settle); err != nil {
		return err
	}
	now, most, err := p.resident()
	bareNow, bareMost, errBare := holder.resident()
	if err := errors.Join(err, errBare); err != nil {
		return err
	}
	s.resident, s.residentBare = append(s.resident, now/mib), append(s.residentBare, bareNow/mib)
	s.most, s.mostBare = append(s.most, most/mib), append(s.mostBare, bareMost/mib)
	b.say("with %d volumes: %.2f s to the first volume, bare list %.2f s; %.0f MiB, bare %.0f",
		s.volumes, s.startUp[len(s.startUp)-1], s.startUpBare[len(s.startUpBare)-1], now/mib, bareNow/mib)
	if s.volumes != b.idleAt || s.measuredIdle || !b.wants("idle") {
		return nil
	}
	s.measuredIdle = true
	s.idle, s.idleBare, err = b.measureIdle(ctx, p, holder)
	return err
}

// measureIdle is the processor time of two processes while nothing happens, in
// percent of a core.
func (b *bench) measureIdle(ctx context.Context, p, holder *process) (idle, bare float64, err error) {
	b.say("watching the provisioner do nothing for %v", b.idle)
	before, err := p.processor()
	bareBefore, errBare := holder.processor()
	if err := errors.Join(err, errBare); err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := pause(ctx, b.idle); err != nil {
		return 0, 0, err
	}
	took := time.Since(began)
	after, err := p.processor()
	bareAfter, errBare := holder.processor()
	const percent = 100
	of := func(d time.Duration) float64 { return percent * d.Seconds() / took.Seconds() }
	return of(after - before), of(bareAfter - bareBefore), errors.Join(err, errBare)
}
