package main

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// often is how often it is asked for what no watch tells.
const often = 50 * time.Millisecond

// awaitClaim waits until a claim is as it should be.
func (b *bench) awaitClaim(ctx context.Context, name string, is func(*v1.PersistentVolumeClaim) bool) (last *v1.PersistentVolumeClaim, err error) {
	err = wait.PollUntilContextCancel(ctx, often, true, func(ctx context.Context) (bool, error) {
		last, err = b.client.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
		return err == nil && is(last), err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for claim %s: %w", name, err)
	}
	return last, nil
}

func isBound(c *v1.PersistentVolumeClaim) bool { return c.Status.Phase == v1.ClaimBound }

// isAnnounced says whether the cluster has told the provisioner of a claim.
func isAnnounced(c *v1.PersistentVolumeClaim) bool {
	return c.Annotations["volume.kubernetes.io/storage-provisioner"] != ""
}

// awaitNoVolume waits until a volume is no more.
func (b *bench) awaitNoVolume(ctx context.Context, name string) error {
	err := wait.PollUntilContextCancel(ctx, often, true, func(ctx context.Context) (bool, error) {
		_, err := b.client.CoreV1().PersistentVolumes().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("volume %s is not gone: %w", name, err)
	}
	return nil
}

// awaitPhase waits until so many volumes of the benchmark are in a phase.
func (b *bench) awaitPhase(ctx context.Context, phase v1.PersistentVolumePhase, n int) error {
	const seldom, limit = 200 * time.Millisecond, 2 * time.Minute
	count := 0
	err := wait.PollUntilContextTimeout(ctx, seldom, limit, true, func(ctx context.Context) (bool, error) {
		list, err := b.client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return false, err
		}
		count = 0
		for i := range list.Items {
			if loops.Of(&list.Items[i], namespace) && list.Items[i].Status.Phase == phase {
				count++
			}
		}
		return count == n, nil
	})
	if err != nil {
		return fmt.Errorf("%d of %d volumes are %s: %w", count, n, phase, err)
	}
	return nil
}

// pause is a time in which nothing is to be done.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
