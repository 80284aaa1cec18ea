package controller

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/nfs-provisioner/nfs-provisioner/internal/inventory"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// volumesAtOnce is how many volumes are asked for with one request.
const volumesAtOnce = 500

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

func listVolumes(ctx context.Context, client kubernetes.Interface) ([]*v1.PersistentVolume, error) {
	var all []*v1.PersistentVolume
	options := metav1.ListOptions{Limit: volumesAtOnce}
	for {
		list, err := client.CoreV1().PersistentVolumes().List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("list volumes: %w", err)
		}
		for i := range list.Items {
			all = append(all, &list.Items[i])
		}
		if options.Continue = list.Continue; options.Continue == "" {
			return all, nil
		}
	}
}
