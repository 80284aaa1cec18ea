package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// deletions are rates of several rounds.
type deletions struct{ freed, unlinked []float64 }

// measureDelete: Released volumes exist, whoever deletes them starts.
func (b *bench) measureDelete(ctx context.Context, report func(row)) error {
	var ours, freeing, removing, renames, unlinks deletions
	for i := range min(b.repeat, 3) {
		if err := b.deleteOnce(ctx, &ours, &freeing, &removing, &renames, &unlinks); err != nil {
			return err
		}
		b.say("delete, %d of %d: %.0f paths/s, bare %.0f, renames alone %.0f; %.0f files/s, bare %.0f, unlinks alone %.0f", i+1, min(b.repeat, 3),
			ours.freed[i], freeing.freed[i], renames.freed[i], ours.unlinked[i], removing.unlinked[i], unlinks.unlinked[i])
	}
	name := fmt.Sprintf("delete %d volumes of %d files: ", b.deletes, b.files)
	report(measured("delete", name+"paths free", "paths/s",
		"a loop with as many workers that, for each volume, renames its directory, deletes the volume and takes off its finalizer",
		ours.freed, freeing.freed, nearlyBare()))
	report(measured("delete", name+"files gone", "files/s",
		"the same loop, which also removes the files and the directory before it deletes the volume",
		ours.unlinked, removing.unlinked, nearlyBare()))
	report(measured("delete", name+"paths free, beside renames alone", "paths/s",
		"as many workers that rename directories, and ask the API server for nothing", ours.freed, renames.freed, target{}))
	report(measured("delete", name+"files gone, beside unlinks alone", "files/s",
		"as many workers that remove files and directories, and ask the API server for nothing", ours.unlinked, unlinks.unlinked, target{}))
	return nil
}

// deleteOnce measures each side once.
func (b *bench) deleteOnce(ctx context.Context, ours, freeing, removing, renames, unlinks *deletions) error {
	inAPI, onShare := v1.VolumeReleased, v1.PersistentVolumePhase("")
	if err := b.withDeletable(ctx, inAPI, b.files, func(r *round) error {
		if err := r.loop(ctx, freeing, true, false); err != nil {
			return err
		}
		return r.loop(ctx, unlinks, false, true, "--files-only", "--moved", "--unlink")
	}); err != nil {
		return fmt.Errorf("bare loop that frees paths: %w", err)
	}
	if err := b.withDeletable(ctx, inAPI, b.files, func(r *round) error { return r.provisioner(ctx, ours) }); err != nil {
		return fmt.Errorf("provisioner: %w", err)
	}
	if err := b.withDeletable(ctx, inAPI, b.files, func(r *round) error { return r.loop(ctx, removing, true, true, "--unlink") }); err != nil {
		return fmt.Errorf("bare loop that removes files: %w", err)
	}
	if err := b.withDeletable(ctx, onShare, 0, func(r *round) error { return r.loop(ctx, renames, true, false, "--files-only") }); err != nil {
		return fmt.Errorf("bare loop that renames: %w", err)
	}
	return nil
}

// A round is what is there to be deleted, and watched.
type round struct {
	*bench
	watch *directoryWatch
	seen  clearance
}

// withDeletable makes directories with files, and volumes in a phase, if there
// is one.
func (b *bench) withDeletable(ctx context.Context, phase v1.PersistentVolumePhase, files int, do func(*round) error) (err error) {
	const limit = 5 * time.Minute
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	if err := b.share.renew(); err != nil {
		return err
	}
	directories, objects, err := b.makeDeletable(b.numbering.some(passing, b.deletes), phase, files)
	if err != nil {
		return err
	}
	if err := b.share.flush(); err != nil {
		return err
	}
	defer func() { err = both(err, func() error { return b.clear(ctx, passing) }) }()
	if err := b.store.put(ctx, objects); err != nil {
		return err
	}
	if err := b.quiet(ctx); err != nil {
		return err
	}
	w, err := watchDirectories(directories)
	if err != nil {
		return err
	}
	return errors.Join(do(&round{bench: b, watch: w}), w.stop())
}

func (b *bench) makeDeletable(names []loops.Names, phase v1.PersistentVolumePhase, files int) (directories []string, objects []stored, err error) {
	directories = make([]string, len(names))
	indexes := make([]int, len(names))
	for i, name := range names {
		indexes[i] = i
		if phase == "" {
			continue
		}
		volume, err := b.ours.volume.storedVolume(name, phase)
		if err != nil {
			return nil, nil, err
		}
		objects = append(objects, volume)
	}
	const makers = 4
	return directories, objects, loops.Parallel(makers, indexes, func(i int) (err error) {
		if directories[i], err = b.share.add(b.ours, names[i]); err != nil {
			return err
		}
		return makeFiles(directories[i], files)
	})
}

// makeFiles makes empty files, so that it is not the disk which is measured.
func makeFiles(directory string, n int) error {
	for i := range n {
		if err := os.WriteFile(filepath.Join(directory, fmt.Sprintf("file-%d", i)), nil, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// loop lets a bare loop delete everything.
func (r *round) loop(ctx context.Context, into *deletions, frees, removes bool, arguments ...string) error {
	p, err := r.bare("delete-bare", "delete", append(arguments, "--directory="+r.share.root)...)
	if err != nil {
		return err
	}
	return errors.Join(r.measure(ctx, p, into, frees, removes), p.wait(ctx))
}

func (r *round) provisioner(ctx context.Context, into *deletions) (err error) {
	sight, err := look(ctx, r.client)
	if err != nil {
		return err
	}
	defer sight.stop()
	p, _, err := r.launchProvisioner("delete", workers)
	if err != nil {
		return err
	}
	defer func() { err = both(err, p.stop) }()
	if err := r.measure(ctx, p, into, true, true); err != nil {
		return err
	}
	return sight.gone(ctx, p, namespace, r.deletes)
}

// measure waits until all paths are free and all files are gone, as far as the
// process does that, and adds the rates.
func (r *round) measure(ctx context.Context, p *process, into *deletions, frees, removes bool) error {
	for frees && r.seen.freed.count < r.deletes || removes && r.seen.gone.count < r.deletes {
		if err := r.watch.next(ctx, p, &r.seen); err != nil {
			return err
		}
	}
	if frees {
		into.freed = append(into.freed, r.seen.freed.rate())
	}
	if !removes {
		return nil
	}
	all := r.seen.gone
	if frees {
		all.first = r.seen.freed.first
	}
	into.unlinked = append(into.unlinked, all.rate()*float64(r.files))
	return nil
}
