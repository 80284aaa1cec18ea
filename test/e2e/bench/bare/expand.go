package main

import (
	"context"
	"encoding/json"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// expand makes the patches of an expansion for every claim that asks for more
// than it has: the claim is told that it grows, the volume grows, the claim is
// told that it has grown.
func expand(ctx context.Context, o options) error {
	client, _, err := loops.Connect(o.kubeconfig)
	if err != nil {
		return err
	}
	claims, err := client.CoreV1().PersistentVolumeClaims(o.namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return err
	}
	var growing []*v1.PersistentVolumeClaim
	for i := range claims.Items {
		if c := &claims.Items[i]; loops.Grows(c) {
			growing = append(growing, c)
		}
	}
	return loops.Parallel(o.workers, growing, func(c *v1.PersistentVolumeClaim) error {
		size := map[string]any{"storage": c.Spec.Resources.Requests[v1.ResourceStorage]}
		status := func(version string, change map[string]any) (*v1.PersistentVolumeClaim, error) {
			patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": c.UID, "resourceVersion": version}, "status": change})
			if err != nil {
				return nil, err
			}
			return client.CoreV1().PersistentVolumeClaims(c.Namespace).Patch(ctx, c.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		}
		begun, err := status(c.ResourceVersion, map[string]any{
			"allocatedResources":        size,
			"allocatedResourceStatuses": map[string]any{"storage": v1.PersistentVolumeClaimControllerResizeInProgress},
			"conditions": []any{map[string]any{
				"type": v1.PersistentVolumeClaimResizing, "status": v1.ConditionTrue, "lastProbeTime": nil, "lastTransitionTime": metav1.NewTime(time.Now()),
			}},
		})
		if err != nil {
			return err
		}
		patch, err := json.Marshal(map[string]any{"spec": map[string]any{"capacity": size}})
		if err != nil {
			return err
		}
		if _, err := client.CoreV1().PersistentVolumes().Patch(ctx, c.Spec.VolumeName, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			return err
		}
		_, err = status(begun.ResourceVersion, map[string]any{
			"capacity": size, "allocatedResourceStatuses": nil,
			"conditions": []any{map[string]any{"$patch": "delete", "type": v1.PersistentVolumeClaimResizing}},
		})
		return err
	})
}
