package chaos

import (
	"slices"
	"strings"
	"testing"
)

// scene is a run that ended well: of each class one claim was deleted and one
// is Bound.
type scene struct {
	fates []Fate
	world World
}

func newScene() *scene {
	s := &scene{world: World{Shares: map[string]Listing{}}}
	for i, c := range Classes() {
		l, ok := s.world.Shares[c.Share]
		if !ok {
			l = Listing{Canaries: map[string]string{}, Records: map[string]Owner{}}
		}
		life := Life{ID: 2 * i, Class: c, Namespace: "chaos-a", Name: "claim-" + c.Name, Group: "all"}
		dead, live := Fate{Life: life, UID: c.Name + "-dead", Deleted: true}, Fate{Life: life, UID: c.Name + "-live"}
		live.ID++
		for _, f := range []*Fate{&dead, &live} {
			canary := NewCanary(Options{}, f.Life, f.UID, f.volume())
			f.Canary = &canary
			place := f.directory()
			state := "active"
			if f.Deleted {
				place = f.kept()
				state = map[Policy]string{Archive: "archived", Retain: "released"}[c.Policy]
			} else {
				s.world.Claims = append(s.world.Claims, ClaimFound{Name: f.Claim(), UID: f.UID, Phase: "Bound", Volume: f.volume()})
				s.world.Volumes = append(s.world.Volumes, VolumeFound{Name: f.volume(), Phase: "Bound", ClaimUID: f.UID, Share: c.Share, Directory: place})
			}
			if place == "" {
				continue
			}
			l.Directories = append(l.Directories, above(place)...)
			l.Directories = append(l.Directories, place)
			l.Canaries[place+"/"+canary.File()] = canary.Content
			owner := Owner{Volume: f.volume(), State: state}
			if c.Shared {
				owner.Sharers = "list"
				l.Sharers = []string{"list"}
			}
			l.Records[place] = owner
		}
		s.fates = append(s.fates, dead, live)
		s.world.Shares[c.Share] = l
	}
	return s
}

// above are the folders above a place.
func above(place string) (folders []string) {
	for i, r := range place {
		if r == '/' {
			folders = append(folders, place[:i])
		}
	}
	return folders
}

// of is a fate of the class CHAOS-SHARE-NAME.
func (s *scene) of(class string, deleted bool) *Fate {
	i := slices.IndexFunc(s.fates, func(f Fate) bool { return f.Class.Name == "chaos-"+class && f.Deleted == deleted })
	return &s.fates[i]
}

func (s *scene) change(share string, f func(l *Listing)) {
	l := s.world.Shares[share]
	f(&l)
	s.world.Shares[share] = l
}

func TestARunThatEndedWellHasNoViolation(t *testing.T) {
	s := newScene()
	for _, v := range Compare(s.fates, s.world) {
		t.Error(v)
	}
}

func TestWhatATenantLeavesInAVolumeIsNoViolation(t *testing.T) {
	s := newScene()
	s.change(Ganesha, func(l *Listing) {
		l.Directories = append(l.Directories, s.of("ganesha-delete", false).directory()+"/work-1",
			s.of("ganesha-archive", true).kept()+"/work-1/deep")
	})
	for _, v := range Compare(s.fates, s.world) {
		t.Error(v)
	}
}

func TestCanariesOfVolumesThatLeftASharedDirectoryMayStay(t *testing.T) {
	s := newScene()
	dead := s.of("kernel-shared", true)
	s.change(Kernel, func(l *Listing) { l.Canaries[dead.directory()+"/"+dead.Canary.File()] = dead.Canary.Content })
	for _, v := range Compare(s.fates, s.world) {
		t.Error(v)
	}
}

func TestEachBreachOfARuleIsOneViolationThatNamesIt(t *testing.T) {
	for name, c := range map[string]struct {
		breach func(s *scene)
		want   string // in the one violation
		where  string // likewise
	}{
		"claim never made": {func(s *scene) { s.fates = append(s.fates, Fate{Life: Life{Namespace: "a", Name: "b"}}) }, "never made", "a/b"},
		"claim not Bound":  {func(s *scene) { s.world.Claims[0].Phase = "Pending" }, "claim is Pending", "claim-chaos-ganesha-delete"},
		"claim that waits, half served": {func(s *scene) {
			f := s.of("ganesha-delete", false)
			f.Canary = nil
			s.world.Claims[0].Phase, s.world.Volumes = "Pending", s.world.Volumes[1:]
			s.change(Ganesha, func(l *Listing) {
				l.Directories = slices.DeleteFunc(l.Directories, func(d string) bool { return d == f.directory() })
				delete(l.Canaries, f.directory()+"/canary-"+f.volume())
			})
		}, "claim is Pending", "claim-chaos-ganesha-delete"},
		"claim lost": {func(s *scene) { s.world.Claims[0].Phase = "Lost" }, "claim is Lost", "pvc-chaos-ganesha-delete-live"},
		"deleted claim stays": {func(s *scene) {
			s.world.Claims = append(s.world.Claims, ClaimFound{UID: s.of("kernel-retain", true).UID, Phase: "Terminating"})
		}, "still there", "kernel-retain"},
		"strange claim": {func(s *scene) { s.world.Claims = append(s.world.Claims, ClaimFound{Name: "x/y", UID: "z"}) }, "nobody made", "x/y"},
		"released volume": {func(s *scene) {
			s.world.Volumes = append(s.world.Volumes, VolumeFound{Name: s.of("kernel-retain", true).volume(), Phase: "Released"})
		}, "volume without claim: it is Released", "kernel-retain-dead"},
		"volume of another claim": {func(s *scene) { s.world.Volumes[0].ClaimUID = "z" }, "uid z", "ganesha-delete"},
		"wrong directory":         {func(s *scene) { s.world.Volumes[0].Directory = "elsewhere" }, "wrong directory", "ganesha:elsewhere"},
		"directory left by a deleted claim": {func(s *scene) {
			s.change(Ganesha, func(l *Listing) { l.Directories = append(l.Directories, s.of("ganesha-unique", true).directory()) })
		}, "directory without volume", "pvc-chaos-ganesha-unique-dead"},
		"strange directory": {func(s *scene) {
			s.change(Kernel, func(l *Listing) { l.Directories = append(l.Directories, "tenant") })
		}, "no claim asked for", "kernel:tenant"},
		"changed canary": {func(s *scene) {
			f := s.of("kernel-nested", false)
			s.change(Kernel, func(l *Listing) { l.Canaries[f.directory()+"/"+f.Canary.File()] = "other" })
		}, `canary says "other"`, "chaos-a/deep/"},
		"archive without its data": {func(s *scene) {
			f := s.of("kernel-archive", true)
			s.change(Kernel, func(l *Listing) { delete(l.Canaries, f.kept()+"/"+f.Canary.File()) })
		}, "canary is gone", "kernel:archived-chaos-a/"},
		"data of a deleted claim in a new volume": {func(s *scene) {
			f := s.of("ganesha-delete", true)
			s.change(Ganesha, func(l *Listing) { l.Canaries[f.directory()+"/"+f.Canary.File()] = f.Canary.Content })
		}, "data that must be gone", "pvc-chaos-ganesha-delete-dead"},
		"archived twice": {func(s *scene) {
			f := s.of("kernel-archive", true)
			s.change(Kernel, func(l *Listing) {
				l.Directories = append(l.Directories, f.kept()+"-2")
			})
		}, "no claim asked for", "-2"},
		"record without volume": {func(s *scene) {
			f := s.of("kernel-unique", true)
			s.change(Kernel, func(l *Listing) { l.Records[f.directory()] = Owner{Volume: f.volume(), State: "active"} })
		}, "active record without volume", "kernel-unique"},
		"live volume that is recorded as released": {func(s *scene) {
			f := s.of("kernel-retain", false)
			s.change(Kernel, func(l *Listing) { l.Records[f.directory()] = Owner{Volume: f.volume(), State: "released"} })
		}, "is released", "kernel-retain-live"},
		"directory without record": {func(s *scene) {
			f := s.of("kernel-delete", false)
			s.change(Kernel, func(l *Listing) { delete(l.Records, f.directory()) })
		}, "directory without record", "kernel-delete"},
		"list of sharers that stays": {func(s *scene) {
			s.change(Kernel, func(l *Listing) { l.Sharers = append(l.Sharers, "old") })
		}, "without record", "sharers/old"},
		"trash that stays": {func(s *scene) {
			f := s.of("kernel-delete", true)
			s.change(Kernel, func(l *Listing) { l.Trash = append(l.Trash, f.volume()) })
		}, "nobody empties", "kernel-delete-dead"},
		"neighbour's tree": {func(s *scene) {
			s.change(Kernel, func(l *Listing) { l.Outside = "is empty" })
		}, "neighbour's tree is empty", "kernel:"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			c.breach(s)
			found := Compare(s.fates, s.world)
			if len(found) != 1 {
				t.Fatalf("there are %d violations: %v", len(found), found)
			}
			if text := found[0].String(); !strings.Contains(text, c.want) || !strings.Contains(text, c.where) {
				t.Errorf("the violation is %q; it lacks %q or %q", text, c.want, c.where)
			}
		})
	}
}

func TestADirectoryThatIsGoneIsMissedWithAllThatWasInIt(t *testing.T) {
	for name, deleted := range map[string]bool{"live": false, "archive": true} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			f := s.of("kernel-archive", deleted)
			place := f.directory()
			if deleted {
				place = f.kept()
			}
			s.change(Kernel, func(l *Listing) {
				l.Directories = slices.DeleteFunc(l.Directories, func(d string) bool { return d == place })
				delete(l.Canaries, place+"/"+f.Canary.File())
			})
			if found := Compare(s.fates, s.world); len(found) != 3 { // directory, canary, and a record without directory
				t.Errorf("there are %d violations: %v", len(found), found)
			}
		})
	}
}
