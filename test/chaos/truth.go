package chaos

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// A Fate is what has become of a life, as far as the run knows.
type Fate struct {
	Life
	UID     string  // of the claim; empty if it was never made
	Canary  *Canary // that is in the volume for certain
	Deleted bool    // it was asked to be
}

// volume is the name that the volume has, if there ever was one.
func (f Fate) volume() string { return "pvc-" + f.UID }

func (f Fate) directory() string { return f.Class.directory(f.Life, f.volume()) }

// kept is where the data is once the volume is gone; empty: nowhere.
func (f Fate) kept() string {
	switch f.Class.Policy {
	case Archive:
		return archive(f.directory(), f.volume())
	case Retain:
		return f.directory()
	default:
		return ""
	}
}

// A World is what there is at the end: in the API, and on the shares.
type World struct {
	Claims  []ClaimFound
	Volumes []VolumeFound
	Shares  map[string]Listing
}

// A ClaimFound is a claim in the API.
type ClaimFound struct{ Name, UID, Phase, Volume string }

// A VolumeFound is a volume of the release in the API.
type VolumeFound struct{ Name, Phase, ClaimUID, Share, Directory string }

// A Violation is one thing that is not as it must be.
type Violation struct{ Claim, Volume, Place, What string }

func (v Violation) String() string {
	return fmt.Sprintf("%s: claim %s, volume %s, at %s", v.What, or(v.Claim, "unknown"), or(v.Volume, "unknown"), or(v.Place, "no place"))
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Compare finds everything that is not as it must be once all claims are made
// and deleted, and the provisioner has come to rest.
func Compare(fates []Fate, w World) []Violation {
	j := &judge{places: map[string]map[string]Fate{}, volumes: map[string]Fate{}, required: map[string]bool{}, waiting: map[string]bool{}}
	for _, c := range w.Claims {
		j.waiting[c.UID] = c.Phase == "Pending"
	}
	j.learn(fates)
	j.claims(fates, w)
	for _, share := range slices.Sorted(maps.Keys(w.Shares)) {
		j.directories(share, fates, w.Shares[share])
		j.canaries(share, fates, w.Shares[share])
		j.records(share, w.Shares[share])
	}
	return j.found
}

// A judge collects violations.
type judge struct {
	// places are the directories that there may be, by share and path, and
	// whose they are.
	places   map[string]map[string]Fate
	required map[string]bool // of them those that there must be, as share:path
	waiting  map[string]bool // uids of claims that have no volume yet, which is one violation and enough
	volumes  map[string]Fate // by name
	found    []Violation
}

func (j *judge) violation(f Fate, place, format string, args ...any) {
	v := Violation{Place: place, What: fmt.Sprintf(format, args...)}
	if f.UID != "" {
		v.Claim, v.Volume = fmt.Sprintf("%s (life %d, class %s)", f.Claim(), f.ID, f.Class.Name), f.volume()
	}
	j.found = append(j.found, v)
}

func (j *judge) learn(fates []Fate) {
	for _, c := range Classes() {
		j.places[c.Share] = map[string]Fate{}
	}
	for _, f := range fates {
		if f.UID == "" {
			continue
		}
		j.volumes[f.volume()] = f
		place := f.directory()
		if f.Deleted {
			place = f.kept()
		}
		if place == "" {
			continue
		}
		if owner, taken := j.places[f.Class.Share][place]; !taken || owner.Deleted {
			j.places[f.Class.Share][place] = f
		}
		if f.Canary != nil || !f.Deleted && !j.waiting[f.UID] {
			j.required[f.Class.Share+":"+place] = true
		}
	}
}

// claims compares what the run asked for with the API.
func (j *judge) claims(fates []Fate, w World) {
	claims, volumes := map[string]ClaimFound{}, map[string]VolumeFound{}
	for _, c := range w.Claims {
		claims[c.UID] = c
	}
	for _, v := range w.Volumes {
		volumes[v.Name] = v
	}
	for _, f := range fates {
		c, thereIs := claims[f.UID]
		delete(claims, f.UID)
		v, served := volumes[f.volume()]
		if thereIs || !f.Deleted {
			delete(volumes, f.volume()) // judged with its claim
		}
		switch {
		case f.UID == "":
			j.found = append(j.found, Violation{Claim: fmt.Sprintf("%s (life %d)", f.Claim(), f.ID), What: "claim was never made"})
			continue
		case f.Deleted && thereIs:
			j.violation(f, "", "deleted claim is still there, %s", c.Phase)
			continue
		case f.Deleted:
			continue
		case !thereIs:
			j.violation(f, "", "claim is gone, and nobody deleted it")
			continue
		case c.Phase != "Bound" || c.Volume != f.volume():
			j.violation(f, "", "claim is %s to volume %q", c.Phase, c.Volume)
		case !served:
			j.violation(f, "", "Bound claim without its volume")
		case v.Phase != "Bound" || v.ClaimUID != f.UID:
			j.violation(f, v.Directory, "volume of a Bound claim is %s to the claim with uid %s", v.Phase, v.ClaimUID)
		case v.Share != f.Class.Share || v.Directory != f.directory():
			j.violation(f, v.Share+":"+v.Directory, "volume has the wrong directory")
		}
	}
	for _, c := range claims {
		j.found = append(j.found, Violation{Claim: c.Name, Volume: c.Volume, What: "claim that nobody made"})
	}
	for _, v := range volumes {
		j.violation(j.volumes[v.Name], v.Share+":"+v.Directory, "volume without claim: it is %s", v.Phase)
	}
}

// directories compares what is on a share with what there may and must be.
func (j *judge) directories(share string, fates []Fate, l Listing) {
	above := map[string]bool{} // folders that hold directories, or once did
	dead := map[string]Fate{}  // directories of volumes that are no more
	places := j.places[share]
	for _, f := range fates {
		if f.UID == "" || f.Class.Share != share {
			continue
		}
		dead[f.directory()] = f
		for _, place := range []string{f.directory(), archive(f.directory(), f.volume())} {
			for up := path.Dir(place); up != "."; up = path.Dir(up) {
				above[up] = true
			}
		}
	}
	there := map[string]bool{}
	for _, d := range l.Directories {
		there[d] = true
		if within(d, places) || above[d] {
			continue
		}
		if f, ok := dead[d]; ok {
			j.violation(f, share+":"+d, "directory without volume")
		} else if !within(d, dead) {
			j.violation(Fate{}, share+":"+d, "directory that no claim asked for")
		}
	}
	for _, place := range slices.Sorted(maps.Keys(places)) {
		if j.required[share+":"+place] && !there[place] {
			what := "volume without directory"
			if places[place].Deleted {
				what = "directory was to be kept, and is gone"
			}
			j.violation(places[place], share+":"+place, "%s", what)
		}
	}
}

// within says whether a path is one of the places or lies in one.
func within(d string, places map[string]Fate) bool {
	for ; d != "."; d = path.Dir(d) {
		if _, ok := places[d]; ok {
			return true
		}
	}
	return false
}

// canaries looks for each canary where it must be and for strange ones.
func (j *judge) canaries(share string, fates []Fate, l Listing) {
	expected := map[string]bool{}
	for _, f := range fates {
		if f.Canary == nil || f.Class.Share != share {
			continue
		}
		place := f.directory()
		if f.Deleted {
			place = f.kept()
		}
		if place == "" {
			continue
		}
		place = path.Join(place, f.Canary.File())
		expected[place] = true
		content, thereIs := l.Canaries[place]
		switch {
		case !thereIs:
			j.violation(f, share+":"+place, "canary is gone")
		case content != f.Canary.Content:
			j.violation(f, share+":"+place, "canary says %q", content)
		}
	}
	for _, place := range slices.Sorted(maps.Keys(l.Canaries)) {
		if expected[place] {
			continue
		}
		volume, _ := CanaryOf(path.Base(place))
		f := j.volumes[volume]
		host, hosted := j.places[share][path.Dir(place)]
		if hosted && f.Class.Shared && f.Class == host.Class && !host.Deleted {
			continue // what a volume leaves in a directory that others share
		}
		j.violation(f, share+":"+place, "data that must be gone, or is elsewhere")
	}
}

// records compares what the provisioner keeps for itself.
func (j *judge) records(share string, l Listing) {
	sharers := map[string]bool{}
	for _, d := range slices.Sorted(maps.Keys(l.Records)) {
		r := l.Records[d]
		f, expected := j.places[share][d]
		if r.Sharers != "" {
			sharers[r.Sharers] = true
		}
		switch {
		case j.waiting[f.UID]:
		case !expected:
			j.violation(j.volumes[r.Volume], share+":"+d, "%s record without volume", r.State)
		case !slices.Contains(l.Directories, d):
			j.violation(f, share+":"+d, "%s record without directory", r.State)
		case !f.Deleted && (r.State != "active" || r.Volume != f.volume() && !f.Class.Shared):
			j.violation(f, share+":"+d, "record of a live volume is %s and names %s", r.State, r.Volume)
		case f.Deleted && r.State == "active":
			j.violation(f, share+":"+d, "record of a directory that is kept is active")
		}
	}
	for _, d := range l.Directories {
		f, expected := j.places[share][d]
		if _, recorded := l.Records[d]; expected && !recorded && !j.waiting[f.UID] {
			j.violation(f, share+":"+d, "directory without record")
		}
	}
	for _, name := range l.Sharers {
		if !sharers[name] {
			j.violation(Fate{}, share+":sharers/"+name, "list of sharers without record")
		}
	}
	if l.Outside != "" {
		j.violation(Fate{}, share+":../"+Neighbour, "the neighbour's tree %s", l.Outside)
	}
	for _, name := range l.Trash {
		volume := strings.TrimSuffix(name, "_record")
		j.violation(j.volumes[volume], share+":trash/"+name, "trash that nobody empties")
	}
}
