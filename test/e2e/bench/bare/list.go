package main

import (
	"context"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// list lists claims, volumes and classes, all at the same time and from the
// API server's cache.
func list(ctx context.Context, o options) error {
	client, _, err := loops.Connect(o.kubeconfig)
	if err != nil {
		return err
	}
	lists := []func(context.Context, kubernetes.Interface) error{
		func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.CoreV1().PersistentVolumeClaims("").List(ctx, metav1.ListOptions{ResourceVersion: "0"})
			return err
		},
		func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
			return err
		},
		func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
			return err
		},
	}
	problems := make(chan error, len(lists))
	var group sync.WaitGroup
	for _, list := range lists {
		group.Go(func() { problems <- list(ctx, client) })
	}
	group.Wait()
	for range lists {
		if err := <-problems; err != nil {
			return err
		}
	}
	return nil
}
