package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Periods of following removals.
const (
	followPeriod   = time.Second      // between two looks
	progressPeriod = 10 * time.Second // between two notes of progress on one volume
)

// annotateTimeout is how long one note may take.
const annotateTimeout = 10 * time.Second

// following is what has been told of one removal.
type following struct {
	began time.Time
	noted time.Time
	ended bool
}

// follow tells on each volume how far the removal of its data is, until ctx ends.
// When it has ended the library looks at the volume again and fetches the outcome.
func (r *runner) follow(ctx context.Context, on *share.Share, turns *pulse) {
	regularly(ctx, turns, func(told map[string]following, now time.Time) map[string]following {
		return r.note(ctx, on, told, now, turns)
	})
}

// regularly looks once each followPeriod until ctx ends. A look is given what the
// one before it has returned.
func regularly[T any](ctx context.Context, turns *pulse, look func(told map[string]T, now time.Time) map[string]T) {
	tick := time.NewTicker(followPeriod)
	defer tick.Stop()
	defer turns.stop()
	told := map[string]T{}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			told = look(told, now)
		}
	}
}

// note returns what has been told by now, of removals that still run.
func (r *runner) note(ctx context.Context, on *share.Share, told map[string]following, now time.Time, turns *pulse) map[string]following {
	next := map[string]following{}
	turns.beat()
	for _, removal := range on.Removals() {
		was, known := told[removal.Volume]
		if !known || was.began != removal.Began {
			was = following{began: removal.Began, noted: removal.Began}
		}
		next[removal.Volume] = was
		volume := r.caches.volumeNamed(removal.Volume)
		if was.ended || volume == nil {
			continue
		}
		if removal.Ended {
			r.volumes.OnUpdate(volume, volume)
			was.ended = true
			next[removal.Volume] = was
			continue
		}
		if now.Sub(was.noted) < progressPeriod {
			continue
		}
		err := r.annotate(ctx, removal)
		turns.beat()
		if err != nil {
			klog.FromContext(ctx).Error(err, "The progress of a removal is not on its volume", "volume", removal.Volume)
			continue
		}
		was.noted = now
		next[removal.Volume] = was
	}
	return next
}

func (r *runner) annotate(ctx context.Context, removal share.Removal) error {
	ctx, cancel := context.WithTimeout(ctx, annotateTimeout)
	defer cancel()
	progress := fmt.Sprintf("%d files and folders removed since %s", removal.Removed, removal.Began.UTC().Format(time.RFC3339))
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{provision.AnnotationRemoval: progress}}})
	if err != nil {
		return err
	}
	_, err = r.main.CoreV1().PersistentVolumes().Patch(ctx, removal.Volume, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
