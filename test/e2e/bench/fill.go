package main

import (
	"context"
	"slices"

	v1 "k8s.io/api/core/v1"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// ourShare of the volumes in the cluster are the provisioner's: one in so many.
const ourShare = 10

// fill puts claims and volumes that are bound into the cluster, and onto the
// share what belongs to those that are the provisioner's.
func (b *bench) fill(ctx context.Context, n int) error {
	const encoders, together = 4, 64
	chunks := slices.Collect(slices.Chunk(b.numbering.some(filling, n), together))
	return loops.Parallel(encoders, chunks, func(names []loops.Names) error {
		var objects []stored
		for i, name := range names {
			like := b.other
			if i%ourShare == 0 {
				like = pair{b.ours.bound, b.ours.volume}
				if _, err := b.share.add(b.ours, name); err != nil {
					return err
				}
			}
			some, err := like.stored(name, v1.VolumeBound)
			if err != nil {
				return err
			}
			objects = append(objects, some...)
		}
		return b.store.put(ctx, objects)
	})
}

// stored are the claim and the volume of a pair as etcd has them.
func (p pair) stored(names loops.Names, phase v1.PersistentVolumePhase) ([]stored, error) {
	claim, err := p.claim.storedClaim(names, "")
	if err != nil {
		return nil, err
	}
	volume, err := p.volume.storedVolume(names, phase)
	return []stored{claim, volume}, err
}
