package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/watch"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// A side is one of those whose handover is measured: two processes of it, of
// which one leads.
type side struct {
	class string
	start func(name string) (p *process, ready string, err error)

	leader, other *process
}

func (b *bench) provisionerSide() *side {
	return &side{class: classUnderTest, start: func(name string) (*process, string, error) {
		return b.launchProvisioner("handover-"+name, workers)
	}}
}

func (b *bench) bareSide(like string) *side {
	return &side{class: classBare, start: func(name string) (*process, string, error) {
		p, err := b.bare("handover-bare-"+name, "lead", "--class="+classBare, "--lease="+lease.String(), "--directory="+b.beside.root, like)
		return p, "", err
	}}
}

// measureHandover: claims come all the time, the leader is stopped; the time
// until the other replica has made its first volume.
func (b *bench) measureHandover(ctx context.Context, report func(row)) error {
	like, err := b.ours.elsewhere().Flag()
	if err != nil {
		return err
	}
	const against = "two processes with client-go's election and the same periods; the one that leads makes a directory and a volume for each claim"
	var stopped, stoppedBare, killed, killedBare []float64
	for i := range b.handovers {
		bare, err := b.handOver(ctx, syscall.SIGTERM, b.bareSide(like))
		if err != nil {
			return fmt.Errorf("bare loop, SIGTERM: %w", err)
		}
		ours, err := b.handOver(ctx, syscall.SIGTERM, b.provisionerSide())
		if err != nil {
			return fmt.Errorf("SIGTERM: %w", err)
		}
		stopped, stoppedBare = append(stopped, ours[0]), append(stoppedBare, bare[0])
		b.say("handover, SIGTERM, %d of %d: %.2f s, bare %.2f", i+1, b.handovers, ours[0], bare[0])
	}
	for i := range b.killed {
		// Both at once: nearly all of it is waiting for the leases.
		took, err := b.handOver(ctx, syscall.SIGKILL, b.provisionerSide(), b.bareSide(like))
		if err != nil {
			return fmt.Errorf("SIGKILL: %w", err)
		}
		killed, killedBare = append(killed, took[0]), append(killedBare, took[1])
		b.say("handover, SIGKILL, %d of %d: %.2f s, bare %.2f", i+1, b.killed, took[0], took[1])
	}
	const moment = 2 // s
	report(measured("handover", "handover, SIGTERM to first volume", "s", against, stopped, stoppedBare, valueAtMost(moment)))
	report(measured("handover", "handover, kill -9 to first volume", "s", against, killed, killedBare, valueAtMost(lease.Seconds()+moment)))
	return nil
}

// handOver ends the leader of each side with a signal and returns the seconds
// until the other replica of each made the volume of a claim that came after the
// leader's end.
func (b *bench) handOver(ctx context.Context, signal syscall.Signal, sides ...*side) (took []float64, err error) {
	const limit = time.Minute
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	if err := errors.Join(b.share.renew(), b.beside.renew()); err != nil {
		return nil, err
	}
	defer func() {
		for _, s := range sides {
			err = errors.Join(err, s.stop())
		}
		err = both(err, func() error { return b.clear(ctx, passing) })
	}()
	for _, s := range sides {
		if err := b.startSide(ctx, s); err != nil {
			return nil, err
		}
	}
	if err := b.quiet(ctx); err != nil {
		return nil, err
	}
	sight, err := look(ctx, b.client)
	if err != nil {
		return nil, err
	}
	defer sight.stop()
	feeding, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	var claims log
	group.Go(func() { claims.err = b.feed(feeding, sides, &claims) })
	defer group.Wait()
	defer stop()
	began := time.Now()
	for _, s := range sides {
		if err := s.leader.signal(signal); err != nil {
			return nil, err
		}
	}
	for _, s := range sides {
		<-s.leader.ended
	}
	return firsts(ctx, sight, sides, &claims, began)
}

// startSide starts the leader, waits until it has served a claim, and starts the
// other.
func (b *bench) startSide(ctx context.Context, s *side) (err error) {
	claims, err := b.putPending(ctx, 1, s.class)
	if err != nil {
		return err
	}
	sight, err := look(ctx, b.client)
	if err != nil {
		return err
	}
	defer sight.stop()
	if s.leader, _, err = s.start("leader"); err != nil {
		return err
	}
	if _, err := sight.madeFor(ctx, s.leader, claims[0].Claim); err != nil {
		return err
	}
	var ready string
	if s.other, ready, err = s.start("other"); err != nil {
		return err
	}
	return awaitReady(ctx, s.other, ready)
}

func (s *side) stop() error {
	var problems []error
	for _, p := range []*process{s.leader, s.other} {
		if p != nil {
			problems = append(problems, p.stop())
		}
	}
	return errors.Join(problems...)
}

// A log says when claims were put, and of which side they are.
type log struct {
	mu     sync.Mutex
	claims map[string]put
	err    error
}

type put struct {
	side int
	at   time.Time
}

func (l *log) of(claim string) (put, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.claims[claim]
	return p, ok
}

// feed makes claims of all sides until ctx ends.
func (b *bench) feed(ctx context.Context, sides []*side, into *log) error {
	const every = 20 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		for i, s := range sides {
			at := time.Now()
			names, err := b.putPending(ctx, 1, s.class)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			into.mu.Lock()
			if into.claims == nil {
				into.claims = map[string]put{}
			}
			into.claims[names[0].Claim] = put{i, at}
			into.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// firsts are the seconds until the first volume of each side that its leader
// cannot have made.
func firsts(ctx context.Context, sight *sight, sides []*side, claims *log, began time.Time) ([]float64, error) {
	took := make([]float64, len(sides))
	for left := len(sides); left > 0; {
		e, err := sight.next(ctx, nil)
		if err != nil {
			return nil, fmt.Errorf("the other replica has made no volume: %w", err)
		}
		if e.kind != watch.Added || !loops.Of(e.volume, namespace) {
			continue
		}
		claim, ok := claims.of(e.volume.Spec.ClaimRef.Name)
		if ok && took[claim.side] == 0 && claim.at.After(sides[claim.side].leader.end) {
			took[claim.side] = e.at.Sub(began).Seconds()
			left--
		}
	}
	return took, nil
}
