package share

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackgroundWorkTakesOneStepAtATimeWhileSomebodyWaits(t *testing.T) {
	for name, c := range map[string]struct {
		busy bool
		want int
	}{"somebody waits": {true, 1}, "nobody waits": {false, crewSize}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at, most atomic.Int64
				p := newPace(make(chan struct{}, 2*crewSize), func() bool { return c.busy })
				var group sync.WaitGroup
				for range crewSize {
					group.Go(func() {
						err := p.run(t.Context(), func(error) error {
							most.Store(max(most.Load(), at.Add(1)))
							time.Sleep(time.Second) // of the bubble's clock
							at.Add(-1)
							return nil
						})
						if err != nil {
							t.Error(err)
						}
					})
				}
				group.Wait()
				if got := int(most.Load()); got != c.want {
					t.Errorf("%d steps ran at once, want %d", got, c.want)
				}
			})
		})
	}
}

func TestLongWorkRestsAsLongAsItWorksWhileSomebodyWaits(t *testing.T) {
	const long = time.Hour // ago
	for name, c := range map[string]struct {
		busy  bool
		since time.Duration // that it is long work
		step  time.Duration
		want  time.Duration // of 100 steps
	}{
		"somebody waits":                 {true, long, 100 * time.Millisecond, 20 * time.Second},
		"nobody waits":                   {false, long, 100 * time.Millisecond, 10 * time.Second},
		"it has just begun":              {true, -long, 100 * time.Millisecond, 10 * time.Second},
		"steps are shorter than a timer": {true, long, 100 * time.Microsecond, 20 * time.Millisecond},
		"steps wait for a server":        {true, long, time.Minute, 100 * (time.Minute + restAtMost)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPace(make(chan struct{}, 1), func() bool { return c.busy })
				p.long = time.Now().Add(-c.since)
				began := time.Now()
				for range 100 {
					err := p.run(t.Context(), func(ended error) error {
						time.Sleep(c.step) // of the bubble's clock
						return ended
					})
					must(t, err)
				}
				if took := time.Since(began); took != c.want {
					t.Errorf("it took %v, want %v", took, c.want)
				}
			})
		})
	}
}

func TestOnlyRemovalsRest(t *testing.T) {
	s := newShare(t, t.TempDir())
	if p := s.pace(); !p.long.IsZero() {
		t.Error("a copy, which a claim waits for, rests")
	}
	if p := s.restingPace(); p.long.IsZero() {
		t.Error("a removal never rests")
	}
}

func TestAShareIsBusyUntilNobodyHasComeForAWhile(t *testing.T) {
	mount := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, mount)
		expect := func(when string, want bool) {
			if s.busy() != want {
				t.Errorf("%s: busy is %v", when, !want)
			}
		}
		expect("new", false)
		mustMake(t, s, record(t, "pv-1", "db", "db"), open777)
		expect("right after a claim", true)
		time.Sleep(lull) // of the bubble's clock
		expect("a while after a claim", false)
		if _, err := s.Measure(t.Context(), directory(t, "db"), func(int) {}); err != nil {
			t.Fatal(err)
		}
		expect("after work of the background", false)
	})
}

func TestOneGoroutineWalksATreeSlowly(t *testing.T) {
	names := make([]string, 10*chunk)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	for _, slowly := range []bool{true, false} {
		t.Run(strconv.FormatBool(slowly), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var at, most int
				var seen []string
				newCrew(func() bool { return slowly }).each(names, func(name string) {
					mu.Lock()
					at++
					most = max(most, at)
					seen = append(seen, name)
					mu.Unlock()
					time.Sleep(time.Second) // of the bubble's clock
					mu.Lock()
					at--
					mu.Unlock()
				})
				want := crewSize
				if slowly {
					want = 1
				}
				if most != want {
					t.Errorf("%d at once, want %d", most, want)
				}
				slices.Sort(seen)
				if all := slices.Sorted(slices.Values(names)); !slices.Equal(seen, all) {
					t.Errorf("%d of %d names were worked on", len(slices.Compact(seen)), len(all))
				}
			})
		})
	}
}
