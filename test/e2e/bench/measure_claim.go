package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// measureOneClaim: the time from the request for a claim until its volume is
// there, one after the other, in an idle system.
func (b *bench) measureOneClaim(ctx context.Context, report func(row)) (err error) {
	if err := errors.Join(b.share.renew(), b.beside.renew()); err != nil {
		return err
	}
	p, ready, err := b.launchProvisioner("one-claim", workers)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, p.stop(), b.removeMade(context.WithoutCancel(ctx)), b.clear(ctx, passing))
	}()
	if err := awaitReady(ctx, p, ready); err != nil {
		return err
	}
	sight, err := look(ctx, b.client)
	if err != nil {
		return err
	}
	defer sight.stop()
	like := b.ours.elsewhere()
	const warmUp = 5
	var times, bare []float64
	for i := range b.oneClaim + warmUp {
		one, err := b.bareClaim(ctx, sight, like)
		if err != nil {
			return err
		}
		other, err := b.timedClaim(ctx, p, sight)
		if err != nil {
			return err
		}
		if i >= warmUp {
			bare, times = append(bare, one), append(times, other)
		}
	}
	const against = "one request that creates the same volume, until the same watch shows it"
	name := fmt.Sprintf("one claim, of %d: create to volume, ", b.oneClaim)
	report(judged("one-claim", name+"p50", "ms", against, quantile(times, 0.5), quantile(bare, 0.5), ratioAtMost(5)))
	report(judged("one-claim", name+"p99", "ms", against, quantile(times, 0.99), quantile(bare, 0.99), target{}))
	return nil
}

// claimLimit is how long one claim may take.
const claimLimit = time.Minute

// timedClaim makes a claim as a user does, waits until it is Bound, and returns
// the time until its volume was there, in milliseconds.
func (b *bench) timedClaim(ctx context.Context, p *process, sight *sight) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, claimLimit)
	defer cancel()
	claim := newClaim("timed-"+b.numbering.uid(passing), classUnderTest)
	began := time.Now()
	if _, err := b.client.CoreV1().PersistentVolumeClaims(namespace).Create(ctx, claim, metav1.CreateOptions{}); err != nil {
		return 0, err
	}
	e, err := sight.madeFor(ctx, p, claim.Name)
	if err != nil {
		return 0, err
	}
	_, err = b.awaitClaim(ctx, claim.Name, isBound)
	return milliseconds(e.at.Sub(began)), err
}

// bareClaim makes the volume of a claim that nobody serves.
func (b *bench) bareClaim(ctx context.Context, sight *sight, like loops.Likeness) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, claimLimit)
	defer cancel()
	claim := newClaim("bare-"+b.numbering.uid(passing), classBare)
	made, err := b.client.CoreV1().PersistentVolumeClaims(namespace).Create(ctx, claim, metav1.CreateOptions{})
	if err != nil {
		return 0, err
	}
	volume, err := like.Make(made, b.beside.root)
	if err != nil {
		return 0, err
	}
	volume.Spec.StorageClassName = classBare
	if made, err = b.awaitClaim(ctx, claim.Name, isAnnounced); err != nil {
		return 0, err
	}
	volume.Spec.ClaimRef.ResourceVersion = made.ResourceVersion
	began := time.Now()
	if _, err := b.account.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{}); err != nil {
		return 0, err
	}
	e, err := sight.madeFor(ctx, nil, claim.Name)
	if err != nil {
		return 0, err
	}
	_, err = b.awaitClaim(ctx, claim.Name, isBound)
	return milliseconds(e.at.Sub(began)), err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
