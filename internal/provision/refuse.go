package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	v1 "k8s.io/api/core/v1"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// refuse says why a claim cannot have what it asks for, and what to change.
func refuse(claim *v1.PersistentVolumeClaim) error {
	spec := &claim.Spec
	switch {
	case spec.VolumeMode != nil && *spec.VolumeMode == v1.PersistentVolumeBlock:
		return errors.New("the claim asks for volumeMode Block, a raw device, which NFS does not have; set volumeMode: Filesystem")
	case spec.Selector != nil:
		return errors.New("the claim has a selector, which only volumes made by hand can match; remove spec.selector, or clear storageClassName to have such a volume")
	case fillingOf(claim) == fromSnapshot:
		source := SourceOf(claim)
		return fmt.Errorf("the claim asks to be filled from %s %q, which this provisioner cannot do; "+
			"remove dataSource and dataSourceRef, and copy the data with a pod that mounts both volumes", source.Kind, source.Name)
	case spec.VolumeAttributesClassName != nil && *spec.VolumeAttributesClassName != "":
		return fmt.Errorf("the claim asks for volumeAttributesClassName %q, but directories have no such attributes; remove it", *spec.VolumeAttributesClassName)
	}
	size, ok := spec.Resources.Requests[v1.ResourceStorage]
	if !ok || size.Sign() <= 0 {
		return fmt.Errorf("the claim asks for the size %q; set spec.resources.requests.storage to more than 0", size.String())
	}
	return nil
}

// Advise adds to an error of a share what the owner of the claim, or of the
// class, can do about it.
func Advise(err error) error {
	for _, c := range []struct {
		is     error
		advice string
	}{
		{share.ErrInvalidDirectory, "change what pathPattern renders for this claim"},
		{share.ErrOwned, `change what pathPattern renders for this claim; volumes of one cluster can share a directory if the class says allowShared: "true"`},
		{share.ErrExists, `change what pathPattern renders for this claim, or let its class take such a directory with allowExisting: "true"`},
		{share.ErrOwnership, "export without root_squash, or remove uid and gid from the class"},
		{share.ErrTimeout, "look after the NFS server; this goes on by itself when it answers"},
		{share.ErrHeld, "this goes on by itself when the copy is whole"},
		{share.ErrNotEmptied, "let the provisioner's user remove them, or remove them by hand on the server; this goes on by itself"},
		{share.ErrRecordDamaged, "restore the record from a backup, or remove it if the directory is no volume's"},
		{syscall.ENOSPC, "free space on the share"},
		{syscall.EDQUOT, "raise the quota of the export"},
		{syscall.ESTALE, "export the directory again; if it was made anew, give the provisioner new pods, which mount it anew"},
		{syscall.EREMOTEIO, "the server refuses what the node asks for; mount with nfsvers=4.0 if the node's Linux is 6.19 or later and the server nfs-ganesha before 9.11"},
		{syscall.EROFS, "export and mount the share for writing"},
		{fs.ErrPermission, "let the provisioner's user write on the export"},
	} {
		if errors.Is(err, c.is) {
			return fmt.Errorf("%w; %s", err, c.advice)
		}
	}
	return err
}
