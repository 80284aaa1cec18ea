package usage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
)

// Annotations of a volume: the bytes that it held, and when, as in RFC 3339.
const (
	AnnotationBytes = "nfs-provisioner/used-bytes"
	AnnotationTime  = "nfs-provisioner/used-bytes-time"
	// AnnotationOver is there while the volume's claim has the condition, or may
	// have it.
	AnnotationOver = "nfs-provisioner/over-capacity"
)

// OverCapacity is the condition of a claim whose volume held more than the claim
// has, when it was measured last.
const OverCapacity v1.PersistentVolumeClaimConditionType = "nfs-provisioner/OverCapacity"

const reasonOverCapacity = "OverCapacity"

// read is what a volume was found to hold, and when.
func read(volume *v1.PersistentVolume) (used int64, at time.Time, ok bool) {
	used, err := strconv.ParseInt(volume.Annotations[AnnotationBytes], 10, 64)
	if err != nil || used < 0 {
		return 0, time.Time{}, false
	}
	at, err = time.Parse(time.RFC3339, volume.Annotations[AnnotationTime])
	return used, at, err == nil
}

func over(volume *v1.PersistentVolume, used int64) bool {
	has := volume.Spec.Capacity[v1.ResourceStorage]
	return has.Cmp(*resource.NewQuantity(used, resource.BinarySI)) < 0
}

// note writes on a volume what it holds, and tells its claim if that is too much.
// Of a claim that is and was well nothing is read: the volume says so, from before
// the claim is told until after that is taken back.
func (m *Meter) note(ctx context.Context, volume *v1.PersistentVolume, used int64, at time.Time) error {
	_, was := volume.Annotations[AnnotationOver]
	switch is := over(volume, used); {
	case is:
		if err := m.write(ctx, volume, used, at, true); err != nil {
			return err
		}
		return m.tell(ctx, volume, used)
	case was:
		if err := m.tell(ctx, volume, used); err != nil {
			return err
		}
	}
	return m.write(ctx, volume, used, at, false)
}

// write notes on a volume what it holds.
func (m *Meter) write(ctx context.Context, volume *v1.PersistentVolume, used int64, at time.Time, over bool) error {
	annotations := map[string]any{
		AnnotationBytes: strconv.FormatInt(used, 10), AnnotationTime: at.UTC().Format(time.RFC3339), AnnotationOver: nil,
	}
	if over {
		annotations[AnnotationOver] = "true"
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": volume.UID, "annotations": annotations}})
	if err != nil {
		return err
	}
	_, err = m.Client.CoreV1().PersistentVolumes().Patch(ctx, volume.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it went, or is another by now
	}
	return err
}

// tell sets the condition of a claim whose volume holds too much, and takes it
// back when it does not any more.
func (m *Meter) tell(ctx context.Context, volume *v1.PersistentVolume, used int64) error {
	ref := volume.Spec.ClaimRef
	if ref == nil {
		return nil
	}
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		claim, err := m.Client.CoreV1().PersistentVolumeClaims(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || err == nil && claim.UID != ref.UID {
			return nil
		}
		if err != nil {
			return err
		}
		return m.mark(ctx, claim, volume, used)
	})
}

func (m *Meter) mark(ctx context.Context, claim *v1.PersistentVolumeClaim, volume *v1.PersistentVolume, used int64) error {
	has := volume.Spec.Capacity[v1.ResourceStorage]
	condition := map[string]any{"type": OverCapacity}
	i := slices.IndexFunc(claim.Status.Conditions, func(c v1.PersistentVolumeClaimCondition) bool { return c.Type == OverCapacity })
	switch {
	case over(volume, used):
		message := fmt.Sprintf("volume %s holds %d bytes, more than the %s of the claim; nothing stops it until the share is full", volume.Name, used, has.String())
		m.Events.Event(claim, v1.EventTypeWarning, reasonOverCapacity, message)
		condition["status"], condition["reason"], condition["message"] = v1.ConditionTrue, reasonOverCapacity, message
		condition["lastProbeTime"], condition["lastTransitionTime"] = metav1.Now(), metav1.Now()
		if i >= 0 {
			condition["lastTransitionTime"] = claim.Status.Conditions[i].LastTransitionTime
		}
	case i < 0:
		return nil
	default:
		condition["$patch"] = "delete"
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": claim.UID, "resourceVersion": claim.ResourceVersion},
		"status":   map[string]any{"conditions": []any{condition}},
	})
	if err != nil {
		return err
	}
	_, err = m.Client.CoreV1().PersistentVolumeClaims(claim.Namespace).Patch(ctx, claim.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
