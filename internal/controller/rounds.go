package controller

import (
	"context"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/nfs-provisioner/nfs-provisioner/internal/inventory"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// rounds looks after one share until ctx ends: at once, and then once every
// InventoryInterval, the leader lists what is there, finishes what a crash left
// undone, and removes archives that are older than they were to be kept.
func (r *runner) rounds(ctx context.Context, on *share.Share) {
	next := time.NewTicker(r.InventoryInterval)
	defer next.Stop()
	for {
		r.round(ctx, on)
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
	}
}

func (r *runner) round(ctx context.Context, on *share.Share) {
	logger := klog.FromContext(ctx).WithValues("share", on.Name)
	if removing, err := on.Sweep(ctx, r.cluster, r.caches.volume); err != nil {
		logger.Error(err, "Leftovers of earlier work stay on the share")
	} else if len(removing) > 0 {
		logger.Info("Going on with removals whose volumes are gone", "volumes", removing)
	}
	items, err := inventory.Take(ctx, on, r.cluster, r.cachedVolumes)
	if err != nil {
		logger.Error(err, "The inventory is not complete")
		return
	}
	r.metrics.shares.took(on, items)
	expirable := 0
	for _, i := range items {
		if ctx.Err() != nil {
			return
		}
		switch {
		case i.State == inventory.Orphan, i.State == inventory.Cloning:
			r.reclaim(ctx, on, i)
		case i.Record.Expired(time.Now()) && i.Record.Cluster == r.cluster:
			expirable++
			r.expire(ctx, on, i)
		case i.State == inventory.Damaged, i.State == inventory.Missing, i.State == inventory.Unproven:
			logger.Info("Something is wrong on the share; it is left as it is", "state", i.State,
				"directory", i.Directory, "volume", i.Volume, "claim", i.Claim, "detail", i.Detail)
		}
	}
	if !r.ArchiveRetentionDryRun {
		expirable = 0
	}
	r.metrics.shares.expirable.WithLabelValues(on.Name).Set(float64(expirable))
}

// reclaim takes back what a crash left, if that is certain, and says so.
func (r *runner) reclaim(ctx context.Context, on *share.Share, i inventory.Item) {
	logger := klog.FromContext(ctx).WithValues("share", on.Name, "directory", i.Directory, "volume", i.Volume, "claim", i.Claim)
	reclaimed, err := r.gate.Reclaim(ctx, on, i.Record, i.Volume, i.Owner)
	switch {
	case err != nil:
		logger.Error(err, "What a crash left could not be taken back")
	case reclaimed:
		r.metrics.shares.reclaimed.WithLabelValues(on.Name).Inc()
		logger.Info("Took back the empty directory of a volume that never came to be")
	case i.State == inventory.Cloning: // its claim waits for the copy
	default:
		logger.Info("A directory has no volume; it is left as it is")
	}
}

func (r *runner) expire(ctx context.Context, on *share.Share, i inventory.Item) {
	logger := klog.FromContext(ctx).WithValues("share", on.Name, "archive", i.Directory, "volume", i.Volume, "claim", i.Claim,
		"archived", i.Record.Changed, "archiveRetention", time.Duration(i.Record.Retention))
	if r.ArchiveRetentionDryRun {
		logger.Info("Would remove an archive that is older than it was to be kept")
		return
	}
	expired, err := on.Expire(ctx, i.Record)
	switch {
	case err != nil:
		logger.Error(err, "An archive that is older than it was to be kept could not be removed")
	case expired:
		r.metrics.shares.expired.WithLabelValues(on.Name).Inc()
		logger.Info("Removing an archive that is older than it was to be kept")
	}
}

func (r *runner) cachedVolumes(context.Context) ([]*v1.PersistentVolume, error) {
	return r.caches.all(), nil
}
