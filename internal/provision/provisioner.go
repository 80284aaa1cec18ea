package provision

import (
	"context"
	"errors"
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Config is what a Provisioner needs to know of the world.
type Config struct {
	// Shares are all shares; the first is the default one.
	Shares []*share.Share
	// Cluster is the UID of the namespace kube-system.
	Cluster string
	// Claim reads a claim from the API server, past every cache.
	Claim func(ctx context.Context, namespace, name string) (*v1.PersistentVolumeClaim, error)
	// Volume reads a volume likewise.
	Volume func(ctx context.Context, name string) (*v1.PersistentVolume, error)
	// Class reads a class; the error is apierrors.IsNotFound when it is gone.
	Class func(name string) (*storagev1.StorageClass, error)
	// Overlapping returns the volumes that use the directory, one above or one
	// below, whoever made them.
	Overlapping func(on share.Location, d share.Directory) ([]*v1.PersistentVolume, error)
	// Ledger knows what is promised on the shares.
	Ledger *capacity.Ledger
	// Warn tells the owner of a claim, for a reason in one word.
	Warn func(claim *v1.PersistentVolumeClaim, reason, message string)
	// Clone makes the directory of a claim that is to be a copy of another
	// claim's. The error wraps share.ErrCloning while that goes on; then Provision
	// is to be called again when share.Clones says that it has ended.
	Clone func(ctx context.Context, claim *v1.PersistentVolumeClaim, on *share.Share, r share.Record) (share.Record, error)
	// Tell tells the owner of a claim something that is no failure.
	Tell func(claim *v1.PersistentVolumeClaim, message string)
}

// Provisioner turns claims into directories and volumes, and deletes them.
type Provisioner struct {
	Config
	attempts attempts
}

var _ lib.BlockProvisioner = (*Provisioner)(nil)

// New makes a Provisioner.
func New(c Config) *Provisioner { return &Provisioner{Config: c} }

// SupportsBlock says true so that claims for block volumes reach Provision,
// which refuses them in words that help.
func (p *Provisioner) SupportsBlock(context.Context) bool { return true }

// Provision makes the directory of a claim and returns its volume. It may be
// called again for the same claim and ends the same. A claim that is to be filled
// by somebody else is left to that one.
func (p *Provisioner) Provision(ctx context.Context, o lib.ProvisionOptions) (*v1.PersistentVolume, lib.ProvisioningState, error) {
	claim, err := p.live(ctx, o.PVC, o.PVName)
	var ignored *lib.IgnoredError
	if errors.As(err, &ignored) {
		return nil, lib.ProvisioningFinished, ignored
	}
	if errors.Is(err, errVanished) {
		return p.abandon(ctx, o)
	}
	if err != nil {
		return nil, lib.ProvisioningNoChange, err
	}
	if fillingOf(claim) == fromPopulator {
		source := SourceOf(claim)
		p.Tell(claim, fmt.Sprintf("The claim asks to be filled from %s %q; its volume is left to the populator of that kind", source.Kind, source.Name))
		return nil, lib.ProvisioningFinished, &lib.IgnoredError{Reason: "a populator is to give the claim its volume"}
	}
	request, err := p.plan(o.StorageClass, claim, o.PVName)
	if err != nil {
		// An earlier attempt, made before class or claim became wrong, may still run.
		return nil, lib.ProvisioningNoChange, err
	}
	warning, err := p.promise(request, claim)
	if err != nil {
		return nil, lib.ProvisioningNoChange, err
	}
	made, err := p.make(ctx, request)
	switch {
	case errors.Is(err, share.ErrCloning):
		// Nothing has gone wrong, and nothing is to be tried again until the end.
		return nil, lib.ProvisioningFinished, &lib.IgnoredError{Reason: err.Error()}
	case err != nil && request.clone:
		if !errors.Is(err, share.ErrTimeout) && !errors.Is(err, share.ErrBusy) {
			p.Ledger.Release(o.PVName) // others may have the room until it is tried again
		}
		// What is reserved on the share has to be given up should the claim vanish.
		return nil, lib.ProvisioningInBackground, err
	case errors.Is(err, share.ErrTimeout) || errors.Is(err, share.ErrBusy):
		return nil, lib.ProvisioningInBackground, Advise(err)
	case err != nil:
		p.Ledger.Release(o.PVName)
		return nil, lib.ProvisioningFinished, Advise(err)
	}
	if warning != "" {
		p.Warn(claim, ReasonMoreThanFree, warning)
	}
	volume := request.volume(o.StorageClass, claim, o.PVName, made)
	klog.FromContext(ctx).Info("Made directory", "claim", klog.KObj(claim), "volume", o.PVName,
		"share", request.share.Name, "directory", made.Directory.String(), "existing", made.Existing)
	return volume, lib.ProvisioningFinished, nil
}

// errVanished: the claim will never need the volume.
var errVanished = errors.New("the claim is gone")

// live reads the claim past the cache. The error is an IgnoredError if it has
// its volume, errVanished if it will never need one from us.
func (p *Provisioner) live(ctx context.Context, cached *v1.PersistentVolumeClaim, volume string) (*v1.PersistentVolumeClaim, error) {
	claim, err := p.Claim(ctx, cached.Namespace, cached.Name)
	switch {
	case apierrors.IsNotFound(err):
		return nil, errVanished
	case err != nil:
		return nil, fmt.Errorf("read claim %s/%s: %w", cached.Namespace, cached.Name, err)
	case claim.UID != cached.UID:
		return nil, errVanished
	case claim.Spec.VolumeName == volume:
		return nil, &lib.IgnoredError{Reason: "the claim has its volume"}
	case claim.Spec.VolumeName != "" || claim.DeletionTimestamp != nil:
		return nil, errVanished
	}
	return claim, nil
}

// A plan is what is to be made for a claim, judged but not begun.
type plan struct {
	claim      *v1.PersistentVolumeClaim
	clone      bool // of the claim that this one names
	parameters Parameters
	share      *share.Share
	record     share.Record
	options    share.MakeOptions
}

// plan finds everything that is wrong with class and claim before anything is
// made.
func (p *Provisioner) plan(class *storagev1.StorageClass, claim *v1.PersistentVolumeClaim, volume string) (*plan, error) {
	if err := refuse(claim); err != nil {
		return nil, err
	}
	parameters, err := ParseParameters(class.Parameters)
	if err != nil {
		return nil, fmt.Errorf("class %q: %w", class.Name, err)
	}
	clone := fillingOf(claim) == fromClaim
	if clone && parameters.AllowShared {
		return nil, fmt.Errorf(`class %q says allowShared: "true", but a clone has a directory of its own; use a class without it`, class.Name)
	}
	on, err := p.shareNamed(parameters.Share)
	if err != nil {
		return nil, fmt.Errorf("class %q: %w", class.Name, err)
	}
	rendered, err := parameters.Pattern.Render(claim, volume)
	if err != nil {
		return nil, err
	}
	directory, err := share.ParseDirectory(rendered)
	if err != nil {
		return nil, Advise(fmt.Errorf("class parameter pathPattern renders to %w", err))
	}
	if err := p.overlaps(on, directory, volume, parameters.AllowShared); err != nil {
		return nil, Advise(err)
	}
	size := claim.Spec.Resources.Requests[v1.ResourceStorage]
	return &plan{
		claim:      claim,
		clone:      clone,
		parameters: parameters,
		share:      on,
		record: share.Record{
			Cluster:   p.Cluster,
			Volume:    volume,
			Claim:     share.Claim{Namespace: claim.Namespace, Name: claim.Name, UID: string(claim.UID)},
			Directory: directory,
			Class:     class.Name,
			Capacity:  size.String(),
			OnDelete:  string(parameters.OnDelete),
		},
		options: share.MakeOptions{
			Mode: parameters.Mode, UID: parameters.UID, GID: parameters.GID,
			AllowExisting: parameters.AllowExisting, AllowShared: parameters.AllowShared,
		},
	}, nil
}

func (p *Provisioner) shareNamed(name string) (*share.Share, error) {
	if name == "" {
		return p.Shares[0], nil
	}
	var names []string
	for _, s := range p.Shares {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("class parameter share: there is no share %q; there are %s", name, strings.Join(names, ", "))
}
