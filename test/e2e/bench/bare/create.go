package main

import (
	"context"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// create makes the directory and the volume of every claim that has none:
// one mkdir, one chmod and one request each.
func create(ctx context.Context, o options) error {
	client, _, err := loops.Connect(o.kubeconfig)
	if err != nil {
		return err
	}
	claims, err := client.CoreV1().PersistentVolumeClaims(o.namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return err
	}
	var pending []*v1.PersistentVolumeClaim
	for i := range claims.Items {
		if c := &claims.Items[i]; c.Spec.VolumeName == "" && (o.class == "" || *c.Spec.StorageClassName == o.class) {
			pending = append(pending, c)
		}
	}
	if len(o.like.Kept) > 0 {
		if err := os.MkdirAll(filepath.Join(o.directory, loops.Temporary), 0o700); err != nil {
			return err
		}
	}
	return loops.Parallel(o.workers, pending, func(c *v1.PersistentVolumeClaim) error {
		volume, err := o.like.Make(c, o.directory)
		if err != nil {
			return err
		}
		_, err = client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
		return err
	})
}
