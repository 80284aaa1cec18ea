package controller

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/pager"

	"github.com/nfs-provisioner/nfs-provisioner/internal/inventory"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Inventory lists what is on the shares, and the volumes that should be there.
// It needs the shares, the kubeconfig and the operation timeout of c, and no
// lease: it changes nothing. What could be listed is returned with an error
// that says which shares could not.
func Inventory(ctx context.Context, c Config) ([]inventory.Item, error) {
	connections, err := newClients(c)
	if err != nil {
		return nil, err
	}
	cluster, err := connections.identity(ctx)
	if err != nil {
		return nil, err
	}
	volumes := func(ctx context.Context) ([]*v1.PersistentVolume, error) { return listVolumes(ctx, connections.main) }
	var all []inventory.Item
	var problems []error
	for _, location := range c.Shares {
		s := share.New(location, share.Options{Timeout: c.OperationTimeout, Places: 1})
		items, err := inventory.Take(ctx, s, cluster, volumes)
		all = append(all, items...)
		problems = append(problems, err, s.Close(ctx))
	}
	return all, errors.Join(problems...)
}

// listVolumes asks for volumes a page at a time. Should the pages expire meanwhile,
// it asks for all at once.
func listVolumes(ctx context.Context, client kubernetes.Interface) ([]*v1.PersistentVolume, error) {
	page := func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return client.CoreV1().PersistentVolumes().List(ctx, options)
	}
	list, _, err := pager.New(page).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	var all []*v1.PersistentVolume
	err = meta.EachListItem(list, func(o runtime.Object) error {
		volume, ok := o.(*v1.PersistentVolume)
		if !ok {
			return fmt.Errorf("list volumes: the API server sent a %T", o)
		}
		all = append(all, volume)
		return nil
	})
	return all, err
}
