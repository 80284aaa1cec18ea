package provision

import (
	"context"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Reclaim takes back a directory that a crash left: it was made for a volume
// that never came to be, and whose claim will not ask for it any more. The
// volume is that of the record, or another one that shares its directory.
// Nothing happens, and reclaimed is false, where that is not certain or where
// there is data.
func (p *Provisioner) Reclaim(ctx context.Context, on *share.Share, r share.Record, volume string, claim share.Claim) (reclaimed bool, err error) {
	if _, underWay := p.attempts.find(volume); underWay || r.Cluster != p.Cluster {
		return false, nil
	}
	switch existing, err := p.Volume(ctx, volume); {
	case apierrors.IsNotFound(err):
		if gone, err := p.vanished(ctx, claim, volume); !gone || err != nil {
			return false, err
		}
	case err != nil:
		return false, err
	case p.uses(existing, on, r.Directory):
		return false, nil
	}
	return on.Reclaim(ctx, r, volume)
}

// uses says whether a volume is, or may be, at a directory.
func (p *Provisioner) uses(volume *v1.PersistentVolume, on *share.Share, d share.Directory) bool {
	at, data, err := p.Locate(volume)
	return err != nil || at == on && data.Directory == d
}

// vanished says whether a claim will never need a volume that is missing.
func (p *Provisioner) vanished(ctx context.Context, claim share.Claim, volume string) (bool, error) {
	now, err := p.Claim(ctx, claim.Namespace, claim.Name)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	another := now.Spec.VolumeName != "" && now.Spec.VolumeName != volume
	return string(now.UID) != claim.UID || now.DeletionTimestamp != nil || another, nil
}

// exists says whether a volume does.
func (p *Provisioner) exists(ctx context.Context, volume string) (bool, error) {
	_, err := p.Volume(ctx, volume)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}
