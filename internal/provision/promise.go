package provision

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
)

// ReasonMoreThanFree is that of the event which warns of a volume that is larger
// than what its share has free.
const ReasonMoreThanFree = "MoreThanFree"

// promise asks whether the share may promise what is planned, and takes room for
// it, until the API server has shown the volume.
func (p *Provisioner) promise(request *plan, claim *v1.PersistentVolumeClaim) (warning string, err error) {
	return p.Ledger.Reserve(capacity.Request{
		Volume: request.record.Volume,
		Share:  request.share.Name,
		Space:  request.share.Health().Space,
		Size:   claim.Spec.Resources.Requests[v1.ResourceStorage],
		Ratio:  request.parameters.OvercommitRatio,
	})
}

// OvercommitRatio is that of a class, nil for none, whatever else may be wrong
// with the class.
func OvercommitRatio(class *storagev1.StorageClass) (*capacity.Ratio, error) {
	value, ok := class.Parameters[paramOvercommitRatio]
	if !ok {
		return nil, nil
	}
	p, err := ParseParameters(map[string]string{paramOvercommitRatio: value})
	if err != nil {
		return nil, fmt.Errorf("class %q: %w", class.Name, err)
	}
	return p.OvercommitRatio, nil
}
