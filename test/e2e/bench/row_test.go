package main

import (
	"errors"
	"math"
	"testing"
)

func TestATargetIsMetUpToItsLimit(t *testing.T) {
	for name, c := range map[string]struct {
		want        target
		value, bare float64
		met         bool
		text        string
	}{
		"ratio that is enough":    {nearlyBare(), 80, 100, true, "at least 0.8 of bare"},
		"ratio that is too small": {nearlyBare(), 79, 100, false, "at least 0.8 of bare"},
		"ratio that is small":     {ratioAtMost(5), 50, 10, true, "at most 5 of bare"},
		"ratio that is too large": {ratioAtMost(5), 51, 10, false, "at most 5 of bare"},
		"value that is small":     {valueAtMost(3), 3, 1, true, "at most 3 s"},
		"value that is too large": {valueAtMost(3), 3.01, 100, false, "at most 3 s"},
		"value beside nothing":    {valueAtMost(1), 0, 0, true, "at most 1 s"},
	} {
		r := judged("k", name, "s", "", c.value, c.bare, c.want)
		if r.Met == nil || *r.Met != c.met || r.Target != c.text {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}

func TestARowWithoutTargetIsNeitherMetNorMissed(t *testing.T) {
	if r := judged("k", "n", "s", "", 1, 2, target{}); r.Met != nil || r.Target != "" || r.Limit != nil {
		t.Errorf("got %+v", r)
	}
}

func TestAFigureThatIsNoNumberIsLeftOut(t *testing.T) {
	r := judged("k", "n", "s", "", math.NaN(), 0, ratioAtMost(1))
	if r.Value != nil || r.Ratio != nil || r.Met != nil {
		t.Errorf("got %+v", r)
	}
	if r := judged("k", "n", "s", "", 1, 0, ratioAtMost(1)); r.Ratio != nil || *r.Bare != 0 {
		t.Errorf("got %+v", r)
	}
	if r := measured("k", "n", "s", "", []float64{1, math.Inf(1), 3}, []float64{1}, target{}); len(r.Samples) != 2 {
		t.Errorf("got %+v", r)
	}
}

func TestARowHasMediansAndTheirRatio(t *testing.T) {
	r := measured("k", "n", "s", "", []float64{1, 100, 2}, []float64{4, 3, 5}, target{})
	if *r.Value != 2 || *r.Bare != 4 || *r.Ratio != 0.5 || len(r.Samples) != 3 || len(r.BareSamples) != 3 {
		t.Errorf("got %+v", r)
	}
}

func TestTheLimitOfATargetIsAValue(t *testing.T) {
	for _, c := range []struct {
		want target
		at   float64
	}{{nearlyBare(), 80}, {ratioAtMost(1.5), 150}, {valueAtMost(3), 3}} {
		if r := judged("k", "n", "s", "", 1, 100, c.want); r.Limit == nil || *r.Limit != c.at {
			t.Errorf("got %+v, want the limit %v", r, c.at)
		}
	}
}

func TestARowThatFailedIsNotMetAndSaysWhy(t *testing.T) {
	r := failed("burst", errors.New("no cluster"))
	if r.Met == nil || *r.Met || r.Problem != "no cluster" || r.Value != nil || r.verdict() != "failed" {
		t.Errorf("got %+v", r)
	}
}

func TestFiguresHaveThreeDigits(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 2: "2", 0.8: "0.8", 0.64849: "0.648", 4.0512: "4.05", 12.345: "12.3", 99.96: "100", 123.4: "123", 1234.5: "1234", 98765.4: "98765", 50000: "50000", 0.00012345: "0.000123",
	} {
		if got := figure(f); got != want {
			t.Errorf("%v: got %s, want %s", f, got, want)
		}
	}
}
