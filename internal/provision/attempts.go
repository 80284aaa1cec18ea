package provision

import (
	"context"
	"errors"
	"sync"

	v1 "k8s.io/api/core/v1"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// attempts remembers where directories were begun for volumes that the API
// server has not shown yet, so that a claim that renders anew, or vanishes,
// leaves nothing behind.
type attempts struct {
	mu sync.Mutex
	at map[string]attempt // by volume
}

type attempt struct {
	share  *share.Share
	record share.Record
}

func (a *attempts) begin(p *plan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at == nil {
		a.at = map[string]attempt{}
	}
	a.at[p.record.Volume] = attempt{p.share, p.record}
}

func (a *attempts) find(volume string) (attempt, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, ok := a.at[volume]
	return found, ok
}

func (a *attempts) end(volume string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.at, volume)
}

// Settled tells that the API server has shown the volume, or its end.
func (p *Provisioner) Settled(volume string) { p.attempts.end(volume) }

// make makes what is planned, after taking back an earlier attempt that was
// made elsewhere.
func (p *Provisioner) make(ctx context.Context, request *plan) (share.Record, error) {
	volume := request.record.Volume
	before, ok := p.attempts.find(volume)
	if ok && (before.share != request.share || before.record.Directory != request.record.Directory) {
		if err := before.share.Abandon(ctx, before.record); err != nil {
			return share.Record{}, err
		}
	}
	p.attempts.begin(request)
	made, err := p.fill(ctx, request)
	var owned *share.OwnedError
	if errors.As(err, &owned) {
		released, problem := p.releaseOrphan(ctx, request, owned)
		if problem != nil {
			return share.Record{}, problem
		}
		if released {
			made, err = p.fill(ctx, request)
		}
	}
	if err != nil && !request.clone && !errors.Is(err, share.ErrTimeout) && !errors.Is(err, share.ErrBusy) {
		p.attempts.end(volume)
	}
	return made, err
}

func (p *Provisioner) fill(ctx context.Context, request *plan) (share.Record, error) {
	if request.clone {
		return p.Clone(ctx, request.claim, request.share, request.record)
	}
	return request.share.Make(ctx, request.record, request.options)
}

// Forgo takes back what was begun for a claim, if that has vanished meanwhile and
// the volume was not made.
func (p *Provisioner) Forgo(ctx context.Context, volume string, claim share.Claim) error {
	begun, ok := p.attempts.find(volume)
	if !ok {
		return nil
	}
	if gone, err := p.vanished(ctx, claim, volume); !gone || err != nil {
		return err
	}
	if exists, err := p.exists(ctx, volume); exists || err != nil {
		return err
	}
	if err := begun.share.Abandon(ctx, begun.record); err != nil {
		return err
	}
	p.Ledger.Release(volume)
	p.attempts.end(volume)
	return nil
}

// releaseOrphan gives up the ownership of a volume that is no more, where the
// same claim asks for its directory: one with reclaim policy Retain, say, that
// was deleted by hand. Its data stays, as after onDelete retain.
func (p *Provisioner) releaseOrphan(ctx context.Context, request *plan, owned *share.OwnedError) (bool, error) {
	owner, claim := owned.Owner, request.record.Claim
	if owned.Owned != owned.Directory || owner.State != share.Active || owner.Cluster != p.Cluster ||
		owner.Claim.Namespace != claim.Namespace || owner.Claim.Name != claim.Name {
		return false, nil
	}
	if _, underWay := p.attempts.find(owner.Volume); underWay {
		return false, nil
	}
	if exists, err := p.exists(ctx, owner.Volume); exists || err != nil {
		return false, err
	}
	if owner.Copying() {
		return true, request.share.Abandon(ctx, owner) // there is no data but copies
	}
	if request.clone {
		return false, nil // what the claim had before is no copy
	}
	if owner.Copy != "" {
		return true, request.share.Abandon(ctx, owner) // what is whole may be no directory yet; if it is, it stays
	}
	return true, request.share.Retain(ctx, share.Volume{
		Name: owner.Volume, Cluster: owner.Cluster, Claim: owner.Claim, Directory: owner.Directory,
	})
}

// abandon takes back what an attempt may have made for a claim that has
// vanished since, unless its volume exists and will be deleted in the ordinary
// way.
func (p *Provisioner) abandon(ctx context.Context, o lib.ProvisionOptions) (*v1.PersistentVolume, lib.ProvisioningState, error) {
	gone := &lib.IgnoredError{Reason: errVanished.Error()}
	p.Ledger.Release(o.PVName)
	exists, err := p.exists(ctx, o.PVName)
	if err != nil {
		return nil, lib.ProvisioningNoChange, err
	}
	begun, ok := p.attempts.find(o.PVName)
	if !ok {
		// Perhaps one of another process; it would have been made like this.
		if request, err := p.plan(o.StorageClass, o.PVC, o.PVName); err == nil {
			begun, ok = attempt{request.share, request.record}, true
		}
	}
	if !ok || exists {
		return nil, lib.ProvisioningFinished, gone
	}
	if err := begun.share.Abandon(ctx, begun.record); err != nil {
		return nil, lib.ProvisioningInBackground, Advise(err)
	}
	p.attempts.end(o.PVName)
	return nil, lib.ProvisioningFinished, gone
}
