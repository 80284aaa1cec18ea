package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	toolswatch "k8s.io/client-go/tools/watch"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// Periods of the election: those of nfs-provisioner. The lease's duration is told.
const (
	renewDeadline = 10 * time.Second
	retryPeriod   = 500 * time.Millisecond
)

var errLeadershipLost = errors.New("the lease was lost")

// lead waits for the lease, and then makes a volume for every claim of a
// class as it comes.
func lead(ctx context.Context, o options) error {
	client, _, err := loops.Connect(o.kubeconfig)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: o.namespace, Name: o.class},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: strconv.Itoa(os.Getpid())},
		},
		LeaseDuration: o.lease, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { failed <- o.serve(ctx, client) },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return err
	}
	elector.Run(ctx)
	select {
	case err := <-failed:
		return errors.Join(err, ctx.Err())
	default:
		return errors.Join(errLeadershipLost, ctx.Err())
	}
}

// serve makes volumes until ctx ends.
func (o options) serve(ctx context.Context, client kubernetes.Interface) error {
	claims := client.CoreV1().PersistentVolumeClaims(o.namespace)
	list, err := claims.List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return err
	}
	for i := range list.Items {
		if err := o.serveClaim(ctx, client, &list.Items[i]); err != nil {
			return err
		}
	}
	w, err := toolswatch.NewRetryWatcherWithContext(ctx, list.ResourceVersion, watcher(func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		return claims.Watch(ctx, options)
	}))
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-w.ResultChan():
			if claim, ok := e.Object.(*v1.PersistentVolumeClaim); ok && e.Type == watch.Added {
				if err := o.serveClaim(ctx, client, claim); err != nil {
					return err
				}
			}
		}
	}
}

type watcher func(context.Context, metav1.ListOptions) (watch.Interface, error)

func (w watcher) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	return w(ctx, options)
}

func (o options) serveClaim(ctx context.Context, client kubernetes.Interface, c *v1.PersistentVolumeClaim) error {
	if c.Spec.VolumeName != "" || c.Spec.StorageClassName == nil || *c.Spec.StorageClassName != o.class {
		return nil
	}
	volume, err := o.like.Make(c, o.directory)
	if err != nil {
		return err
	}
	volume.Spec.StorageClassName = o.class
	_, err = client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
