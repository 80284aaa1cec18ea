package main

import (
	"encoding/json"
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// A template makes objects that differ from one of the API server's own in the
// names of claim and volume alone: as large, with managedFields, annotations
// and all.
type template struct {
	text []byte // JSON
	old  loops.Names
}

func newTemplate(object runtime.Object, old loops.Names) (template, error) {
	text, err := json.Marshal(object)
	return template{text, old}, err
}

// fill reads the object with other names into one of its type.
func (t template) fill(names loops.Names, into runtime.Object) error {
	return json.Unmarshal([]byte(names.Instead(t.old).Replace(string(t.text))), into)
}

// storedClaim is the claim of a template, of a class if it is not "", as etcd
// has it.
func (t template) storedClaim(names loops.Names, class string) (stored, error) {
	var c v1.PersistentVolumeClaim
	if err := t.fill(names, &c); err != nil {
		return stored{}, err
	}
	if class != "" {
		c.Spec.StorageClassName = &class
		for key := range c.Annotations {
			if strings.HasSuffix(key, "/storage-provisioner") {
				c.Annotations[key] = class
			}
		}
	}
	c.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"}
	c.ResourceVersion = ""
	return newStored(claimKeys+c.Namespace+"/"+c.Name, &c)
}

// storedVolume likewise.
func (t template) storedVolume(names loops.Names, phase v1.PersistentVolumePhase) (stored, error) {
	var v v1.PersistentVolume
	if err := t.fill(names, &v); err != nil {
		return stored{}, err
	}
	v.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolume"}
	v.ResourceVersion = ""
	v.Status.Phase = phase
	return newStored(volumeKeys+v.Name, &v)
}

// annotationOfCluster is what the cluster may put onto a volume.
const annotationOfCluster = "pv.kubernetes.io/bound-by-controller"

// asSent is a volume as its maker has sent it to the API server.
func asSent(v *v1.PersistentVolume) *v1.PersistentVolume {
	sent := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: v.Name, Labels: v.Labels, Annotations: map[string]string{}},
		Spec:       *v.Spec.DeepCopy(),
	}
	for key, value := range v.Annotations {
		if key != annotationOfCluster {
			sent.Annotations[key] = value
		}
	}
	for _, f := range v.Finalizers {
		if f != loops.FinalizerOfCluster {
			sent.Finalizers = append(sent.Finalizers, f)
		}
	}
	return sent
}

// A sample is one claim that the provisioner under test has served.
type sample struct {
	names loops.Names
	// pending is the claim before, bound after, growing when it asks for more.
	pending, bound, growing template
	// sent is the volume as the provisioner sent it, volume as the API server has it.
	sent   *v1.PersistentVolume
	volume template
	// directory is relative to the share, kept what the provisioner keeps of it
	// there.
	directory string
	kept      []loops.File
}

func describe(c *v1.PersistentVolumeClaim, v *v1.PersistentVolume) loops.Names {
	n := loops.Names{Claim: c.Name, ClaimUID: string(c.UID)}
	if v != nil {
		n.Volume, n.VolumeUID = v.Name, string(v.UID)
	}
	return n
}

func (s sample) check() error {
	if s.names.Volume != loops.VolumeName(s.names.ClaimUID) {
		return fmt.Errorf("the provisioner called its volume %s; the benchmark knows only those that call it %s", s.names.Volume, loops.VolumeName(s.names.ClaimUID))
	}
	return nil
}

// elsewhere is the likeness of volumes on another server, for a bare loop beside a
// provisioner that runs: what it makes must not look as if it were the other's.
func (s sample) elsewhere() loops.Likeness {
	l := s.likeness(false)
	l.Volume = l.Volume.DeepCopy()
	l.Volume.Spec.NFS.Server = "bare." + l.Volume.Spec.NFS.Server
	return l
}

// likeness is what a bare loop needs to know of the sample, with or without what
// the provisioner keeps on the share.
func (s sample) likeness(kept bool) loops.Likeness {
	l := loops.Likeness{Claim: s.names.Claim, ClaimUID: s.names.ClaimUID, Volume: s.sent, Directory: s.directory}
	if kept {
		l.Kept = s.kept
	}
	return l
}
