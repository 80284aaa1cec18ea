package controller

import (
	"path"

	v1 "k8s.io/api/core/v1"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// promised says how many volumes lie on a share, whoever made them, and how
// many bytes they promise together. It is linear in the volumes of the cluster.
func (c *caches) promised(on share.Location) (volumes int, bytes float64) {
	for _, volume := range c.all() {
		if volume.Spec.NFS == nil {
			continue
		}
		if _, below := on.Contains(volume.Spec.NFS.Server, path.Clean(volume.Spec.NFS.Path)); below {
			volumes++
			size := volume.Spec.Capacity[v1.ResourceStorage]
			bytes += float64(size.Value())
		}
	}
	return volumes, bytes
}
