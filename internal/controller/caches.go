package controller

import (
	"context"
	"fmt"
	"path"
	"runtime/debug"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// resync is how often everything is looked at again without a change.
const resync = 15 * time.Minute

// Indexes of volumes: by their own path on their server, and by every path above
// it.
const (
	volumesAt    = "at"
	volumesBelow = "below"
)

// caches are the objects that we read, kept current by watches.
type caches struct {
	slimmer
	factory informers.SharedInformerFactory
	claims  cache.SharedIndexInformer
	volumes cache.SharedIndexInformer
	classes cache.SharedIndexInformer
}

// newCaches makes caches for one who serves the claims and volumes of these
// provisioners. They watch by client, and read lists by listing if there is one.
func newCaches(client kubernetes.Interface, listing rest.Interface, provisioners ...string) *caches {
	what := slimmer{provisioners}
	factory := informers.NewSharedInformerFactoryWithOptions(client, resync, informers.WithTransform(what.slim))
	informer := func(object runtime.Object, lists cache.ListerWatcher, by cache.Indexers) cache.SharedIndexInformer {
		return factory.InformerFor(object, func(_ kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
			return cache.NewSharedIndexInformerWithOptions(lists, object, cache.SharedIndexInformerOptions{ResyncPeriod: resync, Indexers: by})
		})
	}
	claims := arriving[v1.PersistentVolumeClaim](client.CoreV1().PersistentVolumeClaims(metav1.NamespaceAll), listing, "persistentvolumeclaims", what.glance)
	volumes := arriving[v1.PersistentVolume](client.CoreV1().PersistentVolumes(), listing, "persistentvolumes", what.glance)
	return &caches{
		slimmer: what,
		factory: factory,
		claims:  informer(&v1.PersistentVolumeClaim{}, claims, cache.Indexers{}),
		volumes: informer(&v1.PersistentVolume{}, volumes, cache.Indexers{
			volumesAt:    func(o any) ([]string, error) { at, _ := places(o); return at, nil },
			volumesBelow: func(o any) ([]string, error) { _, below := places(o); return below, nil },
		}),
		classes: factory.Storage().V1().StorageClasses().Informer(),
	}
}

// digestion is far longer than handlers need for what a cluster has at the start.
const digestion = 5 * time.Second

// start runs the watches until ctx ends and returns when all objects are here, and
// handlers have seen them. What it took to decode and to tell of them is as much as
// what stays, is not needed again, and goes back to the system: then, so that the
// first claim does not wait for that.
func (c *caches) start(ctx context.Context) error {
	c.factory.StartWithContext(ctx)
	if err := c.factory.WaitForCacheSyncWithContext(ctx).AsError(); err != nil {
		return err
	}
	select {
	case <-time.After(digestion):
		debug.FreeOSMemory()
	case <-ctx.Done():
	}
	return nil
}

// await waits until all objects are here. It says false if ctx ends first.
func (c *caches) await(ctx context.Context) bool {
	return cache.WaitFor(ctx, "", c.claims.HasSyncedChecker(), c.volumes.HasSyncedChecker(), c.classes.HasSyncedChecker())
}

// volume says whether a volume is in the cache.
func (c *caches) volume(name string) bool {
	_, found, err := c.volumes.GetStore().GetByKey(name)
	return found || err != nil
}

// volumeNamed is a volume of ours in the cache, nil if there is none.
func (c *caches) volumeNamed(name string) *v1.PersistentVolume {
	return cached[v1.PersistentVolume](c.volumes, name)
}

// claim is a claim in the cache, nil if there is none.
func (c *caches) claim(namespace, name string) *v1.PersistentVolumeClaim {
	return cached[v1.PersistentVolumeClaim](c.claims, namespace+"/"+name)
}

// cached is an object in a cache, nil if there is none or but a stub.
func cached[T any](in cache.SharedIndexInformer, key string) *T {
	object, _, err := in.GetStore().GetByKey(key)
	found, ok := object.(*T)
	if err != nil || !ok {
		return nil
	}
	return found
}

// waits says whether a claim is in the cache and has no volume.
func (c *caches) waits(claim *v1.PersistentVolumeClaim) bool {
	object, found, err := c.claims.GetStore().GetByKey(claim.Namespace + "/" + claim.Name)
	now, ok := object.(*v1.PersistentVolumeClaim)
	return err != nil || found && ok && now.UID == claim.UID && now.Spec.VolumeName == ""
}

func (c *caches) synced() bool {
	return c.claims.HasSynced() && c.volumes.HasSynced() && c.classes.HasSynced()
}

// class reads a class from the cache.
func (c *caches) class(name string) (*storagev1.StorageClass, error) {
	object, found, err := c.classes.GetStore().GetByKey(name)
	if err != nil {
		return nil, err
	}
	class, ok := object.(*storagev1.StorageClass)
	if !found || !ok {
		return nil, apierrors.NewNotFound(storagev1.Resource("storageclasses"), name)
	}
	return class, nil
}

// overlapping lists volumes that use the directory, one above or one below it.
// Volumes of the share's root, such as the one by which this process mounts it,
// overlap nothing.
func (c *caches) overlapping(on share.Location, d share.Directory) ([]*v1.PersistentVolume, error) {
	full := on.FullPath(d)
	var volumes []*v1.PersistentVolume
	lookUp := func(index, place string) error {
		objects, err := c.volumes.GetIndexer().ByIndex(index, key(on.Server, place))
		if err != nil {
			return fmt.Errorf("look up volumes at %s:%s: %w", on.Server, place, err)
		}
		for _, o := range objects {
			if volume, ok := o.(*v1.PersistentVolume); ok {
				volumes = append(volumes, volume)
			}
		}
		return nil
	}
	for _, place := range append(above(full), full) {
		if len(place) <= len(on.Path) {
			continue
		}
		if err := lookUp(volumesAt, place); err != nil {
			return nil, err
		}
	}
	return volumes, lookUp(volumesBelow, full)
}

// all lists every volume.
func (c *caches) all() []*v1.PersistentVolume {
	var volumes []*v1.PersistentVolume
	for _, o := range c.volumes.GetStore().List() {
		if volume, ok := o.(*v1.PersistentVolume); ok {
			volumes = append(volumes, volume)
		}
	}
	return volumes
}

// places are the keys of a volume in the indexes.
func places(object any) (at, below []string) {
	volume, ok := object.(*v1.PersistentVolume)
	if !ok || volume.Spec.NFS == nil {
		return nil, nil
	}
	server, place := volume.Spec.NFS.Server, path.Clean(volume.Spec.NFS.Path)
	for _, folder := range above(place) {
		below = append(below, key(server, folder))
	}
	return []string{key(server, place)}, below
}

func key(server, path string) string { return server + ":" + path }

// above lists the paths that contain path, without the root of the server.
func above(path string) []string {
	var all []string
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			all = append(all, path[:i])
		}
	}
	return all
}
