package clone

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Config is what a Cloner needs to know of the world.
type Config struct {
	// Claim reads a claim from the API server, past every cache; Volume reads a
	// volume likewise.
	Claim  func(ctx context.Context, namespace, name string) (*v1.PersistentVolumeClaim, error)
	Volume func(ctx context.Context, name string) (*v1.PersistentVolume, error)
	// Ours says whether a volume was made by a provisioner of this install.
	Ours func(*v1.PersistentVolume) bool
	// Locate finds the share and the directory of a volume of ours.
	Locate func(*v1.PersistentVolume) (*share.Share, share.Volume, error)
}

// A Cloner makes directories that are copies of others.
type Cloner struct{ Config }

// New makes a Cloner.
func New(c Config) *Cloner { return &Cloner{Config: c} }

// Clone fills the directory of r, on a share, with a copy of the directory of the
// claim that a claim names as its source, in the background. It is to be called
// again until it returns no error, which may be another process, too: what is
// whole stays, the rest is begun anew.
//
// The error wraps share.ErrCloning while the copy is made. All others say what to
// do, and pass when that is done.
func (c *Cloner) Clone(ctx context.Context, claim *v1.PersistentVolumeClaim, on *share.Share, r share.Record) (share.Record, error) {
	made, begun, err := on.Cloned(ctx, r)
	if !begun && err == nil {
		made, err = c.begin(ctx, claim, on, r)
	}
	if errors.Is(err, errLost) || errors.Is(err, share.ErrSourceGone) {
		// There is nothing left of which the directory could become a copy.
		err = errors.Join(err, on.Abandon(ctx, r))
	}
	return made, advise(err)
}

func (c *Cloner) begin(ctx context.Context, claim *v1.PersistentVolumeClaim, on *share.Share, r share.Record) (share.Record, error) {
	volume, err := c.source(ctx, claim)
	if err != nil {
		return share.Record{}, err
	}
	from, data, err := c.Locate(volume)
	if err != nil {
		return share.Record{}, fmt.Errorf("the source of the clone: %w", err)
	}
	if err := largeEnough(ctx, claim, volume, on, r); err != nil {
		return share.Record{}, err
	}
	return on.Clone(ctx, r, from, data)
}

// errLost: the source is not there, or is another one than was asked for.
var errLost = errors.New("there is nothing to be cloned")

// source finds the volume that is to be copied.
func (c *Cloner) source(ctx context.Context, claim *v1.PersistentVolumeClaim) (*v1.PersistentVolume, error) {
	ref := provision.SourceOf(claim)
	if ref.Namespace != nil && *ref.Namespace != "" && *ref.Namespace != claim.Namespace {
		return nil, fmt.Errorf("the claim asks for a clone of claim %s/%s, but only claims of its own namespace are cloned; "+
			"remove dataSourceRef.namespace, or make the claim in namespace %s", *ref.Namespace, ref.Name, *ref.Namespace)
	}
	name := claim.Namespace + "/" + ref.Name
	if ref.Name == claim.Name {
		return nil, fmt.Errorf("the claim asks for a clone of itself; name another claim in dataSource, or remove it")
	}
	source, err := c.Claim(ctx, claim.Namespace, ref.Name)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("%w: claim %s does not exist; the clone waits for it, make it or delete the clone's claim", errLost, name)
	case err != nil:
		return nil, fmt.Errorf("read claim %s, the source of the clone: %w", name, err)
	case source.DeletionTimestamp != nil:
		return nil, fmt.Errorf("%w: claim %s is being deleted; name another claim in a new claim's dataSource", errLost, name)
	case source.Spec.VolumeName == "" || source.Status.Phase != v1.ClaimBound:
		return nil, fmt.Errorf("claim %s, the source of the clone, is not bound to a volume yet; the clone waits for that", name)
	}
	volume, err := c.Volume(ctx, source.Spec.VolumeName)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("%w: volume %s of claim %s does not exist", errLost, source.Spec.VolumeName, name)
	}
	if err != nil {
		return nil, fmt.Errorf("read volume %s of claim %s, the source of the clone: %w", source.Spec.VolumeName, name, err)
	}
	owner := provision.ClaimOf(volume)
	if owner.UID != string(source.UID) || owner.Namespace != source.Namespace || owner.Name != source.Name {
		return nil, fmt.Errorf("claim %s, the source of the clone, names volume %s, which belongs to claim %s; the clone waits until they agree", name, volume.Name, owner)
	}
	if !c.Ours(volume) {
		return nil, fmt.Errorf("volume %s of claim %s, the source of the clone, was not made by this provisioner, which clones only its own; "+
			"copy the data with a pod that mounts both volumes", volume.Name, name)
	}
	return volume, nil
}

// largeEnough says why a claim is too small for its source. One whose copy was
// begun before the source grew is not.
func largeEnough(ctx context.Context, claim *v1.PersistentVolumeClaim, source *v1.PersistentVolume, on *share.Share, r share.Record) error {
	asked, has := claim.Spec.Resources.Requests[v1.ResourceStorage], source.Spec.Capacity[v1.ResourceStorage]
	if asked.Cmp(has) >= 0 {
		return nil
	}
	if now, err := on.Find(ctx, r.Directory); err == nil && now.Record.Volume == r.Volume && now.Record.Copying() {
		return nil
	}
	of := provision.ClaimOf(source)
	return fmt.Errorf("the claim asks for %s, but claim %s, the source of the clone, has %s; ask for at least that much in a new claim", asked.String(), of, has.String())
}

// advise adds to an error what the owner of the claim can do about it.
func advise(err error) error {
	for _, a := range []struct {
		is     error
		advice string
	}{
		{share.ErrCloning, ""},
		{share.ErrSourceGone, "what was copied is removed; make the source again, or delete the clone's claim"},
		{share.ErrUncopied, "remove it from the source; this goes on by itself"},
		{share.ErrExists, "change what pathPattern renders for this claim: a clone has a directory of its own"},
	} {
		if !errors.Is(err, a.is) {
			continue
		}
		if a.advice == "" {
			return err
		}
		return fmt.Errorf("%w; %s", err, a.advice)
	}
	return provision.Advise(err)
}
