package controller

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestALoopThatDoesNotTurnIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pulse
		if detail, err := p.check(time.Minute); err != nil || detail != "not running" {
			t.Errorf("before it began: %q, %v", detail, err)
		}
		p.beat()
		time.Sleep(time.Minute)
		if detail, err := p.check(time.Minute); err != nil || detail != "turned 1m0s ago" {
			t.Errorf("in time: %q, %v", detail, err)
		}
		time.Sleep(time.Second)
		_, err := p.check(time.Minute)
		expectWords(t, err, "1m1s ago", "every 1m0s")
		p.stop()
		if _, err := p.check(time.Minute); err != nil {
			t.Errorf("after its end: %v", err)
		}
	})
}
