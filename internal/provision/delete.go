package provision

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Delete does to the data of a released volume what its class said when it was
// made. It may be called again and ends the same. An error leaves the volume
// in the API, and the data where it is or in the trash. It is an IgnoredError
// when the data is in the trash and its removal takes longer: Delete is to be
// called again when share.Removals says that it has ended.
func (p *Provisioner) Delete(ctx context.Context, volume *v1.PersistentVolume) error {
	on, data, err := p.Locate(volume)
	if errors.Is(err, errOnNoShare) {
		return fmt.Errorf("%w; or set its reclaim policy to Retain and delete it by hand", err)
	}
	if err != nil {
		return err
	}
	policy, err := p.policy(volume)
	if err != nil {
		return err
	}
	if policy != Retain {
		data.Contested = p.overlaps(on, data.Directory, volume.Name, volume.Annotations[AnnotationShared] == "true")
	}
	archived := share.Directory{}
	switch policy {
	case Delete:
		err = on.Remove(ctx, data)
	case Archive:
		if data.ArchiveRetention, err = p.archiveRetention(volume); err == nil {
			archived, err = on.Archive(ctx, data)
		}
	case Retain:
		err = on.Retain(ctx, data)
	}
	if errors.Is(err, share.ErrRemoving) {
		// Nothing has gone wrong, and nothing is to be tried again until the end.
		return &lib.IgnoredError{Reason: err.Error()}
	}
	if errors.Is(err, share.ErrOwned) {
		return fmt.Errorf("%w; nothing was deleted; delete that volume first", err)
	}
	if err != nil {
		return Advise(err)
	}
	klog.FromContext(ctx).Info("Deleted volume", "volume", volume.Name, "onDelete", policy,
		"share", on.Name, "directory", data.Directory.String(), "archive", archived.String())
	return nil
}

var errOnNoShare = errors.New("on none of the shares")

// Locate finds the share and the directory of a volume from its server and
// path, and checks that its annotations agree: a volume that was edited by
// hand is not deleted.
func (p *Provisioner) Locate(volume *v1.PersistentVolume) (*share.Share, share.Volume, error) {
	source := volume.Spec.NFS
	if source == nil {
		return nil, share.Volume{}, fmt.Errorf("volume %s is not an NFS volume", volume.Name)
	}
	var on *share.Share
	var relative string
	for _, s := range p.Shares {
		// The longest match, should one share lie inside another.
		if below, ok := s.Contains(source.Server, source.Path); ok && (on == nil || len(below) < len(relative)) {
			on, relative = s, below
		}
	}
	if on == nil {
		return nil, share.Volume{}, fmt.Errorf("volume %s is at %s:%s, which is %w %s; configure its share",
			volume.Name, source.Server, source.Path, errOnNoShare, p.locations())
	}
	directory, err := share.ParseDirectory(relative)
	if err != nil {
		return nil, share.Volume{}, fmt.Errorf("volume %s: its path is %w", volume.Name, err)
	}
	annotated, recorded := volume.Annotations[AnnotationDirectory]
	if recorded && annotated != relative {
		return nil, share.Volume{}, fmt.Errorf("volume %s: its path on share %s is %q, but its annotation %s says %q; "+
			"nothing is done to it until they agree again", volume.Name, on.Location, relative, AnnotationDirectory, annotated)
	}
	if name, ok := volume.Annotations[AnnotationShare]; ok && name != on.Name {
		if said, err := p.shareNamed(name); err == nil {
			return nil, share.Volume{}, fmt.Errorf("volume %s: it is on share %s, but its annotation %s names share %s; "+
				"nothing is done to it until they agree again", volume.Name, on.Location, AnnotationShare, said.Location)
		}
	}
	data := share.Volume{
		Name: volume.Name, Cluster: p.Cluster, Claim: ClaimOf(volume), Class: volume.Spec.StorageClassName,
		Directory: directory, Adopted: !recorded,
	}
	return on, data, nil
}

func (p *Provisioner) locations() string {
	var all []string
	for _, s := range p.Shares {
		all = append(all, s.Location.String())
	}
	return strings.Join(all, ", ")
}

// policy is what the volume says. One made by nfs-subdir-external-provisioner
// says nothing, and its class decides, as it did there; whatever else may be
// wrong with the class. If the class is gone, the data is archived.
func (p *Provisioner) policy(volume *v1.PersistentVolume) (Policy, error) {
	if said, ok := volume.Annotations[AnnotationOnDelete]; ok {
		if policy := Policy(said); policy.valid() {
			return policy, nil
		}
		return "", fmt.Errorf("volume %s: annotation %s is %q; it must be delete, archive or retain", volume.Name, AnnotationOnDelete, said)
	}
	class, err := p.Class(volume.Spec.StorageClassName)
	if apierrors.IsNotFound(err) {
		return Archive, nil
	}
	if err != nil {
		return "", fmt.Errorf("volume %s: read its class: %w", volume.Name, err)
	}
	parameters, err := deciding(class)
	if err != nil {
		return "", fmt.Errorf("volume %s: class %q, which decides what becomes of its data: %w", volume.Name, class.Name, err)
	}
	return parameters.OnDelete, nil
}

// deciding are those parameters of a class that say what becomes of data.
func deciding(class *storagev1.StorageClass) (Parameters, error) {
	some := map[string]string{}
	for _, name := range []string{paramOnDelete, paramArchiveOnDelete, paramArchiveRetention} {
		if value, ok := class.Parameters[name]; ok {
			some[name] = value
		}
	}
	return ParseParameters(some)
}

// archiveRetention is the age that the volume says, or, if its class decides
// what becomes of its data, the class.
func (p *Provisioner) archiveRetention(volume *v1.PersistentVolume) (time.Duration, error) {
	if said, ok := volume.Annotations[AnnotationArchiveRetention]; ok {
		age, err := parseAge(said)
		if err != nil {
			return 0, fmt.Errorf(`volume %s: annotation %s is %q; it must be an age such as "720h" or "30d"`, volume.Name, AnnotationArchiveRetention, said)
		}
		return age, nil
	}
	if _, decided := volume.Annotations[AnnotationOnDelete]; decided {
		return 0, nil
	}
	class, err := p.Class(volume.Spec.StorageClassName)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("volume %s: read its class: %w", volume.Name, err)
	}
	parameters, err := deciding(class)
	return parameters.ArchiveRetention, err
}
