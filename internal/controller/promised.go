package controller

import (
	"path"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/cache"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// promises keeps the sums of what volumes promise on the shares, whoever made
// them, as the watch shows them.
type promises struct {
	*capacity.Ledger
	shares []share.Location
	// shown is done when all volumes that there were at first are in the sums.
	shown cache.DoneChecker
}

func newPromises(shares []share.Location) *promises {
	return &promises{Ledger: capacity.NewLedger(), shares: shares}
}

// volumes is to hear of every volume.
func (p *promises) volumes() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    p.show,
		UpdateFunc: func(_, o any) { p.show(o) },
		DeleteFunc: p.drop,
	}
}

// claims is to hear of every claim that goes.
func (p *promises) claims() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{DeleteFunc: p.forget}
}

// forget gives up what was reserved for a claim that has gone: the volume that it
// did not get, or the size that its volume did not come to.
func (p *promises) forget(object any) {
	claim, ok := shown(object).(*v1.PersistentVolumeClaim)
	if !ok {
		return
	}
	p.Release(volumeOf(claim))
	if claim.Status.Phase == v1.ClaimBound { // others may name a volume that is not theirs
		p.Release(claim.Spec.VolumeName)
	}
}

// volumeOf is what the library calls the volume of a claim.
func volumeOf(claim *v1.PersistentVolumeClaim) string { return "pvc-" + string(claim.UID) }

func (p *promises) show(object any) {
	volume, ok := object.(*v1.PersistentVolume)
	if !ok {
		p.drop(object)
		return
	}
	if volume.Spec.NFS != nil {
		place := path.Clean(volume.Spec.NFS.Path)
		for _, on := range p.shares {
			if _, below := on.Contains(volume.Spec.NFS.Server, place); below {
				p.Show(volume.Name, on.Name, volume.Spec.Capacity[v1.ResourceStorage])
				return
			}
		}
	}
	p.Drop(volume.Name)
}

func (p *promises) drop(object any) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		p.Drop(last.Key) // a volume has no namespace
	} else if volume, err := meta.Accessor(object); err == nil {
		p.Drop(volume.GetName())
	}
}
