package controller

import (
	"context"
	"time"

	"k8s.io/klog/v2"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// checkPeriod is how often the leader asks each share whether it is well, and
// how much room it has.
const checkPeriod = 15 * time.Second

// watchOver asks one share how it fares, until ctx ends. However ill the share
// is, a look at it ends at its deadline, so this loop turns.
func (r *runner) watchOver(ctx context.Context, on *share.Share, turns *pulse) {
	tick := time.NewTicker(checkPeriod)
	defer tick.Stop()
	defer turns.stop()
	var before error
	for {
		turns.beat()
		before = r.check(ctx, on, before)
		r.metrics.shares.promise(on, r.promises)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// check says when a share falls ill, and when it is well again.
func (r *runner) check(ctx context.Context, on *share.Share, before error) error {
	now := on.Check(ctx)
	logger := klog.FromContext(ctx)
	switch {
	case ctx.Err() != nil:
	case now != nil && before == nil:
		logger.Error(now, "A share cannot be used; its claims and deletions wait", "share", on.Name)
	case now == nil && before != nil:
		logger.Info("The share can be used again", "share", on.Name)
	}
	return now
}
