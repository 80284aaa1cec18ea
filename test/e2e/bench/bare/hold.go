package main

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// hold lists and watches claims, volumes and classes for ever, and keeps
// their names alone.
func hold(ctx context.Context, o options) error {
	client, _, err := loops.Connect(o.kubeconfig)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(nameAlone))
	factory.Core().V1().PersistentVolumeClaims().Informer()
	factory.Core().V1().PersistentVolumes().Informer()
	factory.Storage().V1().StorageClasses().Informer()
	factory.StartWithContext(ctx)
	if err := factory.WaitForCacheSyncWithContext(ctx).AsError(); err != nil {
		return err
	}
	fmt.Println(loops.Held)
	<-ctx.Done()
	factory.Shutdown()
	return nil
}

// nameAlone replaces an object by one that has its names only.
func nameAlone(object any) (any, error) {
	o, err := meta.Accessor(object)
	if err != nil {
		return object, nil //nolint:nilerr // a deletion that was missed
	}
	names := metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion()}
	switch object.(type) {
	case *v1.PersistentVolume:
		return &v1.PersistentVolume{ObjectMeta: names}, nil
	case *v1.PersistentVolumeClaim:
		return &v1.PersistentVolumeClaim{ObjectMeta: names}, nil
	case *storagev1.StorageClass:
		return &storagev1.StorageClass{ObjectMeta: names}, nil
	}
	return object, nil
}
