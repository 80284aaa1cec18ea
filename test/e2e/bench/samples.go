package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// A pair are the templates of a claim and of the volume that it is bound to.
type pair struct{ claim, volume template }

// newClaim is a claim as a StatefulSet of some application makes it.
func newClaim(name, class string) *v1.PersistentVolumeClaim {
	return &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{
			"app.kubernetes.io/name": "database", "app.kubernetes.io/instance": "production", "app.kubernetes.io/component": "primary",
		}},
		Spec: v1.PersistentVolumeClaimSpec{
			StorageClassName: &class,
			AccessModes:      []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
			Resources:        v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse("10Gi")}},
		},
	}
}

// takeSamples lets the provisioner serve one claim, and makes a claim and a
// volume of a block store, for templates.
func (b *bench) takeSamples(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := b.sampleOurs(ctx); err != nil {
		return fmt.Errorf("see how the provisioner serves a claim: %w", err)
	}
	if err := b.sampleOther(ctx); err != nil {
		return fmt.Errorf("make a volume of a block store: %w", err)
	}
	return b.removeMade(ctx)
}

func (b *bench) sampleOurs(ctx context.Context) (err error) {
	claims := b.client.CoreV1().PersistentVolumeClaims(namespace)
	made, err := claims.Create(ctx, newClaim("sample-"+b.numbering.uid(passing), classUnderTest), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	pending, err := b.settledClaim(ctx, made.Name, isAnnounced)
	if err != nil {
		return err
	}
	p, _, err := b.launchProvisioner("sample", workers)
	if err != nil {
		return err
	}
	bound, err := b.settledClaim(ctx, made.Name, isBound)
	if err := both(err, p.stop); err != nil {
		return fmt.Errorf("%w; the provisioner's last words: %s", err, lastLine(p.log))
	}
	volume, err := b.client.CoreV1().PersistentVolumes().Get(ctx, bound.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	b.ours, err = newSample(b.share, pending, bound, volume)
	return err
}

// settledClaim is a claim with which the cluster is done: copies of one that it
// still has to write to would all be written to.
func (b *bench) settledClaim(ctx context.Context, name string, is func(*v1.PersistentVolumeClaim) bool) (*v1.PersistentVolumeClaim, error) {
	if _, err := b.awaitClaim(ctx, name, is); err != nil {
		return nil, err
	}
	if err := b.quiet(ctx); err != nil {
		return nil, err
	}
	return b.awaitClaim(ctx, name, is)
}

func newSample(on share, pending, bound *v1.PersistentVolumeClaim, volume *v1.PersistentVolume) (s sample, err error) {
	s.names, s.sent = describe(bound, volume), asSent(volume)
	if volume.Spec.NFS == nil {
		return s, fmt.Errorf("volume %s is none of NFS", volume.Name)
	}
	if s.pending, err = newTemplate(pending, s.names); err != nil {
		return s, err
	}
	if s.bound, err = newTemplate(bound, s.names); err != nil {
		return s, err
	}
	grows := bound.DeepCopy()
	grows.Spec.Resources.Requests = v1.ResourceList{v1.ResourceStorage: loops.Grown()}
	if s.growing, err = newTemplate(grows, s.names); err != nil {
		return s, err
	}
	if s.volume, err = newTemplate(volume, s.names); err != nil {
		return s, err
	}
	if s.directory, err = loops.Below(volume.Spec.NFS.Path); err != nil {
		return s, err
	}
	if s.kept, err = on.keptAbout(volume.Name, s.directory); err != nil {
		return s, err
	}
	return s, s.check()
}

// sampleOther makes objects as the driver of a cloud's block store leaves them.
func (b *bench) sampleOther(ctx context.Context) error {
	claims := b.client.CoreV1().PersistentVolumeClaims(namespace)
	made, err := claims.Create(ctx, newClaim("other-"+b.numbering.uid(passing), classOther), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := b.client.CoreV1().PersistentVolumes().Create(ctx, blockVolume(made), metav1.CreateOptions{}); err != nil {
		return err
	}
	bound, err := b.settledClaim(ctx, made.Name, isBound)
	if err != nil {
		return err
	}
	volume, err := b.client.CoreV1().PersistentVolumes().Get(ctx, bound.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	names := describe(bound, volume)
	if b.other.claim, err = newTemplate(bound, names); err != nil {
		return err
	}
	b.other.volume, err = newTemplate(volume, names)
	return err
}

func blockVolume(claim *v1.PersistentVolumeClaim) *v1.PersistentVolume {
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name: loops.VolumeName(string(claim.UID)),
			Annotations: map[string]string{
				"pv.kubernetes.io/provisioned-by":                            classOther,
				"volume.kubernetes.io/provisioner-deletion-secret-name":      "",
				"volume.kubernetes.io/provisioner-deletion-secret-namespace": "",
			},
			Finalizers: []string{"external-provisioner.volume.kubernetes.io/finalizer", "external-attacher/" + strings.ReplaceAll(classOther, ".", "-")},
		},
		Spec: v1.PersistentVolumeSpec{
			Capacity: claim.Spec.Resources.Requests, AccessModes: claim.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: v1.PersistentVolumeReclaimDelete, StorageClassName: classOther,
			ClaimRef: &v1.ObjectReference{
				Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: claim.Namespace, Name: claim.Name,
				UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			},
			PersistentVolumeSource: v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{
				Driver: classOther, VolumeHandle: "vol-0" + mark, FSType: "ext4",
				VolumeAttributes: map[string]string{"storage.kubernetes.io/csiProvisionerIdentity": "1764000000000-8081-" + classOther},
			}},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
				MatchExpressions: []v1.NodeSelectorRequirement{{Key: "topology.kubernetes.io/zone", Operator: v1.NodeSelectorOpIn, Values: []string{"zone-a"}}},
			}}}},
		},
	}
}
