package expand

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// patchStatus changes the status of a claim, if it is still the version that the
// change was made from.
func (e *Expander) patchStatus(ctx context.Context, claim, changed *v1.PersistentVolumeClaim) (*v1.PersistentVolumeClaim, error) {
	patch, err := statusPatch(claim, changed)
	if err != nil {
		return nil, fmt.Errorf("patch the status of claim %s/%s: %w", claim.Namespace, claim.Name, err)
	}
	now, err := e.Client.CoreV1().PersistentVolumeClaims(claim.Namespace).
		Patch(ctx, claim.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		return nil, fmt.Errorf("patch the status of claim %s/%s: %w", claim.Namespace, claim.Name, err)
	}
	e.latest.Mutation(now)
	return now, nil
}

func statusPatch(claim, changed *v1.PersistentVolumeClaim) ([]byte, error) {
	before, err := json.Marshal(v1.PersistentVolumeClaim{Status: claim.Status})
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(v1.PersistentVolumeClaim{ObjectMeta: version(claim), Status: changed.Status})
	if err != nil {
		return nil, err
	}
	return strategicpatch.CreateTwoWayMergePatch(before, after, v1.PersistentVolumeClaim{})
}

// patchCapacity changes the capacity of a volume, likewise.
func (e *Expander) patchCapacity(ctx context.Context, volume *v1.PersistentVolume, size resource.Quantity) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]string{"uid": string(volume.UID), "resourceVersion": volume.ResourceVersion},
		"spec":     map[string]any{"capacity": v1.ResourceList{v1.ResourceStorage: size}},
	})
	if err == nil {
		_, err = e.Client.CoreV1().PersistentVolumes().Patch(ctx, volume.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	if err != nil {
		return fmt.Errorf("patch the capacity of volume %s: %w", volume.Name, err)
	}
	return nil
}

// version binds a patch to an object and its version.
func version(o metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{UID: o.GetUID(), ResourceVersion: o.GetResourceVersion()}
}
