package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// A folder of the giant has so many files, and one of the volumes beside it.
const (
	filesOfFolder = 1000
	filesOfSmall  = 10
)

// deleteEvery is the time between two deletions beside the giant.
const deleteEvery = 50 * time.Millisecond

// measureGiant: claims are deleted at an even rate, before, while and after a volume
// with very many files is removed.
func (b *bench) measureGiant(ctx context.Context, report func(row)) (err error) {
	if err := b.share.renew(); err != nil {
		return err
	}
	defer func() { err = both(err, func() error { return b.clear(ctx, passing) }) }()
	small := b.numbering.some(passing, 2*b.besideGiant)
	giant := b.numbering.next(passing)
	b.say("making a volume of %d files", b.giant)
	directory, err := b.putBound(ctx, giant, func(directory string) error { return makeTree(directory, b.giant) })
	if err != nil {
		return err
	}
	for _, name := range small {
		if _, err := b.putBound(ctx, name, func(directory string) error { return makeFiles(directory, filesOfSmall) }); err != nil {
			return err
		}
	}
	if err := errors.Join(b.share.flush(), b.quiet(ctx)); err != nil {
		return err
	}
	p, ready, err := b.launchProvisioner("giant", workers)
	if err != nil {
		return err
	}
	defer func() { err = both(err, p.stop) }()
	if err := errors.Join(awaitReady(ctx, p, ready), b.quiet(ctx)); err != nil {
		return err
	}
	return b.deleteBeside(ctx, p, giant, directory, small, report)
}

// deleteBeside measures a quarter of the small ones before the giant, half beside
// it, and the rest after.
func (b *bench) deleteBeside(ctx context.Context, p *process, giant loops.Names, directory string, small []loops.Names, report func(row)) (err error) {
	sight, err := look(ctx, b.client)
	if err != nil {
		return err
	}
	defer sight.stop()
	w, err := watchDirectories([]string{directory})
	if err != nil {
		return err
	}
	defer func() { err = both(err, w.stop) }()
	quarter := len(small) / 4
	before, err := b.timeDeletions(ctx, p, sight, small[:quarter])
	if err != nil {
		return err
	}
	if err := b.deleteClaim(ctx, giant); err != nil {
		return err
	}
	var fate clearance
	if err := w.next(ctx, p, &fate); err != nil {
		return fmt.Errorf("the giant is not moved: %w", err)
	}
	during, err := b.timeDeletions(ctx, p, sight, small[quarter:3*quarter])
	if err != nil {
		return err
	}
	for fate.gone.count == 0 {
		if err := w.next(ctx, p, &fate); err != nil {
			return fmt.Errorf("the giant is not removed: %w", err)
		}
	}
	beside := timesBefore(during, fate.gone.last)
	b.say("the giant was gone %.1f s after it was moved; %d deletions were beside it", fate.gone.last.Sub(fate.freed.first).Seconds(), len(beside))
	if len(beside) < b.enoughBeside {
		return fmt.Errorf("the giant was gone after %d deletions beside it; %d are needed", len(beside), b.enoughBeside)
	}
	if err := b.awaitNoVolume(ctx, giant.Volume); err != nil {
		return err
	}
	after, err := b.timeDeletions(ctx, p, sight, small[3*quarter:])
	if err != nil {
		return err
	}
	without := timesBefore(append(before, after...), time.Now())
	name := fmt.Sprintf("delete beside a giant of %d files, ", b.giant)
	const against = "the same deletions by the same provisioner, without the giant"
	report(judged("giant", name+"p99", "ms", against, quantile(beside, 0.99), quantile(without, 0.99), ratioAtMost(2)))
	report(judged("giant", name+"p50", "ms", against, quantile(beside, 0.5), quantile(without, 0.5), target{}))
	return nil
}

// putBound puts a claim and a volume that are bound into the cluster, and fills
// the directory.
func (b *bench) putBound(ctx context.Context, name loops.Names, fill func(directory string) error) (directory string, err error) {
	if directory, err = b.share.add(b.ours, name); err != nil {
		return "", err
	}
	if err := fill(directory); err != nil {
		return "", err
	}
	objects, err := pair{b.ours.bound, b.ours.volume}.stored(name, v1.VolumeBound)
	if err != nil {
		return "", err
	}
	return directory, b.store.put(ctx, objects)
}

// makeTree makes files in folders.
func makeTree(directory string, files int) error {
	const makers = 4
	folders := make([]string, 0, files/filesOfFolder)
	for i := range files / filesOfFolder {
		folders = append(folders, filepath.Join(directory, fmt.Sprintf("folder-%d", i)))
	}
	return loops.Parallel(makers, folders, func(folder string) error {
		if err := loops.MakeDirectory(folder); err != nil {
			return err
		}
		return makeFiles(folder, filesOfFolder)
	})
}

func (b *bench) deleteClaim(ctx context.Context, name loops.Names) error {
	return b.client.CoreV1().PersistentVolumeClaims(namespace).Delete(ctx, name.Claim, metav1.DeleteOptions{})
}

// A deletion is when a volume was Released, and when it was no more.
type deletion struct{ released, gone time.Time }

// timesBefore are the times in milliseconds of those that ended before a moment.
func timesBefore(all []deletion, end time.Time) (times []float64) {
	for _, d := range all {
		if d.gone.Before(end) {
			times = append(times, milliseconds(d.gone.Sub(d.released)))
		}
	}
	return times
}

// timeDeletions deletes claims, one every deleteEvery, and waits until their
// volumes are no more.
func (b *bench) timeDeletions(ctx context.Context, p *process, sight *sight, names []loops.Names) (all []deletion, err error) {
	const limit = 2 * time.Minute
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	var deleting error
	var group sync.WaitGroup
	defer func() {
		cancel()
		group.Wait()
		err = errors.Join(err, deleting)
	}()
	group.Go(func() { deleting = b.deleteClaims(ctx, names) })
	released := map[string]time.Time{}
	for _, name := range names {
		released[name.Volume] = time.Time{}
	}
	for len(all) < len(names) {
		e, err := sight.next(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("%d of %d volumes are gone: %w", len(all), len(names), err)
		}
		since, ok := released[e.volume.Name]
		switch {
		case !ok:
		case e.kind == watch.Deleted:
			all = append(all, deletion{since, e.at})
		case since.IsZero() && e.volume.Status.Phase == v1.VolumeReleased:
			released[e.volume.Name] = e.at
		}
	}
	return all, nil
}

func (b *bench) deleteClaims(ctx context.Context, names []loops.Names) error {
	tick := time.NewTicker(deleteEvery)
	defer tick.Stop()
	for _, name := range names {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil // whoever waits for the volumes says why
		}
		if err := b.deleteClaim(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
