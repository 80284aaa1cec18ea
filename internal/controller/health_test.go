package controller

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func failures(checks []check) (failed []string) {
	for _, c := range checks {
		if _, err := c.test(); err != nil && !c.informative {
			failed = append(failed, c.name)
		}
	}
	return failed
}

func TestAShareThatIsIllFailsNeitherHealthNorReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, on := rounding(t, share.Options{})
		r.contact = answering()
		if err := os.RemoveAll(on.Mount); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go r.watchOver(ctx, on, &r.loops[0].checks)
		time.Sleep(10 * checkPeriod)
		synctest.Wait()
		if on.Health().Fault == nil {
			t.Fatal("the share is well")
		}
		r.loops[0].removals.beat()
		if failed := failures(r.live()); len(failed) > 0 {
			t.Errorf("/healthz fails: %v", failed)
		}
		if failed := failures(r.ready()); strings.Join(failed, " ") != "caches" { // which nobody has filled
			t.Errorf("/readyz fails: %v", failed)
		}
	})
}

func answering() *contact {
	c := &contact{}
	c.answered.Store(true)
	return c
}

func TestALoopOfAShareThatStandsStillFailsHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := rounding(t, share.Options{})
		r.loops[0].checks.beat()
		r.loops[0].removals.beat()
		if failed := failures(r.live()); len(failed) > 0 {
			t.Errorf("at the beginning: %v", failed)
		}
		time.Sleep(r.OperationTimeout + checkPeriod)
		if failed := fmt.Sprint(failures(r.live())); failed != "[removals of share first]" {
			t.Errorf("after as long as a look at a hung share takes: %v", failed)
		}
		time.Sleep(10 * r.OperationTimeout)
		if failed := fmt.Sprint(failures(r.live())); failed != "[checks of share first removals of share first]" {
			t.Errorf("much later: %v", failed)
		}
	})
}

func TestReadyExplainsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, on := rounding(t, share.Options{})
		r.contact = answering()
		if err := on.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		lines := func() string {
			var all []string
			for _, c := range r.ready() {
				detail, err := c.test()
				all = append(all, fmt.Sprint(c.name, ": ", detail, err))
			}
			return strings.Join(all, "\n")
		}
		for _, words := range []string{"api: it has answered the last request", "have not all been read yet", "share first: 0 of 4 places in use; ", "% free 0s ago"} {
			if text := lines(); !strings.Contains(text, words) {
				t.Errorf("%q does not say %q", text, words)
			}
		}
		r.election = &election{}
		if text := lines(); !strings.Contains(text, "share first: not looked at: this process does not lead") {
			t.Errorf("standing by it says %q", text)
		}
		r.contact.lost(errors.New("connection refused"))
		if failed := strings.Join(failures(r.ready()), " "); failed != "api caches" {
			t.Errorf("without an answer from the API server %q fails", failed)
		}
	})
}
