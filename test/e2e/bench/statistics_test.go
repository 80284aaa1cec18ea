package main

import (
	"math"
	"testing"
)

func TestMedianIsTheMiddleOfTheSamples(t *testing.T) {
	for name, c := range map[string]struct {
		samples []float64
		want    float64
	}{
		"one":      {[]float64{7}, 7},
		"odd":      {[]float64{9, 1, 5}, 5},
		"even":     {[]float64{4, 1, 3, 2}, 2.5},
		"outlier":  {[]float64{1, 2, 1000}, 2},
		"repeated": {[]float64{2, 2, 1, 9}, 2},
	} {
		if got := median(c.samples); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

func TestMedianLeavesTheSamplesInTheirOrder(t *testing.T) {
	samples := []float64{3, 1, 2}
	median(samples)
	if samples[0] != 3 || samples[1] != 1 {
		t.Errorf("got %v", samples)
	}
}

func TestQuantileIsASampleThatNearlyAllAreBelow(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, c := range []struct {
		samples []float64
		q, want float64
	}{
		{hundred, 0.99, 99}, {hundred, 0.5, 50}, {hundred, 1, 100}, {hundred, 0, 1}, {hundred, 0.991, 100},
		{[]float64{5}, 0.99, 5}, {[]float64{1, 2}, 0.5, 1}, {[]float64{1, 2}, 0.51, 2},
	} {
		if got := quantile(c.samples, c.q); got != c.want {
			t.Errorf("quantile %v of %d samples: got %v, want %v", c.q, len(c.samples), got, c.want)
		}
	}
	if !math.IsNaN(quantile(nil, 0.5)) {
		t.Error("a quantile of nothing is a number")
	}
}
