package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// ofClone is the part of the files that cp and rsync copy, which take long.
const ofClone = 10

// measureClone: a claim names one with many small files as its source; files a
// second from the claim to the volume. All copies are made on the same node, on
// the same mount.
func (b *bench) measureClone(ctx context.Context, report func(row)) error {
	own := folderOf("clone", 0)
	return b.onExport(ctx, []string{own}, func(e export) error { return b.measureCloneOn(ctx, e, own, report) })
}

func (b *bench) measureCloneOn(ctx context.Context, e export, own string, report func(row)) (err error) {
	defer func() { err = both(err, func() error { return b.removeMade(context.WithoutCancel(ctx)) }) }()
	defer func() { err = both(err, func() error { return b.removePod(context.WithoutCancel(ctx), podInNode) }) }()
	if err := b.startInNode(ctx, e, own); err != nil {
		return err
	}
	source, err := b.fillSource(ctx, e)
	if err != nil {
		return err
	}
	return b.measureCopies(ctx, e, source, report)
}

// A filled claim has files in a directory below podShare.
type filled struct{ claim, directory string }

// fillSource makes a claim and puts files into its volume.
func (b *bench) fillSource(ctx context.Context, e export) (filled, error) {
	claim := newClaim("source-"+b.numbering.uid(passing), classInNode)
	if _, err := b.client.CoreV1().PersistentVolumeClaims(namespace).Create(ctx, claim, metav1.CreateOptions{}); err != nil {
		return filled{}, err
	}
	bound, err := b.awaitClaim(ctx, claim.Name, isBound)
	if err != nil {
		return filled{}, errors.Join(err, b.failedPod(ctx, podInNode))
	}
	volume, err := b.client.CoreV1().PersistentVolumes().Get(ctx, bound.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return filled{}, err
	}
	directory := path.Join(podShare, strings.TrimPrefix(volume.Spec.NFS.Path, e.path))
	b.say("making %d files to clone", b.cloned)
	return filled{claim.Name, directory}, b.runPod(ctx, "make-files", []string{
		imageBare, "files", "--directory=" + directory, fmt.Sprintf("--fill=%d", b.cloned), fmt.Sprintf("--workers=%d", workers),
	})
}

// measureCopies copies once each way.
func (b *bench) measureCopies(ctx context.Context, e export, source filled, report func(row)) error {
	parallel, err := b.copyParallel(ctx, source)
	if err != nil {
		return fmt.Errorf("parallel copy: %w", err)
	}
	b.say("clone: a parallel loop copies %.0f files/s", parallel)
	clone, resident, err := b.cloneOnce(ctx, source)
	if err != nil {
		return err
	}
	b.say("clone: the provisioner copies %.0f files/s", clone)
	name := fmt.Sprintf("clone of %d files of 4 KiB over NFS 4.1", b.cloned)
	report(judged("clone", name, "files/s", fmt.Sprintf("a loop with %d workers, in a pod on the same node, that copies each file and its mode and times", workers),
		clone, parallel, nearlyBare()))
	for _, tool := range []string{"cp", "rsync"} {
		rate, err := b.copyWith(ctx, e, source, tool)
		if err != nil {
			return err
		}
		report(judged("clone", name+", beside "+tool+" -a", "files/s", fmt.Sprintf("%s -a on the same node, of a tenth of the files", tool), clone, rate, nearlyBare()))
	}
	report(judged("clone", "the most memory while it clones", "MiB", "the most until a tenth of the time had passed",
		resident.most/mib, resident.early/mib, ratioAtMost(1.25)))
	return nil
}

// copyParallel lets a bare loop copy everything.
func (b *bench) copyParallel(ctx context.Context, source filled) (rate float64, err error) {
	word, err := b.askPod(ctx, "copy-files", []string{
		imageBare, "copy", "--from=" + source.directory, "--to=" + path.Join(path.Dir(source.directory), "copied-by-loop"), fmt.Sprintf("--workers=%d", workers),
	})
	if err != nil {
		return 0, err
	}
	took, err := time.ParseDuration(word)
	if err != nil {
		return 0, fmt.Errorf("the loop says %q: %w", word, err)
	}
	return float64(b.cloned) / took.Seconds(), nil
}

// cloneOnce makes a claim that is to be a clone, until its volume is there.
func (b *bench) cloneOnce(ctx context.Context, source filled) (rate float64, of footprint, err error) {
	sight, err := look(ctx, b.client)
	if err != nil {
		return 0, of, err
	}
	defer sight.stop()
	watch, err := b.watchMemory(ctx, podInNode)
	if err != nil {
		return 0, of, err
	}
	claim := newClaim("clone-"+b.numbering.uid(passing), classInNode)
	claim.Spec.DataSource = &v1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: source.claim}
	began := time.Now()
	if _, err := b.client.CoreV1().PersistentVolumeClaims(namespace).Create(ctx, claim, metav1.CreateOptions{}); err != nil {
		return 0, of, errors.Join(err, watch.stop(&of))
	}
	made, err := sight.madeFor(ctx, nil, claim.Name)
	if err := errors.Join(err, watch.stop(&of)); err != nil {
		return 0, of, errors.Join(err, b.failedPod(ctx, podInNode))
	}
	return float64(b.cloned) / made.at.Sub(began).Seconds(), of, nil
}

// copyWith lets a program copy a part of the folders, outside of all pods.
func (b *bench) copyWith(ctx context.Context, e export, source filled, tool string) (rate float64, err error) {
	const mounted = "/run/nfs-provisioner-bench"
	mount := fmt.Sprintf("mkdir -p %[1]s && { mountpoint -q %[1]s || mount -t nfs -o nfsvers=4.1 %[2]s:%[3]s %[1]s; }", mounted, e.server, e.path)
	if err := onNode(ctx, mount); err != nil {
		return 0, err
	}
	from := path.Join(mounted, strings.TrimPrefix(source.directory, podShare))
	to := path.Join(path.Dir(from), "copied-by-"+tool)
	var folders []string
	files := 0
	for i := range max(1, b.cloned/loops.FilesInFolder/ofClone) {
		folders = append(folders, fmt.Sprintf("%s/folder-%d", from, i))
		files += min(loops.FilesInFolder, b.cloned)
	}
	if err := onNode(ctx, "mkdir "+to); err != nil {
		return 0, err
	}
	began := time.Now()
	err = onNode(ctx, tool+" -a "+strings.Join(folders, " ")+" "+to)
	took := time.Since(began)
	return float64(files) / took.Seconds(), errors.Join(err, onNode(context.WithoutCancel(ctx), "umount "+mounted))
}
