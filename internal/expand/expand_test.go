package expand

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/diff"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// storage is a list of one size.
func storage(size string) v1.ResourceList {
	return v1.ResourceList{v1.ResourceStorage: resource.MustParse(size)}
}

// expectStatus compares the status of a claim, but for the times and texts of
// its conditions, with what it should be.
func (w *world) expectStatus(name string, want v1.PersistentVolumeClaimStatus) {
	w.Helper()
	want.Phase = v1.ClaimBound
	got := w.claim(name).Status
	for i, c := range got.Conditions {
		if c.LastTransitionTime.IsZero() {
			w.Errorf("condition %s has no time", c.Type)
		}
		got.Conditions[i] = v1.PersistentVolumeClaimCondition{Type: c.Type, Status: c.Status}
	}
	if len(got.AllocatedResourceStatuses) == 0 {
		got.AllocatedResourceStatuses = nil
	}
	if !apiequality.Semantic.DeepEqual(got, want) {
		w.Errorf("the status of claim %s is not what it should be:\n%s", name, diff.Diff(want, got))
	}
}

// expectExpanded is what a claim is whose expansion has ended.
func (w *world) expectExpanded(name, size string) {
	w.Helper()
	w.expectStatus(name, v1.PersistentVolumeClaimStatus{Capacity: storage(size), AllocatedResources: storage(size)})
	if got := w.volume(name).Spec.Capacity; !apiequality.Semantic.DeepEqual(got, storage(size)) {
		w.Errorf("volume %s has %v, want %s", name, got, size)
	}
}

func (w *world) expectRecord(name, size string) {
	w.Helper()
	d, err := share.ParseDirectory(name)
	if err != nil {
		w.Fatal(err)
	}
	found, err := w.on.Find(w.Context(), d)
	if err != nil || found.Record.Capacity != size {
		w.Errorf("the record of %s says %q, %v; want %q", name, found.Record.Capacity, err, size)
	}
}

func expectLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		ok = strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

const (
	begunEvent    = "Normal Resizing External resizer is resizing volume pv-"
	finishedEvent = "Normal VolumeResizeSuccessful Resize volume succeeded"
	failedEvent   = "Warning VolumeResizeFailed "
)

func TestAClaimThatIsEditedGetsWhatItAsksForAtOnce(t *testing.T) {
	play(t, func(w *world) {
		w.bound("data", "1Gi")
		w.made("data", "1Gi")
		p := w.start()
		defer p.stop()
		began := time.Now()
		w.edit("data", "10Gi")
		synctest.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("it waited for %v", took)
		}
		w.expectExpanded("data", "10Gi")
		w.expectRecord("data", "10Gi")
		expectLines(t, "patches", w.patched(), "claim data", "volume pv-data", "claim data")
		expectLines(t, "events", p.told(), begunEvent+"data", finishedEvent)
		if got := w.volume("data").Spec.Capacity[v1.ResourceStorage]; got.Format != resource.BinarySI {
			t.Errorf("10Gi has become %v", got)
		}
	})
}

func TestAClaimIsToldThatItsExpansionIsUnderWay(t *testing.T) {
	play(t, func(w *world) {
		w.bound("data", "1Gi")
		w.failing(func(request string) error {
			if request == "volume pv-data" {
				w.expectStatus("data", v1.PersistentVolumeClaimStatus{
					Capacity: storage("1Gi"), AllocatedResources: storage("10Gi"),
					AllocatedResourceStatuses: map[v1.ResourceName]v1.ClaimResourceStatus{v1.ResourceStorage: v1.PersistentVolumeClaimControllerResizeInProgress},
					Conditions:                []v1.PersistentVolumeClaimCondition{{Type: v1.PersistentVolumeClaimResizing, Status: v1.ConditionTrue}},
				})
			}
			return nil
		})
		p := w.start()
		defer p.stop()
		w.edit("data", "10Gi")
		synctest.Wait()
		w.expectExpanded("data", "10Gi")
	})
}

func TestWhatIsNotOursOrAsksForNothingIsLeftAlone(t *testing.T) {
	larger := func(c *v1.PersistentVolumeClaim) { c.Spec.Resources.Requests = storage("10Gi") }
	for name, change := range map[string]func(*v1.PersistentVolumeClaim, *v1.PersistentVolume){
		"it has what it asks for":      func(*v1.PersistentVolumeClaim, *v1.PersistentVolume) {},
		"it has more than it asks for": func(c *v1.PersistentVolumeClaim, _ *v1.PersistentVolume) { c.Spec.Resources.Requests = storage("1Mi") },
		"it waits for its volume":      func(c *v1.PersistentVolumeClaim, _ *v1.PersistentVolume) { larger(c); c.Spec.VolumeName = "" },
		"it is not bound yet":          func(c *v1.PersistentVolumeClaim, _ *v1.PersistentVolume) { larger(c); c.Status.Phase = v1.ClaimPending },
		"it has lost its volume":       func(c *v1.PersistentVolumeClaim, _ *v1.PersistentVolume) { larger(c); c.Status.Phase = v1.ClaimLost },
		"its volume is another claim's": func(c *v1.PersistentVolumeClaim, v *v1.PersistentVolume) {
			larger(c)
			v.Spec.ClaimRef.UID = "uid-before"
		},
		"its volume is nobody's": func(c *v1.PersistentVolumeClaim, v *v1.PersistentVolume) { larger(c); v.Spec.ClaimRef = nil },
		"its volume is somebody else's": func(c *v1.PersistentVolumeClaim, v *v1.PersistentVolume) {
			larger(c)
			v.Annotations = map[string]string{"foreign": ""}
		},
		"its volume is not to be seen": func(c *v1.PersistentVolumeClaim, v *v1.PersistentVolume) { larger(c); v.Name = "pv-other" },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.bound("data", "1Gi", change)
				p := w.start(func(c *Config) {
					find := c.Volume
					c.Volume = func(name string) (*v1.PersistentVolume, bool) {
						volume, ok := find(name)
						if ok && volume.Annotations != nil {
							return nil, true
						}
						return volume, ok
					}
				})
				time.Sleep(time.Hour)
				p.stop()
				expectLines(t, "patches", w.patched())
				expectLines(t, "events", p.told())
			})
		})
	}
}

func TestOtherConditionsOfAClaimStay(t *testing.T) {
	play(t, func(w *world) {
		w.bound("data", "1Gi", func(c *v1.PersistentVolumeClaim, _ *v1.PersistentVolume) {
			c.Status.Conditions = []v1.PersistentVolumeClaimCondition{
				{Type: "example.org/Checked", Status: v1.ConditionTrue, LastTransitionTime: c.CreationTimestamp},
				{Type: v1.PersistentVolumeClaimNodeResizeError, Status: v1.ConditionTrue},
			}
			c.Status.AllocatedResourceStatuses = map[v1.ResourceName]v1.ClaimResourceStatus{"example.org/iops": v1.PersistentVolumeClaimNodeResizePending}
		})
		p := w.start()
		defer p.stop()
		w.edit("data", "10Gi")
		synctest.Wait()
		now := w.claim("data").Status
		if len(now.Conditions) != 1 || now.Conditions[0].Type != "example.org/Checked" || len(now.AllocatedResourceStatuses) != 1 {
			t.Errorf("%+v", now)
		}
	})
}

// A process that dies between any two of its steps is followed by one that
// finishes what it began, whatever the claim was edited to meanwhile.
func TestAnExpansionThatACrashCutIsFinished(t *testing.T) {
	died := errors.New("died")
	for steps := range 3 {
		for name, c := range map[string]struct{ edit, want string }{
			"as it is":                {"", "10Gi"},
			"the claim asks for more": {"20Gi", "20Gi"},
			"the claim asks for less": {"5Gi", map[int]string{0: "5Gi", 1: "5Gi", 2: "10Gi"}[steps]},
		} {
			t.Run(fmt.Sprintf("after %d steps, %s", steps, name), func(t *testing.T) {
				play(t, func(w *world) {
					w.bound("data", "1Gi")
					w.made("data", "1Gi")
					done := 0
					w.failing(func(string) error {
						if done++; done > steps {
							return died
						}
						return nil
					})
					first := w.start()
					w.edit("data", "10Gi")
					synctest.Wait()
					first.stop()
					w.failing(nil)
					if c.edit != "" {
						w.edit("data", c.edit)
					}
					second := w.start()
					defer second.stop()
					w.expectExpanded("data", c.want)
					w.expectRecord("data", c.want)
				})
			})
		}
	}
}

func TestTwoProcessesThatBothLeadExpandOnce(t *testing.T) {
	play(t, func(w *world) {
		const claims = 40
		for i := range claims {
			w.bound(fmt.Sprint("data-", i), "1Gi")
			w.made(fmt.Sprint("data-", i), "1Gi")
		}
		one, two := w.start(), w.start()
		defer one.stop()
		defer two.stop()
		for i := range claims {
			w.edit(fmt.Sprint("data-", i), "10Gi")
		}
		for i := range claims / 2 {
			w.edit(fmt.Sprint("data-", i), "20Gi") // in the middle of it
		}
		time.Sleep(time.Minute)
		for i := range claims {
			size := "10Gi"
			if i < claims/2 {
				size = "20Gi"
			}
			w.expectExpanded(fmt.Sprint("data-", i), size)
			w.expectRecord(fmt.Sprint("data-", i), size)
		}
		for _, e := range append(one.told(), two.told()...) {
			if strings.HasPrefix(e, failedEvent) {
				t.Errorf("that two lead was told to a claim: %s", e)
			}
		}
	})
}

func TestASizeThatCannotBeIsRefusedAndTheClaimMayGoBack(t *testing.T) {
	for name, c := range map[string]struct{ ratio, size, says string }{
		"over the ratio":      {"0.000001", "2Gi", "overcommitRatio 0.000001"},
		"larger than a share": {"", "7Ei", "larger than all of share"},
		"2^63":                {"", "8Ei", "2^63"},
		"beyond 2^63":         {"999999", "1e30", "2^63"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.ratio = c.ratio
				w.bound("data", "1Ki")
				w.made("data", "1Ki")
				p := w.start()
				defer p.stop()
				w.edit("data", c.size)
				time.Sleep(time.Hour)
				w.expectBlamed("data", "1Ki", c.size, v1.PersistentVolumeClaimControllerResizeInfeasible)
				if got := w.volume("data").Spec.Capacity; !apiequality.Semantic.DeepEqual(got, storage("1Ki")) {
					t.Errorf("the volume has %v", got)
				}
				w.expectRecord("data", "1Ki")
				expectLines(t, "patches in an hour", w.patched(), "claim data")
				told := p.told()
				expectLines(t, "events", told, failedEvent)
				condition := w.blame("data")
				if !strings.Contains(told[0], c.says) || !strings.HasSuffix(told[0], condition) {
					t.Errorf("told %q and %q, want %q", told[0], condition, c.says)
				}

				w.edit("data", "2Ki")
				synctest.Wait()
				w.expectExpanded("data", "2Ki")
				w.expectRecord("data", "2Ki")
				expectLines(t, "events", p.told(), begunEvent+"data", finishedEvent)
			})
		})
	}
}

func TestARefusedSizeIsGivenWhenThereIsRoomAfterAll(t *testing.T) {
	play(t, func(w *world) {
		w.ratio = "1"
		size := w.on.Health().Space.Size
		w.bound("large", fmt.Sprint(size-1<<20))
		w.bound("data", "1Ki")
		p := w.start()
		defer p.stop()
		w.edit("data", "2Mi")
		time.Sleep(time.Hour)
		if refused := w.claim("data").Status.AllocatedResourceStatuses; len(refused) != 1 {
			t.Fatalf("%v", refused)
		}
		w.ledger.Drop("pv-large")
		time.Sleep(2 * lookAgain)
		w.expectExpanded("data", "2Mi")
	})
}

var (
	errGone      = apierrors.NewNotFound(storagev1.Resource("storageclasses"), "gold")
	errMalformed = errors.New("class parameter overcommitRatio is not allowed")
)

func TestWhatAClassHasRefusedIsNotGrantedBecauseTheClassGoes(t *testing.T) {
	for name, then := range map[string][]error{"deleted": {errGone}, "malformed, and then deleted": {errMalformed, errGone}} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.bound("data", "1Ki")
				var wrong atomic.Pointer[error]
				p := w.start(func(c *Config) {
					c.Ratio = func(string) (*capacity.Ratio, error) {
						if err := wrong.Load(); err != nil {
							return nil, *err
						}
						return capacity.ParseRatio("0.000001")
					}
				})
				defer p.stop()
				w.edit("data", "2Gi")
				time.Sleep(time.Minute)
				for _, err := range then {
					wrong.Store(&err)
					time.Sleep(time.Hour)
				}
				if got := w.volume("data").Spec.Capacity; !apiequality.Semantic.DeepEqual(got, storage("1Ki")) {
					t.Errorf("the volume has %v", got)
				}
				w.expectBlamed("data", "1Ki", "2Gi", v1.PersistentVolumeClaimControllerResizeInfeasible)
				if _, bytes := w.ledger.Promised("first"); bytes != 1<<10 {
					t.Errorf("%v bytes are promised", bytes)
				}
				w.edit("data", "2Ki")
				synctest.Wait()
				w.expectExpanded("data", "2Ki")
			})
		})
	}
}

func TestAClassThatIsGoneBoundsNothingThatItHasNotRefused(t *testing.T) {
	play(t, func(w *world) {
		w.bound("data", "1Ki")
		p := w.start(func(c *Config) { c.Ratio = func(string) (*capacity.Ratio, error) { return nil, errGone } })
		defer p.stop()
		w.edit("data", "2Ki")
		synctest.Wait()
		w.expectExpanded("data", "2Ki")
	})
}

func TestTheReasonOfARefusalFollowsTheNumbersAndIsAnEventOnceForASize(t *testing.T) {
	play(t, func(w *world) {
		w.ratio = "1"
		w.bound("large", fmt.Sprint(w.on.Health().Space.Size))
		w.bound("data", "1Ki")
		p := w.start()
		defer p.stop()
		w.edit("data", "2Gi")
		time.Sleep(time.Minute / 2)
		expectLines(t, "patches", w.patched(), "claim data")
		expectLines(t, "events", p.told(), failedEvent)
		before := w.blame("data")
		w.ledger.Show("pv-made-meanwhile", "first", resource.MustParse("100Gi"))
		time.Sleep(time.Hour)
		if after := w.blame("data"); after == before {
			t.Errorf("the reason is still %q", after)
		}
		expectLines(t, "patches", w.patched(), "claim data")
		expectLines(t, "events", p.told())
		w.expectBlamed("data", "1Ki", "2Gi", v1.PersistentVolumeClaimControllerResizeInfeasible)

		w.edit("data", "3Gi")
		time.Sleep(time.Hour)
		expectLines(t, "patches for another size", w.patched(), "claim data")
		expectLines(t, "events for another size", p.told(), failedEvent)
	})
}

// expectBlamed is what a claim is whose expansion does not go on, for a reason
// that its conditions say.
func (w *world) expectBlamed(name, has, asked string, status v1.ClaimResourceStatus) {
	w.Helper()
	w.expectStatus(name, v1.PersistentVolumeClaimStatus{
		Capacity: storage(has), AllocatedResources: storage(asked),
		AllocatedResourceStatuses: map[v1.ResourceName]v1.ClaimResourceStatus{v1.ResourceStorage: status},
		Conditions: []v1.PersistentVolumeClaimCondition{
			{Type: v1.PersistentVolumeClaimResizing, Status: v1.ConditionTrue},
			{Type: v1.PersistentVolumeClaimControllerResizeError, Status: v1.ConditionTrue},
		},
	})
}

// blame is the reason that the conditions of a claim say.
func (w *world) blame(name string) string {
	w.Helper()
	for _, c := range w.claim(name).Status.Conditions {
		if c.Type == v1.PersistentVolumeClaimControllerResizeError {
			return c.Message
		}
	}
	w.Errorf("the conditions of claim %s say no reason", name)
	return ""
}

func TestARefusalWhoseNumbersChangeAllTheTimeIsToldOnlyNowAndThen(t *testing.T) {
	play(t, func(w *world) {
		const most = 1000 // so that it ends
		looks := 0
		w.bound("data", "1Ki")
		p := w.start(func(c *Config) {
			c.Ratio = func(string) (*capacity.Ratio, error) {
				if looks++; looks < most {
					w.ledger.Show("pv-other", "first", *resource.NewQuantity(int64(looks)<<40, resource.BinarySI))
				}
				return capacity.ParseRatio("0.000001")
			}
		})
		defer p.stop()
		w.edit("data", "2Gi")
		time.Sleep(time.Hour)
		if n := len(w.patched()); n < 2 || n > 1+int(time.Hour/lookAgain) {
			t.Errorf("%d patches in an hour", n)
		}
	})
}

func TestWhatDoesNotPassByItselfIsInTheConditionsUntilItIsMended(t *testing.T) {
	// spoil makes something wrong before the claim grows, and returns what mends it.
	for name, c := range map[string]struct {
		says  string
		spoil func(*world, *Config) (mend func())
	}{
		"its volume is nowhere": {"on none of the shares", func(_ *world, c *Config) func() {
			var mended atomic.Bool
			locate := c.Locate
			c.Locate = func(v *v1.PersistentVolume) (*share.Share, share.Volume, error) {
				if !mended.Load() {
					return nil, share.Volume{}, errors.New("on none of the shares")
				}
				return locate(v)
			}
			return func() { mended.Store(true) }
		}},
		"its class is malformed": {"overcommitRatio", func(_ *world, c *Config) func() {
			var mended atomic.Bool
			c.Ratio = func(string) (*capacity.Ratio, error) {
				if !mended.Load() {
					return nil, errMalformed
				}
				return nil, nil
			}
			return func() { mended.Store(true) }
		}},
		"its record is damaged": {"the record is damaged", func(w *world, _ *Config) func() {
			w.made("data", "1Gi")
			whole, err := os.ReadFile(w.record("data"))
			if err := errors.Join(err, os.WriteFile(w.record("data"), []byte("?"), 0o600)); err != nil {
				w.Fatal(err)
			}
			return func() {
				if err := os.WriteFile(w.record("data"), whole, 0o600); err != nil {
					w.Error(err)
				}
			}
		}},
		"its directory is another's": {"belongs to volume pv-before", func(w *world, _ *Config) func() {
			d, err := share.ParseDirectory("data")
			if err == nil {
				_, err = w.on.Make(w.Context(), share.Record{Cluster: "cluster-1", Volume: "pv-before", Directory: d}, share.MakeOptions{Mode: 0o777})
			}
			if err != nil {
				w.Fatal(err)
			}
			return func() {
				if err := os.Remove(w.record("data")); err != nil {
					w.Error(err)
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.bound("data", "1Gi")
				var mend func()
				p := w.start(func(config *Config) { mend = c.spoil(w, config) })
				defer p.stop()
				w.edit("data", "10Gi")
				time.Sleep(time.Minute)
				w.expectBlamed("data", "1Gi", "10Gi", v1.PersistentVolumeClaimControllerResizeInProgress)
				if got := w.blame("data"); !strings.Contains(got, c.says) {
					t.Errorf("the condition says %q", got)
				}
				if told := p.told(); !slices.ContainsFunc(told, func(e string) bool { return strings.HasPrefix(e, failedEvent) && strings.Contains(e, c.says) }) {
					t.Errorf("told are %q", told)
				}
				w.patched()
				time.Sleep(time.Hour)
				expectLines(t, "patches in the next hour", w.patched())
				mend()
				time.Sleep(time.Minute)
				w.expectExpanded("data", "10Gi")
			})
		})
	}
}

func TestWhatMayPassByItselfIsNotInTheConditions(t *testing.T) {
	play(t, func(w *world) {
		w.bound("data", "1Gi")
		w.failing(func(request string) error {
			if request == "volume pv-data" {
				return errors.New("the API server is ill")
			}
			return nil
		})
		p := w.start()
		defer p.stop()
		w.edit("data", "10Gi")
		time.Sleep(time.Hour)
		w.expectStatus("data", v1.PersistentVolumeClaimStatus{
			Capacity: storage("1Gi"), AllocatedResources: storage("10Gi"),
			AllocatedResourceStatuses: map[v1.ResourceName]v1.ClaimResourceStatus{v1.ResourceStorage: v1.PersistentVolumeClaimControllerResizeInProgress},
			Conditions:                []v1.PersistentVolumeClaimCondition{{Type: v1.PersistentVolumeClaimResizing, Status: v1.ConditionTrue}},
		})
	})
}

func TestAClaimThatGoesBackToLessThanItsVolumeHasTakesNoMoreRoom(t *testing.T) {
	play(t, func(w *world) {
		// As if a process had ended right after the volume had got its size.
		w.bound("data", "1Gi", func(_ *v1.PersistentVolumeClaim, v *v1.PersistentVolume) { v.Spec.Capacity = storage("10Gi") })
		w.failing(func(string) error { return errors.New("the API server is ill") })
		p := w.start()
		defer p.stop()
		w.edit("data", "20Gi")
		time.Sleep(time.Minute)
		if _, bytes := w.ledger.Promised("first"); bytes != 20<<30 {
			t.Fatalf("%v bytes are promised", bytes)
		}
		w.failing(nil)
		w.edit("data", "5Gi")
		time.Sleep(time.Minute)
		w.expectExpanded("data", "10Gi")
		if _, bytes := w.ledger.Promised("first"); bytes != 10<<30 {
			t.Errorf("%v bytes are promised", bytes)
		}
	})
}

func TestAClaimThatGoesWhileItIsLookedAtTakesNoRoom(t *testing.T) {
	play(t, func(w *world) {
		w.bound("data", "1Gi")
		p := w.start(func(c *Config) {
			c.Ratio = func(string) (*capacity.Ratio, error) {
				if err := w.client.Tracker().Delete(claimsOf, "default", "data"); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second) // until the cache has been told
				return nil, nil
			}
		})
		defer p.stop()
		w.edit("data", "10Gi")
		time.Sleep(time.Minute)
		if _, bytes := w.ledger.Promised("first"); bytes != 1<<30 {
			t.Errorf("%v bytes are promised", bytes)
		}
	})
}

func TestOfTwoClaimsThatGrowAtOnceOneGetsTheLastRoom(t *testing.T) {
	play(t, func(w *world) {
		w.ratio = "1"
		size := w.on.Health().Space.Size
		w.bound("large", fmt.Sprint(size-3<<20))
		w.bound("one", "1Mi")
		w.bound("two", "1Mi")
		w.edit("one", "2Mi")
		w.edit("two", "2Mi")
		p := w.start()
		defer p.stop()
		time.Sleep(time.Hour)
		grown := 0
		for _, name := range []string{"one", "two"} {
			if got := w.volume(name).Spec.Capacity; apiequality.Semantic.DeepEqual(got, storage("2Mi")) {
				grown++
			}
		}
		if grown != 1 || w.count(Refused) == 0 {
			t.Errorf("%d have grown, %d were refused", grown, w.count(Refused))
		}
	})
}

func TestAGrowthOverWhatIsFreeIsWarnedOf(t *testing.T) {
	play(t, func(w *world) {
		space := w.on.Health().Space
		if space.Free == space.Size {
			t.Skip("nothing is used here")
		}
		w.bound("data", "1Ki")
		p := w.start()
		defer p.stop()
		w.edit("data", fmt.Sprint(space.Size))
		synctest.Wait()
		w.expectExpanded("data", fmt.Sprint(space.Size))
		expectLines(t, "events", p.told(), "Warning "+ReasonMoreThanFree, begunEvent+"data", finishedEvent)
	})
}

func TestAFailureIsToldAndTriedAgain(t *testing.T) {
	for _, at := range []string{"claim data", "volume pv-data"} {
		t.Run(at, func(t *testing.T) {
			play(t, func(w *world) {
				w.bound("data", "1Gi")
				w.failing(func(request string) error {
					if request == at {
						return errors.New("the API server is ill")
					}
					return nil
				})
				p := w.start()
				defer p.stop()
				w.edit("data", "10Gi")
				time.Sleep(time.Minute)
				w.failing(nil)
				time.Sleep(time.Minute)
				w.expectExpanded("data", "10Gi")
				told := p.told()
				if !slices.ContainsFunc(told, func(e string) bool { return strings.HasPrefix(e, failedEvent) && strings.Contains(e, "is ill") }) {
					t.Errorf("%q", told)
				}
				if w.count(Failed) < 2 || w.count(Failed) > 20 || w.count(Succeeded) != 1 {
					t.Errorf("%d failed, %d succeeded", w.count(Failed), w.count(Succeeded))
				}
			})
		})
	}
}

func TestADirectoryOfAnotherVolumeIsNotPromisedMore(t *testing.T) {
	play(t, func(w *world) {
		w.made("data", "1Gi")
		w.bound("mine", "1Gi", func(_ *v1.PersistentVolumeClaim, v *v1.PersistentVolume) { v.Spec.NFS.Path = "/export/data" })
		p := w.start()
		defer p.stop()
		w.edit("mine", "10Gi")
		time.Sleep(time.Minute)
		w.expectRecord("data", "1Gi")
		if now := w.claim("mine").Status.Capacity; !apiequality.Semantic.DeepEqual(now, storage("1Gi")) {
			t.Errorf("the claim has %v", now)
		}
		if now := w.volume("mine").Spec.Capacity; !apiequality.Semantic.DeepEqual(now, storage("1Gi")) {
			t.Errorf("the volume has %v", now)
		}
		if told := p.told(); !slices.ContainsFunc(told, func(e string) bool { return strings.Contains(e, "belongs to volume pv-data") }) {
			t.Errorf("%q", told)
		}
	})
}

func TestAProcessThatDoesNotLeadForCertainPromisesNothing(t *testing.T) {
	play(t, func(w *world) {
		w.bound("data", "1Gi")
		var leads atomic.Bool
		p := w.start(func(c *Config) {
			c.Fence = func() error {
				if !leads.Load() {
					return errors.New("this process does not hold the lease")
				}
				return nil
			}
		})
		defer p.stop()
		w.edit("data", "10Gi")
		time.Sleep(time.Minute)
		expectLines(t, "patches", w.patched(), "claim data")
		if now := w.volume("data").Spec.Capacity; !apiequality.Semantic.DeepEqual(now, storage("1Gi")) {
			t.Errorf("the volume has %v", now)
		}
		expectLines(t, "events", p.told(), begunEvent+"data")
		leads.Store(true)
		time.Sleep(time.Minute)
		w.expectExpanded("data", "10Gi")
	})
}

func TestNothingIsBegunWhileTheProcessStops(t *testing.T) {
	play(t, func(w *world) {
		w.bound("data", "1Gi")
		p := w.start(func(c *Config) { c.Open = func() bool { return false } })
		w.edit("data", "10Gi")
		time.Sleep(time.Hour)
		p.stop()
		expectLines(t, "patches", w.patched())
		expectLines(t, "events", p.told())
	})
}
