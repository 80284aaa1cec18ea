package loops

import (
	"strings"

	v1 "k8s.io/api/core/v1"
)

// Names are what tells the objects of one claim from those of another.
type Names struct {
	Claim, ClaimUID, Volume, VolumeUID string
}

// Instead replaces the names of another claim by these. Names of volumes hold the
// uid of their claim, so they come first.
func (n Names) Instead(old Names) *strings.Replacer {
	var pairs []string
	for _, p := range [][2]string{{old.Volume, n.Volume}, {old.ClaimUID, n.ClaimUID}, {old.VolumeUID, n.VolumeUID}, {old.Claim, n.Claim}} {
		if p[0] != "" {
			pairs = append(pairs, p[0], p[1])
		}
	}
	return strings.NewReplacer(pairs...)
}

// VolumeName is how provisioners that use Kubernetes' library call the volume of
// a claim.
func VolumeName(claimUID string) string { return "pvc-" + claimUID }

// Of says whether a volume is one of a namespace's claims.
func Of(volume *v1.PersistentVolume, namespace string) bool {
	return volume.Spec.ClaimRef != nil && volume.Spec.ClaimRef.Namespace == namespace
}

// FinalizerOfCluster is what the cluster puts onto each volume itself.
const FinalizerOfCluster = "kubernetes.io/pv-protection"

// Held is what a loop says that holds all objects.
const Held = "all objects are here"

// FilesInFolder is how many files a loop puts into one folder.
const FilesInFolder = 1000
