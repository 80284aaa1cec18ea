package share

import (
	"context"
	"fmt"
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
				var mu sync.Mutex
				var at, most int
				count := func(by int) {
					mu.Lock()
					defer mu.Unlock()
					at += by
					most = max(most, at)
				}
				p := newPace(make(chan struct{}, 2*crewSize), func() bool { return c.busy })
				var group sync.WaitGroup
				for range crewSize {
					group.Go(func() {
						err := p.run(t.Context(), func(error) error {
							count(1)
							time.Sleep(time.Second) // of the bubble's clock
							count(-1)
							return nil
						})
						if err != nil {
							t.Error(err)
						}
					})
				}
				group.Wait()
				if most != c.want {
					t.Errorf("%d steps ran at once, want %d", most, c.want)
				}
			})
		})
	}
}

func TestLongWorkRestsThreeTimesAsLongAsItWorksWhileSomebodyWaits(t *testing.T) {
	const long = time.Hour // ago
	for name, c := range map[string]struct {
		busy  bool
		since time.Duration // that it is long work
		step  time.Duration
		want  time.Duration // of 100 steps
	}{
		"somebody waits":                 {true, long, 100 * time.Millisecond, 40 * time.Second},
		"nobody waits":                   {false, long, 100 * time.Millisecond, 10 * time.Second},
		"it has just begun":              {true, -long, 100 * time.Millisecond, 10 * time.Second},
		"steps are shorter than a timer": {true, long, 100 * time.Microsecond, 10*time.Millisecond + 14*2100*time.Microsecond},
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

func TestARestEndsWithTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := newPace(make(chan struct{}, 1), func() bool { return true })
		began := time.Now()
		p.long = began.Add(-time.Hour)
		time.AfterFunc(1500*time.Millisecond, cancel)
		must(t, p.run(ctx, func(ended error) error {
			time.Sleep(time.Second) // of the bubble's clock
			return ended
		}))
		if took := time.Since(began); took != 1500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		expectError(t, p.run(ctx, func(ended error) error { return ended }), context.Canceled)
	})
}

func TestWhoRestsKeepsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(make(chan struct{}, 1), func() bool { return true })
		p.long = time.Now().Add(-time.Hour)
		var group sync.WaitGroup
		group.Go(func() {
			if err := p.run(t.Context(), func(error) error { time.Sleep(time.Second); return nil }); err != nil { // of the bubble's clock
				t.Error(err)
			}
		})
		time.Sleep(1500 * time.Millisecond) // of the bubble's clock
		select {
		case p.steps <- struct{}{}:
		default:
			t.Error("it holds a place that others could use")
		}
		group.Wait()
	})
}

// Each change asks the fence, which takes its time here.
func TestWhileOthersWaitARemovalRestsAndACopyDoesNot(t *testing.T) {
	const step = 100 * time.Millisecond
	for name, c := range map[string]struct {
		begin func(t *testing.T, s *Share, source Record) (done chan struct{}, failed func() error)
		rests bool
	}{
		"removal": {func(t *testing.T, s *Share, source Record) (chan struct{}, func() error) {
			expectError(t, s.Remove(t.Context(), volume(source)), ErrRemoving)
			s.mu.Lock()
			defer s.mu.Unlock()
			r := s.removals[source.Volume]
			return r.done, func() error { return r.err }
		}, true},
		"copy": {func(t *testing.T, s *Share, source Record) (chan struct{}, func() error) {
			copied := record(t, "pv-2", "b", "b")
			_, err := s.Clone(t.Context(), copied, s, volume(source))
			expectError(t, err, ErrCloning)
			s.mu.Lock()
			defer s.mu.Unlock()
			c := s.clones[copied.Volume]
			return c.done, func() error { return c.err }
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			mount := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newShare(t, mount)
				s.patience = patience
				source := record(t, "pv-1", "a", "a")
				mustMake(t, s, source, open777)
				for i := range 2 * chunk {
					write(t, s, fmt.Sprintf("a/%d", i), "data")
				}
				var changes atomic.Int64
				s.options.Fence = func() error {
					changes.Add(1)
					time.Sleep(step) // of the bubble's clock
					return nil
				}
				s.mu.Lock()
				s.waiting = 2
				s.mu.Unlock()
				began := time.Now()
				done, failed := c.begin(t, s, source)
				<-done
				must(t, failed())
				took, worked := time.Since(began), time.Duration(changes.Load())*step
				switch {
				case changes.Load() < 2*chunk:
					t.Errorf("%d changes", changes.Load())
				case took < worked:
					t.Errorf("it took %v for steps of %v: more than one at a time", took, worked)
				case c.rests && took < worked*3/2:
					t.Errorf("it took %v for steps of %v: it hardly rests", took, worked)
				case !c.rests && took > worked*5/4:
					t.Errorf("it took %v for steps of %v: it rests", took, worked)
				}
			})
		})
	}
}

func TestAShareIsVisitedUntilNobodyHasComeForAWhile(t *testing.T) {
	mount := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newShare(t, mount)
		began := time.Now()
		expect := func(when string, want bool) {
			if s.visited(began) != want {
				t.Errorf("%s: visited is %v", when, !want)
			}
		}
		pass := func(d time.Duration) { time.Sleep(d) } // of the bubble's clock
		mustMake(t, s, record(t, "pv-1", "db", "db"), open777)
		expect("after who began it", false)
		pass(time.Minute)
		mustMake(t, s, record(t, "pv-2", "mail", "mail"), open777)
		expect("right after a claim", true)
		if s.taken() {
			t.Error("somebody waits")
		}
		pass(lull)
		expect("a while after a claim", false)
		_, err := s.Make(t.Context(), record(t, "pv-3", "other", "mail"), open777)
		expectError(t, err, ErrOwned)
		expect("after one that was refused", false)
		must(t, s.Check(t.Context()))
		expect("after a check", false)
		mustMake(t, s, record(t, "pv-1", "db", "db"), open777)
		expect("right after another claim", true)
	})
}

func TestAWalkHasHelpWhileItNeedNotGoSlowly(t *testing.T) {
	names := make([]string, 20*chunk)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	for name, c := range map[string]struct {
		slowly func(done int) bool
		want   int // goroutines
	}{
		"slowly":          {func(int) bool { return true }, 1},
		"at full speed":   {func(int) bool { return false }, crewSize},
		"slowly at first": {func(done int) bool { return done < chunk/2 }, crewSize},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var at, most int
				var seen []string
				count := func(by int, names ...string) {
					mu.Lock()
					defer mu.Unlock()
					at += by
					most = max(most, at)
					seen = append(seen, names...)
				}
				newCrew(func() bool { mu.Lock(); defer mu.Unlock(); return c.slowly(len(seen)) }).each(names, func(name string) {
					count(1, name)
					time.Sleep(time.Second) // of the bubble's clock
					count(-1)
				})
				if most != c.want {
					t.Errorf("%d at once, want %d", most, c.want)
				}
				slices.Sort(seen)
				if all := slices.Sorted(slices.Values(names)); !slices.Equal(seen, all) {
					t.Errorf("%d of %d names were worked on", len(slices.Compact(seen)), len(all))
				}
			})
		})
	}
}
