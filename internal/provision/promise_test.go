package provision

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// large is a claim of a size.
func (w *world) large(name, size string) *v1.PersistentVolumeClaim {
	claim := w.claim(name)
	claim.Spec.Resources.Requests[v1.ResourceStorage] = resource.MustParse(size)
	return claim
}

// measured has asked the first share how large it is.
func measured(t *testing.T) (w *world, size uint64) {
	t.Helper()
	w = newWorld(t)
	if err := w.Shares[0].Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w, w.Shares[0].Health().Space.Size
}

func bytes(n uint64) string { return strconv.FormatUint(n, 10) }

func TestAClaimThatWouldPromiseTooMuchIsRefusedAndMakesNothing(t *testing.T) {
	w, size := measured(t)
	class := w.class("overcommitRatio", "1")
	w.provision(class, w.large("first", bytes(size/2)))
	w.refused(class, w.large("second", bytes(size-size/2+1)), "overcommitRatio 1", "first", "ask for less")
	w.provision(class, w.large("third", bytes(size-size/2)))
	w.refused(class, w.large("last", "1"), "overcommitRatio 1")
}

func TestASizeOf63BitsAndMoreIsRefused(t *testing.T) {
	w, _ := measured(t)
	for _, parameters := range [][]string{nil, {"overcommitRatio", "999999"}} {
		for _, size := range []string{"8Ei", strconv.Itoa(math.MaxInt64), "9223372036854775808", "1e30"} {
			w.refused(w.class(parameters...), w.large("huge", size), "2^63")
		}
	}
}

func TestAShareOfUnknownSizeKeepsAClaimWaitingOnlyIfThereIsARatio(t *testing.T) {
	w := newWorld(t)
	w.refused(w.class("overcommitRatio", "1"), w.claim("data"), "not known yet")
	w.provision(w.class(), w.large("data", "7Ei"))
	if len(w.warnings) > 0 {
		t.Errorf("warned of what nobody knows: %q", w.warnings)
	}
}

func TestAClaimThatIsLargerThanWhatIsFreeIsWarnedAndBinds(t *testing.T) {
	w, _ := measured(t)
	w.provision(w.class(), w.large("data", "7Ei"))
	if len(w.warnings) != 1 || !strings.HasPrefix(w.warnings[0], "data "+ReasonMoreThanFree) || !strings.Contains(w.warnings[0], "7Ei") {
		t.Errorf("%q", w.warnings)
	}
	w.provision(w.class(), w.large("small", "1"))
	if len(w.warnings) != 1 {
		t.Errorf("%q", w.warnings)
	}
}

func TestRoomThatAFailedAttemptTookIsFreeAgain(t *testing.T) {
	for name, end := range map[string]func(*world, *v1.PersistentVolumeClaim){
		"it failed": func(w *world, claim *v1.PersistentVolumeClaim) {
			w.write(0, "default-taken-pvc-uid-taken/file")
			w.refusedWith(claim, "exists already")
		},
		"its claim is gone": func(w *world, claim *v1.PersistentVolumeClaim) {
			if _, _, err := w.Provision(w.Context(), options(w.classes["gold"], claim)); err != nil {
				w.Fatal(err)
			}
			delete(w.claims, "default/taken")
			if _, _, err := w.Provision(w.Context(), options(w.classes["gold"], claim)); err == nil {
				w.Fatal("a claim that is gone got a volume")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, size := measured(t)
			class := w.class("overcommitRatio", "1")
			end(w, w.large("taken", bytes(size)))
			if err := os.RemoveAll(filepath.Join(w.mount(0), "default-taken-pvc-uid-taken")); err != nil {
				t.Fatal(err)
			}
			w.provision(class, w.large("data", bytes(size)))
		})
	}
}

func TestACloneKeepsItsRoomOnlyWhileItsCopyMayBeUnderWay(t *testing.T) {
	for name, c := range map[string]struct {
		outcome error
		keeps   bool
	}{
		"its source is not there":   {errors.New("claim default/a does not exist"), false},
		"its copy has failed":       {fmt.Errorf("share: %w", share.ErrUncopied), false},
		"its copy is made":          {fmt.Errorf("share: %w", share.ErrCloning), true},
		"the share does not answer": {fmt.Errorf("share: %w", share.ErrTimeout), true},
		"the share is busy":         {fmt.Errorf("share: %w", share.ErrBusy), true},
	} {
		t.Run(name, func(t *testing.T) {
			w, size := measured(t)
			class, clone := w.class("overcommitRatio", "1"), w.clone("b", "a")
			clone.Spec.Resources.Requests[v1.ResourceStorage] = resource.MustParse(bytes(size))
			outcome := c.outcome
			w.cloner = func(_ *share.Share, r share.Record) (share.Record, error) { return r, outcome }
			w.refused(class, clone, c.outcome.Error())
			if c.keeps {
				w.refused(class, w.claim("other"), "overcommitRatio 1")
				outcome = nil
				w.provision(class, clone)
				return
			}
			w.provision(class, w.claim("other"))
			w.refused(class, clone, "overcommitRatio 1")
		})
	}
}

func (w *world) refusedWith(claim *v1.PersistentVolumeClaim, words ...string) {
	w.Helper()
	volume, state, err := w.Provision(w.Context(), options(w.classes["gold"], claim))
	if volume != nil || state != lib.ProvisioningFinished {
		w.Fatalf("state %s", state)
	}
	expectWords(w.T, err, words...)
}

func TestTheRatioOfAClassIsReadWhateverElseIsWrongWithIt(t *testing.T) {
	w := newWorld(t)
	r, err := OvercommitRatio(w.class("overcommitRatio", "1.5", "mode", "wrong"))
	if err != nil || r.String() != "1.5" {
		t.Errorf("%v, %v", r, err)
	}
	if r, err := OvercommitRatio(w.class("mode", "wrong")); err != nil || r != nil {
		t.Errorf("%v, %v", r, err)
	}
	_, err = OvercommitRatio(w.class("overcommitRatio", "lots"))
	expectWords(t, err, "gold", "overcommitRatio", "lots")
}
