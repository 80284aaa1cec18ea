package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Options are what a run is drawn from.
type Options struct {
	Seed     uint64
	Duration time.Duration // for which faults come
	Claims   int
}

// String is how the same run is asked for again.
func (o Options) String() string {
	return fmt.Sprintf("SEED=%d DURATION=%v CLAIMS=%d", o.Seed, o.Duration, o.Claims)
}

// A Plan is what will be done: in each slot one claim after the other, and in
// each lane one fault after the other.
type Plan struct {
	Slots  [][]Life
	Faults [][]Fault
}

// An Ending is how a claim ends.
type Ending string

// The endings.
const (
	Stays        Ending = "stays"                  // until the end of the run
	Deleted      Ending = "is deleted"             // when it has served
	DeletedEarly Ending = "is deleted at birth"    // bound or not
	VolumeFirst  Ending = "loses its volume first" // kubectl delete pv, then the claim
	VolumeLast   Ending = "is deleted with its pv" // the claim, then kubectl delete pv
)

// A Life is that of one claim. The lives of a slot have the same namespace and
// name.
type Life struct {
	ID              int
	Class           Class
	Namespace, Name string
	Group           string        // label of claims that share a directory
	Start           time.Duration // since the beginning of the run, if AtOnce is not set
	AtOnce          bool          // right after the slot's claim before it was deleted
	Keep            time.Duration // from canary, or birth, to deletion
	Ending          Ending
	Tenant          bool // fills the volume with symlinks while it is deleted
}

// Claim is namespace/name.
func (l Life) Claim() string { return l.Namespace + "/" + l.Name }

// Namespaces that the claims are in.
func Namespaces() []string { return []string{"chaos-a", "chaos-b", "chaos-c"} }

const mostSlots = 56

// NewPlan draws the plan of a run.
func NewPlan(o Options) Plan {
	classes := Classes()
	var p Plan
	slots := max(len(classes), min(mostSlots, o.Claims/5))
	for i := range slots {
		// Each slot and lane has a source of its own, so that a change to one
		// changes no other.
		r := rand.New(rand.NewPCG(o.Seed, uint64(i)))
		count := o.Claims / slots
		if i < o.Claims%slots {
			count++
		}
		p.Slots = append(p.Slots, livesOf(r, i, count, o.Duration, classes[i%len(classes)]))
	}
	id := 0
	for _, lives := range p.Slots {
		for i := range lives {
			lives[i].ID = id
			id++
		}
	}
	for i, lane := range lanes() {
		r := rand.New(rand.NewPCG(o.Seed, 1<<32+uint64(i)))
		p.Faults = append(p.Faults, lane.draw(r, o.Duration))
	}
	return p
}

// livesOf draws the claims of one slot, evenly over the run.
func livesOf(r *rand.Rand, slot, count int, duration time.Duration, class Class) []Life {
	interval := duration / time.Duration(max(count, 1))
	namespace := Namespaces()[slot%len(Namespaces())]
	group := ""
	if class.Shared {
		namespace, group = Namespaces()[0], "all"
	}
	var lives []Life
	for i := range count {
		l := Life{
			Class: class, Namespace: namespace, Name: fmt.Sprintf("claim-%d", slot), Group: group,
			Start:  time.Duration(i)*interval + between(r, 0, interval/4),
			AtOnce: i > 0 && r.IntN(3) == 0,
			Keep:   between(r, interval/5, interval/2),
			Ending: Deleted,
			Tenant: r.IntN(4) == 0,
		}
		switch r.IntN(10) {
		case 0, 1:
			l.Ending, l.Keep = DeletedEarly, between(r, 0, time.Second)
		case 2:
			l.Ending = VolumeFirst
		case 3:
			l.Ending = VolumeLast
		}
		if i == count-1 {
			l.Ending, l.Tenant = Stays, false
		}
		lives = append(lives, l)
	}
	return lives
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return (least + time.Duration(r.Int64N(int64(most-least)))).Truncate(time.Millisecond)
}

// A Kind is what a fault does.
type Kind string

// The faults.
const (
	KillLeader     Kind = "kill -9 of the leader"
	KillAll        Kind = "kill -9 of all replicas"
	FreezeLeader   Kind = "leader frozen beyond its lease"
	DeleteLeader   Kind = "leader's pod deleted"
	EvictLeader    Kind = "leader's pod deleted without grace"
	DeleteFollower Kind = "follower's pod deleted"
	Rollout        Kind = "rollout restart"
	GaneshaKilled  Kind = "nfs-ganesha killed"
	GaneshaStopped Kind = "nfs-ganesha stopped"
	GaneshaFrozen  Kind = "nfs-ganesha frozen"
	NFSDStopped    Kind = "nfsd stopped"
	ExportRemoved  Kind = "export removed from nfsd"
	ExportReadOnly Kind = "export of nfsd read-only"
	ShareFull      Kind = "file system of nfsd full"
	APIFrozen      Kind = "API server frozen"
	APIKilled      Kind = "API server killed"
)

// A Fault begins at a time and is lifted after another. Faults of different
// lanes meet.
type Fault struct {
	Kind   Kind
	At     time.Duration
	Length time.Duration
}

// A lane is a thing that breaks. Its faults follow one another.
type lane struct {
	kinds             []span
	leastGap, mostGap time.Duration
}

// A span is a kind of fault and how long it lasts.
type span struct {
	kind        Kind
	least, most time.Duration
}

func lanes() []lane {
	const s = time.Second
	return []lane{
		{[]span{
			{KillLeader, 0, 0}, {KillAll, 0, 0}, {DeleteLeader, 0, 0}, {EvictLeader, 0, 0}, {DeleteFollower, 0, 0}, {Rollout, 0, 0},
			{FreezeLeader, LeaseDuration + s, LeaseDuration + 6*s},
			{FreezeLeader, LeaseDuration + s, LeaseDuration + 6*s},
		}, 4 * s, 12 * s},
		{[]span{{GaneshaKilled, s, 8 * s}, {GaneshaStopped, s, 8 * s}, {GaneshaFrozen, s, 15 * s}}, 4 * s, 20 * s},
		{[]span{{NFSDStopped, s, 8 * s}, {ExportRemoved, s, 10 * s}, {ExportReadOnly, s, 10 * s}, {ShareFull, s, 10 * s}}, 4 * s, 16 * s},
		{[]span{{APIFrozen, s, 10 * s}, {APIKilled, s, 6 * s}}, 15 * s, 50 * s},
	}
}

// LeaseDuration is that of the release under test.
const LeaseDuration = 8 * time.Second

// draw fills the duration. The kinds are dealt like cards, so that each comes
// as often as any other.
func (l lane) draw(r *rand.Rand, duration time.Duration) []Fault {
	var faults []Fault
	var deck []span
	for at := between(r, l.leastGap, l.mostGap); ; at += between(r, l.leastGap, l.mostGap) {
		if len(deck) == 0 {
			deck = slices.Clone(l.kinds)
			r.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		f := Fault{Kind: deck[0].kind, At: at, Length: between(r, deck[0].least, deck[0].most)}
		if f.At+f.Length > duration {
			return faults
		}
		deck = deck[1:]
		faults = append(faults, f)
		at += f.Length
	}
}
