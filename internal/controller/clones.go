package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Of the progress of a clone its claim is told after a while, and then each time
// that it has taken twice as long, but not less often than this.
const (
	firstProgress = 5 * time.Second
	lastProgress  = 5 * time.Minute
)

// tending is what has been done about one clone.
type tending struct {
	claim share.Claim
	began time.Time
	due   time.Time     // when to tell of it next
	pause time.Duration // from then to the next time
	noted bool          // its claim has a note
	ended bool          // the library was told to look at the claim
}

// followClones tells each claim how far its copy is, has the library look at it
// when the copy has ended, and gives up copies whose claims have vanished, until
// ctx ends.
func (r *runner) followClones(ctx context.Context, on *share.Share, turns *pulse) {
	regularly(ctx, turns, func(told map[string]tending, now time.Time) map[string]tending {
		return r.tend(ctx, on, told, now, turns)
	})
}

// tend returns what has been done by now about clones that are still known.
func (r *runner) tend(ctx context.Context, on *share.Share, told map[string]tending, now time.Time, turns *pulse) map[string]tending {
	next := map[string]tending{}
	turns.beat()
	for _, c := range on.Clones() {
		was, known := told[c.Volume]
		if !known || was.began != c.Began {
			was = tending{claim: c.Claim, began: c.Began, due: c.Began.Add(firstProgress), pause: firstProgress, noted: was.noted}
		}
		claim := r.caches.claim(c.Claim.Namespace, c.Claim.Name)
		switch {
		case claim == nil || string(claim.UID) != c.Claim.UID || claim.DeletionTimestamp != nil,
			claim.Spec.VolumeName != "" && claim.Spec.VolumeName != c.Volume:
			if err := r.gate.Forgo(ctx, c.Volume, c.Claim); err != nil {
				klog.FromContext(ctx).Error(err, "The copy for a claim that has vanished is not given up yet", "claim", c.Claim.String(), "volume", c.Volume)
			}
		case c.Ended:
			if !was.ended {
				r.claims.OnUpdate(claim, claim)
			}
			was.ended = true
		case now.After(was.due):
			was.due, was.pause = now.Add(was.pause), min(2*was.pause, lastProgress)
			was.noted = r.progress(ctx, claim, c) || was.noted
		}
		turns.beat()
		next[c.Volume] = was
	}
	for volume, was := range told {
		if _, known := next[volume]; !known && was.noted {
			r.noteCloning(ctx, was.claim, fmt.Sprintf("ended %s", now.UTC().Format(time.RFC3339)))
			turns.beat()
		}
	}
	return next
}

// progress tells a claim how far its copy is, and says whether it has a note.
func (r *runner) progress(ctx context.Context, claim *v1.PersistentVolumeClaim, c share.Clone) bool {
	text := fmt.Sprintf("%d files and folders (%s) copied since %s", c.Files,
		resource.NewQuantity(c.Bytes, resource.BinarySI), c.Began.UTC().Format(time.RFC3339))
	if c.Waits {
		text = "waits since " + c.Began.UTC().Format(time.RFC3339) + " until other clones on the share are made"
	}
	r.tell(claim, "Cloning: "+text)
	return r.noteCloning(ctx, c.Claim, text)
}

// noteCloning writes on a claim how far its copy is. It is for people, who have
// the events, too: without the permission to patch claims it is left out.
func (r *runner) noteCloning(ctx context.Context, of share.Claim, text string) bool {
	ctx, cancel := context.WithTimeout(ctx, annotateTimeout)
	defer cancel()
	metadata := map[string]any{"uid": of.UID, "annotations": map[string]string{provision.AnnotationCloning: text}}
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err == nil {
		_, err = r.main.CoreV1().PersistentVolumeClaims(of.Namespace).Patch(ctx, of.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		klog.FromContext(ctx).V(2).Info("The progress of a clone is not on its claim", "claim", of.String(), "err", err)
	}
	return err == nil
}
