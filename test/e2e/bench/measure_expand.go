package main

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

const againstPatches = "a loop with as many workers that makes the same three patches (claim, volume, claim) and touches no record"

// measureExpand: bound claims ask for more than they have, whoever expands them
// starts; volumes a second from the first that has grown to the last.
func (b *bench) measureExpand(ctx context.Context, report func(row)) error {
	if _, _, err := b.expandPair(ctx, b.expansions/5); err != nil { // a warm-up
		return err
	}
	var rates, bare []float64
	for i := range b.repeat {
		once, onceBare, err := b.expandPair(ctx, b.expansions)
		if err != nil {
			return err
		}
		rates, bare = append(rates, once), append(bare, onceBare)
		b.say("expand, %d of %d: %.0f volumes/s, bare %.0f", i+1, b.repeat, once, onceBare)
	}
	report(measured("expand", fmt.Sprintf("expansion of %d claims at once", b.expansions), "volumes/s", againstPatches, rates, bare, nearlyBare()))
	return nil
}

// expandPair measures the bare loop and the provisioner.
func (b *bench) expandPair(ctx context.Context, n int) (rate, bare float64, err error) {
	bare, err = b.oneExpansion(ctx, n, func() (*process, error) { return b.bare("expand-bare", "expand") })
	if err != nil {
		return 0, 0, err
	}
	rate, err = b.oneExpansion(ctx, n, func() (*process, error) {
		p, _, err := b.launchProvisioner("expand", workers)
		return p, err
	})
	return rate, bare, err
}

func (b *bench) oneExpansion(ctx context.Context, n int, begin func() (*process, error)) (rate float64, err error) {
	if err := b.share.renew(); err != nil {
		return 0, err
	}
	defer func() { err = both(err, func() error { return b.clear(ctx, passing) }) }()
	if err := b.putGrowing(ctx, n); err != nil {
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
	all, err := sight.grown(ctx, p, namespace, n)
	if err == nil {
		err = b.awaitGrown(ctx)
	}
	return all.rate(), errors.Join(err, p.stop())
}

// putGrowing makes claims that are bound and ask for more, with their volumes
// and directories.
func (b *bench) putGrowing(ctx context.Context, n int) error {
	var objects []stored
	for _, name := range b.numbering.some(passing, n) {
		if _, err := b.share.add(b.ours, name); err != nil {
			return err
		}
		claim, err := b.ours.growing.storedClaim(name, "")
		if err != nil {
			return err
		}
		volume, err := b.ours.volume.storedVolume(name, v1.VolumeBound)
		if err != nil {
			return err
		}
		objects = append(objects, claim, volume)
	}
	return b.store.put(ctx, objects)
}

// grown waits until n volumes of claims of a namespace are as large as claims
// ask for that grow.
func (s *sight) grown(ctx context.Context, from *process, namespace string, n int) (span, error) {
	var all span
	for all.count < n {
		e, err := s.next(ctx, from)
		if err != nil {
			return all, fmt.Errorf("%d of %d volumes have grown: %w", all.count, n, err)
		}
		has := e.volume.Spec.Capacity[v1.ResourceStorage]
		if e.kind == watch.Modified && loops.Of(e.volume, namespace) && has.Equal(loops.Grown()) {
			all.add(e.at)
		}
	}
	return all, nil
}

// awaitGrown waits until the status of every claim says that it has grown.
func (b *bench) awaitGrown(ctx context.Context) error {
	for {
		list, err := b.client.CoreV1().PersistentVolumeClaims(namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return err
		}
		waits := 0
		for i := range list.Items {
			if loops.Grows(&list.Items[i]) {
				waits++
			}
		}
		if waits == 0 {
			return nil
		}
		if err := pause(ctx, often); err != nil {
			return fmt.Errorf("%d claims have not grown: %w", waits, err)
		}
	}
}
