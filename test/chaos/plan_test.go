package chaos

import (
	"reflect"
	"testing"
	"time"
)

var long = Options{Seed: 7, Duration: 10 * time.Minute, Claims: 2000}

func TestASeedDrawsTheSamePlanAgain(t *testing.T) {
	if !reflect.DeepEqual(NewPlan(long), NewPlan(long)) {
		t.Error("two plans of one seed differ")
	}
	other := long
	other.Seed++
	if reflect.DeepEqual(NewPlan(long), NewPlan(other)) {
		t.Error("two seeds draw the same plan")
	}
}

func TestAPlanHoldsAllThatWasAskedFor(t *testing.T) {
	for _, o := range []Options{long, {Seed: 1, Duration: 90 * time.Second, Claims: 300}, {Seed: 2, Duration: time.Minute, Claims: 5}} {
		p := NewPlan(o)
		ids, endings := map[int]bool{}, map[Ending]int{}
		for slot, lives := range p.Slots {
			for i, l := range lives {
				ids[l.ID] = true
				endings[l.Ending]++
				if l.Claim() != lives[0].Claim() || l.Class != lives[0].Class {
					t.Errorf("%v: slot %d has claims %s and %s", o, slot, l.Claim(), lives[0].Claim())
				}
				if last := i == len(lives)-1; last != (l.Ending == Stays) {
					t.Errorf("%v: life %d of %d in slot %d %s", o, i, len(lives), slot, l.Ending)
				}
				if l.Start+l.Keep > o.Duration {
					t.Errorf("%v: life %d ends after the run, at %v", o, l.ID, l.Start+l.Keep)
				}
			}
		}
		if len(ids) != o.Claims {
			t.Errorf("%v: there are %d claims", o, len(ids))
		}
		if o == long {
			for _, e := range []Ending{Stays, Deleted, DeletedEarly, VolumeFirst, VolumeLast} {
				if endings[e] == 0 {
					t.Errorf("%v: no claim %s", o, e)
				}
			}
		}
	}
}

func TestDirectoriesOfDifferentClaimsDoNotOverlap(t *testing.T) {
	owners := map[string]Life{}
	for _, lives := range NewPlan(long).Slots {
		for _, l := range lives {
			d := l.Class.Share + ":" + l.Class.directory(l, "pvc")
			other, taken := owners[d]
			owners[d] = l
			if taken && other.Claim() != l.Claim() && !l.Class.Shared {
				t.Errorf("%s and %s both get %s", other.Claim(), l.Claim(), d)
			}
		}
	}
}

func TestFaultsOfALaneFollowOneAnotherAndEveryKindComes(t *testing.T) {
	came := map[Kind]int{}
	for i, lane := range NewPlan(long).Faults {
		var end time.Duration
		for _, f := range lane {
			if f.At < end {
				t.Errorf("lane %d: %s begins at %v, before the end of the last", i, f.Kind, f.At)
			}
			if end = f.At + f.Length; end > long.Duration {
				t.Errorf("lane %d: %s ends at %v", i, f.Kind, end)
			}
			if f.Kind == FreezeLeader && f.Length <= LeaseDuration {
				t.Errorf("lane %d: the leader is frozen for %v only, within its lease", i, f.Length)
			}
			came[f.Kind]++
		}
	}
	for _, lane := range lanes() {
		for _, s := range lane.kinds {
			if came[s.kind] < 2 {
				t.Errorf("%s comes %d times in %v", s.kind, came[s.kind], long.Duration)
			}
		}
	}
}
