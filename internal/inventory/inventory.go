package inventory

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// pendingFor is how long a directory may wait for its volume before it counts
// as an orphan.
const pendingFor = 30 * time.Second

// An Item is one thing on a share, or one that should be there.
type Item struct {
	Share     string    `json:"share"`
	Directory string    `json:"directory"`
	Volume    string    `json:"volume,omitempty"`
	Claim     string    `json:"claim,omitempty"` // namespace/name
	State     State     `json:"state"`
	Since     time.Time `json:"since,omitzero"` // when it came to be what it is, where that is known
	Detail    string    `json:"detail,omitempty"`

	// Record is the one on the share, the zero value if there is none.
	Record share.Record `json:"-"`
	// Owner is the claim of Volume.
	Owner share.Claim `json:"-"`
}

// A Source says which volumes exist now.
type Source func(ctx context.Context) ([]*v1.PersistentVolume, error)

// Take lists everything on a share, and the volumes that should be there, in the
// order of the directories. The volumes are read twice: what seems to be wrong
// is looked at again, since volumes come and go while the share is read.
//
// Errors are those of the share (share.ErrTimeout, share.ErrBusy, the file
// system's) and of volumes.
func Take(ctx context.Context, on *share.Share, cluster string, volumes Source) ([]Item, error) {
	before, err := locate(ctx, on, volumes)
	if err != nil {
		return nil, err
	}
	var entries []share.Entry
	err = on.Walk(ctx, before.passages(), func(e share.Entry) error { entries = append(entries, e); return nil })
	if err != nil {
		return nil, err
	}
	now, err := locate(ctx, on, volumes)
	if err != nil {
		return nil, err
	}
	t := &taking{on: on, cluster: cluster, volumes: now, seen: map[string]bool{}, trashed: map[string]bool{}}
	for _, e := range entries {
		t.add(ctx, e)
	}
	t.addUnseen(ctx)
	slices.SortFunc(t.items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.Directory, b.Directory), cmp.Compare(a.Volume, b.Volume))
	})
	return t.items, t.err
}

// located are the volumes of one share, by their directory.
type located map[string][]*v1.PersistentVolume

func locate(ctx context.Context, on *share.Share, volumes Source) (located, error) {
	all, err := volumes(ctx)
	if err != nil {
		return nil, err
	}
	at := located{}
	for _, volume := range all {
		if volume.Spec.NFS == nil {
			continue
		}
		if place, ok := on.Contains(volume.Spec.NFS.Server, path.Clean(volume.Spec.NFS.Path)); ok {
			at[place] = append(at[place], volume)
		}
	}
	return at, nil
}

// passages says of a directory whether volumes lie below it.
func (l located) passages() func(directory string) bool {
	above := map[string]bool{}
	for place := range l {
		for i, r := range place {
			if r == '/' {
				above[place[:i]] = true
			}
		}
	}
	return func(directory string) bool { return above[directory] }
}

func (l located) find(directory, volume string) *v1.PersistentVolume {
	for _, v := range l[directory] {
		if v.Name == volume {
			return v
		}
	}
	return nil
}

// A taking is one inventory in the making.
type taking struct {
	on      *share.Share
	cluster string
	volumes located
	seen    map[string]bool // volumes that exist and have their item
	trashed map[string]bool // volumes whose data is in the trash
	items   []Item
	err     error
}

func (t *taking) put(i Item) {
	i.Share = t.on.Name
	switch i.State {
	case Bound, Missing, Adopted, Unproven:
		t.seen[i.Volume] = true
	default:
	}
	t.items = append(t.items, i)
}

// item is what an entry is before its state is known.
func item(e share.Entry) Item {
	i := Item{Directory: e.Directory, Volume: e.Record.Volume, Since: e.Changed, Record: e.Record, Owner: e.Record.Claim}
	if e.Record.Volume != "" {
		i.Claim = e.Record.Claim.String()
	}
	return i
}

func (t *taking) add(ctx context.Context, e share.Entry) {
	i := item(e)
	switch {
	case e.Trashed:
		t.trashed[e.Record.Volume] = true
		i.State = Trash
		if e.Damaged != nil {
			i.State, i.Detail = Damaged, e.Damaged.Error()
		} else if e.Record.Volume == "" {
			i.Detail = "no record says whose it was"
		} else if e.Record.Cluster != t.cluster {
			i.State = Foreign
		}
	case e.Copy:
		i.State, i.Detail = Orphan, "a copy that was begun for a volume and that no record names"
	case e.Damaged != nil:
		i.State, i.Detail = Damaged, e.Damaged.Error()
	case e.Record.Volume == "":
		t.addUnrecorded(i)
		return
	case e.Record.Cluster != t.cluster:
		i.State, i.Detail = Foreign, "of the cluster "+e.Record.Cluster
	case e.Record.State == share.Released:
		i.State = Released
	case e.Record.State == share.Archived:
		i.State = Archived
		if e.Record.Retention > 0 {
			i.Detail = "kept for " + time.Duration(e.Record.Retention).String()
		}
	default:
		t.addOwned(ctx, e)
		return
	}
	t.put(i)
}

// addUnrecorded adds a directory that no record names.
func (t *taking) addUnrecorded(i Item) {
	owners := t.volumes[i.Directory]
	for _, owner := range owners {
		i := withVolume(i, owner)
		if i.State = Adopted; owner.Annotations[provision.AnnotationDirectory] != "" {
			i.State, i.Detail = Unproven, "its record is not there"
		}
		t.put(i)
	}
	if len(owners) > 0 {
		return
	}
	i.State = Unrecorded
	if strings.HasPrefix(i.Directory, "archived-") {
		i.State, i.Detail = Archived, "without a record, as older installs leave it"
	}
	t.put(i)
}

func withVolume(i Item, volume *v1.PersistentVolume) Item {
	i.Volume, i.Owner = volume.Name, provision.ClaimOf(volume)
	if volume.Spec.ClaimRef != nil {
		i.Claim = i.Owner.String()
	}
	return i
}

// addOwned adds a directory whose record is that of a volume, or of several
// that share it.
func (t *taking) addOwned(ctx context.Context, e share.Entry) {
	owners := e.Sharers
	if len(owners) == 0 {
		owners = []share.Sharer{{Volume: e.Record.Volume, Claim: e.Record.Claim}}
	}
	for _, owner := range owners {
		i := item(e)
		i.Volume, i.Owner, i.Claim = owner.Volume, owner.Claim, owner.Claim.String()
		volume := t.volumes.find(e.Directory, owner.Volume)
		switch {
		case volume != nil && e.Exists:
			i.State = Bound
		case volume != nil && t.again(ctx, e):
			i.State, i.Detail = Missing, "its record is there, its directory is not"
		case volume != nil:
			i.State = Bound
		case e.Record.Copying():
			i.State = Cloning
		case time.Since(e.Changed) < pendingFor:
			i.State = Pending
		case !t.again(ctx, e):
			continue
		default:
			i.State = Orphan
			if !e.Exists {
				i.Detail = "a record alone, its directory is not there"
			}
		}
		t.put(i)
	}
}

// again looks whether an entry is still what it was.
func (t *taking) again(ctx context.Context, e share.Entry) bool {
	d, err := share.ParseDirectory(e.Directory)
	if err != nil {
		return true // it can be no volume's
	}
	now, err := t.on.Find(ctx, d)
	if err != nil {
		t.err = err
	}
	return now.Record == e.Record && now.Exists == e.Exists
}

// addUnseen adds volumes for which the share showed nothing.
func (t *taking) addUnseen(ctx context.Context) {
	for place, volumes := range t.volumes {
		for _, volume := range volumes {
			if t.seen[volume.Name] || t.trashed[volume.Name] {
				continue
			}
			i := withVolume(Item{Directory: place, Since: volume.CreationTimestamp.Time}, volume)
			i.State = t.judgeUnseen(ctx, place, volume)
			if i.State == Missing && leaving(volume) {
				continue // its data has gone where its class sends it, and it goes now
			}
			if i.State == Unproven {
				i.Detail = "its record is not there, or names another volume"
			}
			t.put(i)
		}
	}
}

func (t *taking) judgeUnseen(ctx context.Context, place string, volume *v1.PersistentVolume) State {
	d, err := share.ParseDirectory(place)
	if err != nil {
		return Missing
	}
	e, err := t.on.Find(ctx, d)
	switch {
	case err != nil:
		t.err = err
		return Missing
	case !e.Exists:
		return Missing
	case volume.Annotations[provision.AnnotationDirectory] == "":
		return Adopted
	case e.Record.Volume == volume.Name || slices.ContainsFunc(e.Sharers, func(s share.Sharer) bool { return s.Volume == volume.Name }):
		return Bound
	default:
		return Unproven
	}
}

func leaving(volume *v1.PersistentVolume) bool {
	return volume.DeletionTimestamp != nil ||
		volume.Status.Phase == v1.VolumeReleased && volume.Spec.PersistentVolumeReclaimPolicy == v1.PersistentVolumeReclaimDelete
}

// Count counts items by state; every state has an entry.
func Count(items []Item) map[State]int {
	count := map[State]int{}
	for _, s := range States() {
		count[s] = 0
	}
	for _, i := range items {
		count[i.State]++
	}
	return count
}
