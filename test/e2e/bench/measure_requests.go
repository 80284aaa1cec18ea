package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// measureRequests: what the account asks the API server for, while claims are
// served and while their volumes are deleted.
func (b *bench) measureRequests(ctx context.Context, report func(row)) (err error) {
	if err := b.makeFlowSchemas(ctx); err != nil {
		return err
	}
	defer func() { err = both(err, func() error { return b.removeFlowSchemas(context.WithoutCancel(ctx)) }) }()
	if err := b.awaitCounting(ctx); err != nil {
		return err
	}
	bareMade, bareDeleted, err := b.countBare(ctx)
	if err != nil {
		return fmt.Errorf("count the bare loop's requests: %w", err)
	}
	made, deleted, err := b.countProvisioner(ctx)
	if err != nil {
		return fmt.Errorf("count the provisioner's requests: %w", err)
	}
	n := float64(b.requests)
	b.say("requests a claim:%s; a deleted volume:%s", made.text(b.requests), deleted.text(b.requests))
	report(judged("requests", fmt.Sprintf("requests a claim, of %d", b.requests), "requests",
		"the volume's creation", made.requests()/n, bareMade.requests()/n, valueAtMost(3)))
	report(judged("requests", fmt.Sprintf("requests a deleted volume, of %d", b.requests), "requests",
		"the volume's deletion, and the end of its finalizer", deleted.requests()/n, bareDeleted.requests()/n, valueAtMost(3)))
	return nil
}

// awaitCounting waits until the API server matches requests with the new
// FlowSchemas.
func (b *bench) awaitCounting(ctx context.Context) error {
	const often = 200 * time.Millisecond
	return wait.PollUntilContextTimeout(ctx, often, time.Minute, true, func(ctx context.Context) (bool, error) {
		before, err := b.scrape(ctx)
		if err != nil {
			return false, err
		}
		if _, err := b.account.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
			return false, err
		}
		after, err := b.scrape(ctx)
		return err == nil && after.since(before).requests() > 0, err
	})
}

// countProvisioner counts while the provisioner serves claims, and while it
// deletes their volumes. It runs all the time, so that its start is not counted.
func (b *bench) countProvisioner(ctx context.Context) (made, deleted counts, err error) {
	if err := b.share.renew(); err != nil {
		return nil, nil, err
	}
	p, ready, err := b.launchProvisioner("requests", workers)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		err = errors.Join(err, p.stop(), b.clear(ctx, passing))
	}()
	if err := awaitReady(ctx, p, ready); err != nil {
		return nil, nil, err
	}
	if made, err = b.counted(ctx, func(sight *sight) error { return b.haveServed(ctx, p, sight) }); err != nil {
		return nil, nil, err
	}
	deleted, err = b.counted(ctx, func(sight *sight) error {
		if err := b.store.remove(ctx, claimKeys+namespace+"/"); err != nil {
			return err
		}
		return sight.gone(ctx, p, namespace, b.requests)
	})
	return made, deleted, err
}

// countBare counts the same of bare loops, one for the claims and one for the
// volumes.
func (b *bench) countBare(ctx context.Context) (made, deleted counts, err error) {
	if err := b.share.renew(); err != nil {
		return nil, nil, err
	}
	defer func() { err = both(err, func() error { return b.clear(ctx, passing) }) }()
	like, err := b.ours.likeness(false).Flag()
	if err != nil {
		return nil, nil, err
	}
	loop := func(name string, arguments ...string) (counts, error) {
		all, err := b.counted(ctx, func(*sight) error {
			p, err := b.bare("requests-bare", name, append(arguments, "--directory="+b.share.root)...)
			if err != nil {
				return err
			}
			return p.wait(ctx)
		})
		return all.less(1), err // of the list
	}
	if _, err := b.putPending(ctx, b.requests, classUnderTest); err != nil {
		return nil, nil, err
	}
	if made, err = loop("create", like); err != nil {
		return nil, nil, err
	}
	if err := b.awaitPhase(ctx, v1.VolumeBound, b.requests); err != nil {
		return nil, nil, err
	}
	if err := b.store.remove(ctx, claimKeys+namespace+"/"); err != nil {
		return nil, nil, err
	}
	if err := b.awaitPhase(ctx, v1.VolumeReleased, b.requests); err != nil {
		return nil, nil, err
	}
	deleted, err = loop("delete")
	return made, deleted, err
}

// haveServed makes claims and waits until they are Bound.
func (b *bench) haveServed(ctx context.Context, p *process, sight *sight) error {
	if _, err := b.putPending(ctx, b.requests, classUnderTest); err != nil {
		return err
	}
	if _, err := sight.made(ctx, p, namespace, b.requests); err != nil {
		return err
	}
	return b.awaitPhase(ctx, v1.VolumeBound, b.requests)
}

// counted is what the account asks for while something is done.
func (b *bench) counted(ctx context.Context, do func(*sight) error) (counts, error) {
	const limit = 5 * time.Minute
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	before, err := b.settled(ctx)
	if err != nil {
		return nil, err
	}
	sight, err := look(ctx, b.client)
	if err != nil {
		return nil, err
	}
	defer sight.stop()
	if err := do(sight); err != nil {
		return nil, err
	}
	after, err := b.settled(ctx)
	return after.since(before), err
}
