package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A stage measures rows that need the same preparation.
type stage struct {
	keys    []string
	measure func(b *bench, ctx context.Context, report func(row)) error
}

// stages are in the order in which they are measured and reported.
func stages() []stage {
	return []stage{
		{[]string{"burst"}, (*bench).measureBurst},
		{[]string{"burst-nfs"}, (*bench).measureBurstNFS},
		{[]string{"one-claim"}, (*bench).measureOneClaim},
		{[]string{"requests"}, (*bench).measureRequests},
		{[]string{"expand"}, (*bench).measureExpand},
		{[]string{"memory", "start-up", "idle"}, (*bench).measureVolumes},
		{[]string{"delete"}, (*bench).measureDelete},
		{[]string{"giant"}, (*bench).measureGiant},
		{[]string{"handover"}, (*bench).measureHandover},
		{[]string{"clone"}, (*bench).measureClone},
	}
}

func allKeys() []string {
	var keys []string
	for _, s := range stages() {
		keys = append(keys, s.keys...)
	}
	return keys
}

// longestStage ends a stage that hangs.
const longestStage = 40 * time.Minute

// measure measures what is wanted, and writes the report also of what failed.
func measure(ctx context.Context, o options) (err error) {
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.finish(ctx)) }()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	var r report
	if r.About, err = b.describe(ctx); err != nil {
		return err
	}
	failures := 0
	for _, s := range stages() {
		if !slices.ContainsFunc(s.keys, o.wants) {
			continue
		}
		rows := b.run(ctx, s)
		if ctx.Err() != nil {
			b.say("interrupted; what was measured before is in %s", jsonFile(o.work))
			return ctx.Err() // what is there from before is worth more than a part
		}
		r.Rows = append(r.Rows, rows...)
		if err := r.write(o.work); err != nil {
			return err
		}
		for _, row := range rows {
			if row.Problem != "" {
				failures++
			}
		}
	}
	if before, err := readReport(o.out); err == nil && len(o.only) > 0 {
		r = r.onto(before, o.wants)
	}
	b.say("writing the report to %s", o.out)
	if err := errors.Join(r.write(o.out), render(o.out)); err != nil {
		return err
	}
	if failures > 0 {
		return fmt.Errorf("%d rows could not be measured", failures)
	}
	return nil
}

// run measures a stage. What could not be measured has a row that says so.
func (b *bench) run(ctx context.Context, s stage) (rows []row) {
	ctx, cancel := context.WithTimeoutCause(ctx, longestStage, fmt.Errorf("not within %v", longestStage))
	defer cancel()
	report := func(r row) {
		if b.wants(r.Key) {
			b.say("%s", r.line())
			rows = append(rows, r)
		}
	}
	err := s.measure(b, ctx, report)
	if err == nil {
		return rows
	}
	for _, key := range s.keys {
		report(failed(key, err))
	}
	return rows
}
