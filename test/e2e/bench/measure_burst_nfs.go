package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// folder is the benchmark's on the export. Each round has one of its own in it.
const folder = "nfs-provisioner-bench"

func folderOf(side string, round int) string { return fmt.Sprintf("%s/%s-%d", folder, side, round) }

// measureBurstNFS: as measureBurst, but whoever serves the claims runs in a pod
// on a node, and the share is an export that the node has mounted.
func (b *bench) measureBurstNFS(ctx context.Context, report func(row)) error {
	folders := []string{}
	for i := range b.rounds {
		folders = append(folders, folderOf("ours", i), folderOf("bare", i))
	}
	return b.onExport(ctx, folders, func(e export) error { return b.measureBurstsNFS(ctx, e, report) })
}

// onExport does something when pods can mount an export, and folders of the
// benchmark are there.
func (b *bench) onExport(ctx context.Context, folders []string, do func(export) error) (err error) {
	e, err := firstExport()
	if err != nil {
		return err
	}
	if err := b.loadImage(ctx); err != nil {
		return err
	}
	defer func() { err = both(err, func() error { return b.unmountExport(ctx) }) }()
	if err := b.mountExport(ctx, e); err != nil {
		return err
	}
	if err := b.runPod(ctx, "make-folders", []string{imageBare, "files", "--directory=" + podShare, "--remove=" + folder, "--make=" + strings.Join(folders, ",")}); err != nil {
		return err
	}
	defer func() { err = both(err, func() error { return b.removeFolder(ctx) }) }()
	return do(e)
}

func (b *bench) measureBurstsNFS(ctx context.Context, e export, report func(row)) error {
	var rates, bare []float64
	for i := range b.rounds {
		onceBare, err := b.oneBurstNFS(ctx, func() error { return b.startBareInNode(ctx, e, folderOf("bare", i)) })
		if err != nil {
			return fmt.Errorf("bare loop: %w", err)
		}
		once, err := b.oneBurstNFS(ctx, func() error { return b.startInNode(ctx, e, folderOf("ours", i)) })
		if err != nil {
			return err
		}
		rates, bare = append(rates, once), append(bare, onceBare)
		b.say("burst over NFS, %d of %d: %.0f volumes/s, bare %.0f", i+1, b.rounds, once, onceBare)
	}
	report(measured("burst-nfs", fmt.Sprintf("burst of %d claims over NFS 4.1, %d workers", b.burstNFS, workers), "volumes/s",
		"a loop with as many workers, in a pod on the same node, that writes for each claim what the provisioner keeps on the share "+
			"(create, write, fsync, link, unlink), makes the directory (mkdir, chmod) and the same volume (one request)",
		rates, bare, nearlyBare()))
	return nil
}

// podInNode is what serves claims in the node.
const podInNode = "serves-claims"

func (b *bench) startInNode(ctx context.Context, e export, folder string) error {
	s := start{
		provisioner: classInNode, server: e.server, path: path.Join(e.path, folder), directory: path.Join(podShare, folder),
		namespace: namespace, workers: workers, lease: lease, listen: ":8080",
	}
	return b.startPod(ctx, podInNode, append([]string{imageProvisioner}, b.profile.arguments(s)...), b.profile.environment(s))
}

func (b *bench) startBareInNode(ctx context.Context, e export, folder string) error {
	like := b.ours.likeness(true)
	v := like.Volume.DeepCopy()
	v.Spec.NFS.Server = e.server
	v.Spec.NFS.Path = path.Join(e.path, folder) + strings.TrimPrefix(v.Spec.NFS.Path, loops.SharePath)
	v.Spec.StorageClassName = classInNode
	like.Volume = v
	text, err := like.Flag()
	if err != nil {
		return err
	}
	return b.startPod(ctx, podInNode, []string{
		imageBare, "create", "--namespace=" + namespace, "--class=" + classInNode, fmt.Sprintf("--workers=%d", workers),
		"--directory=" + path.Join(podShare, folder), text,
	}, nil)
}

// oneBurstNFS makes claims, starts the pod that serves them, and measures the
// rate.
func (b *bench) oneBurstNFS(ctx context.Context, begin func() error) (rate float64, err error) {
	const limit = 3 * time.Minute
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	defer func() {
		err = errors.Join(err, b.clear(ctx, passing), b.removePod(context.WithoutCancel(ctx), podInNode))
	}()
	if _, err := b.putPending(ctx, b.burstNFS, classInNode); err != nil {
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
	if err := begin(); err != nil {
		return 0, err
	}
	all, err := sight.made(ctx, nil, namespace, b.burstNFS)
	if err != nil {
		err = errors.Join(err, b.failedPod(context.WithoutCancel(ctx), podInNode))
	}
	return all.rate(), err
}

// removeFolder removes the benchmark's folder from the export. What takes longer
// is left to the next run, which removes it first, or goes with the cluster.
func (b *bench) removeFolder(ctx context.Context) error {
	const limit = 2 * time.Minute
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	err := b.runPod(ctx, "remove-folders", []string{imageBare, "files", "--directory=" + podShare, "--remove=" + folder})
	if ctx.Err() != nil {
		b.say("the export still has some of the folder %s after %v", folder, limit)
		return nil
	}
	return err
}

// unmountExport removes the claim by which pods had the export.
func (b *bench) unmountExport(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(
		b.client.CoreV1().PersistentVolumeClaims(namespace).Delete(ctx, exportName, metav1.DeleteOptions{}),
		b.client.CoreV1().PersistentVolumes().Delete(ctx, exportName, metav1.DeleteOptions{}),
	)
}
