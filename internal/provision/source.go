package provision

import (
	v1 "k8s.io/api/core/v1"
)

// SourceOf is what a claim asks to be filled from, nil if it is to be empty.
func SourceOf(claim *v1.PersistentVolumeClaim) *v1.TypedObjectReference {
	// Where a claim has both they name the same, the reference perhaps with more.
	if ref := claim.Spec.DataSourceRef; ref != nil {
		return ref
	}
	if source := claim.Spec.DataSource; source != nil {
		return &v1.TypedObjectReference{APIGroup: source.APIGroup, Kind: source.Kind, Name: source.Name}
	}
	return nil
}

// A filling says who fills the directory of a claim.
type filling int

const (
	empty         filling = iota // nobody
	fromClaim                    // we do, with a copy of another claim's
	fromSnapshot                 // nobody can: it is for drivers that make snapshots
	fromPopulator                // whoever knows this kind of object, and gives the claim its volume then
)

func fillingOf(claim *v1.PersistentVolumeClaim) filling {
	source, group := SourceOf(claim), ""
	if source == nil {
		return empty
	}
	if source.APIGroup != nil {
		group = *source.APIGroup
	}
	switch {
	case group == "" && source.Kind == "PersistentVolumeClaim":
		return fromClaim
	case group == "snapshot.storage.k8s.io":
		return fromSnapshot
	default:
		return fromPopulator
	}
}
