package main

import (
	"fmt"
	"math"
	"strconv"
)

// A row is one figure of the report, as the JSON has it. What could not be
// measured is null, and problem says why.
type row struct {
	// Key is what --only calls it; Name says what was measured.
	Key  string `json:"row"`
	Name string `json:"name"`
	// Value and Bare are medians, Ratio is Value to Bare.
	Value  *float64 `json:"value"`
	Unit   string   `json:"unit"`
	Bare   *float64 `json:"bare"`
	Ratio  *float64 `json:"ratio"`
	Target string   `json:"target,omitempty"`
	Met    *bool    `json:"met"`
	// Limit is the value that just meets the target.
	Limit *float64 `json:"limit,omitempty"`
	// Against says what the bare loop does.
	Against string `json:"against,omitempty"`
	// X is where the row stands in its plot: workers or volumes.
	X           *float64  `json:"x,omitempty"`
	Samples     []float64 `json:"samples,omitempty"`
	BareSamples []float64 `json:"bareSamples,omitempty"`
	Problem     string    `json:"problem,omitempty"`
}

// A target is what a figure is to reach. The zero value is none.
type target struct {
	ofValue bool // it is about the value, not about the ratio
	most    bool // it is an upper bound
	limit   float64
}

// nearlyBare is 0.8 of what the bare loop does.
func nearlyBare() target { return target{limit: 0.8} }

func ratioAtMost(limit float64) target { return target{most: true, limit: limit} }
func valueAtMost(limit float64) target { return target{ofValue: true, most: true, limit: limit} }

func (t target) text(unit string) string {
	bound := "at least "
	if t.most {
		bound = "at most "
	}
	if t.ofValue {
		return bound + figure(t.limit) + " " + unit
	}
	return bound + figure(t.limit) + " of bare"
}

func (t target) met(value, ratio float64) bool {
	of := ratio
	if t.ofValue {
		of = value
	}
	if t.most {
		return of <= t.limit
	}
	return of >= t.limit
}

// limitFor is the value that just meets the target.
func (t target) limitFor(bare float64) *float64 {
	if t.ofValue {
		return number(t.limit)
	}
	return number(t.limit * bare)
}

// measured makes a row of samples. The samples of both sides are those of the
// same run, and interleaved.
func measured(key, name, unit, against string, samples, bare []float64, want target) row {
	return judged(key, name, unit, against, median(samples), median(bare), want).with(samples, bare)
}

// judged makes a row of two figures.
func judged(key, name, unit, against string, value, bare float64, want target) row {
	r := row{Key: key, Name: name, Unit: unit, Against: against, Value: number(value), Bare: number(bare), Ratio: number(value / bare)}
	if want == (target{}) {
		return r
	}
	r.Target, r.Limit = want.text(unit), want.limitFor(bare)
	if of := value / bare; !math.IsNaN(value) && (want.ofValue || !math.IsNaN(of)) {
		met := want.met(value, of)
		r.Met = &met
	}
	return r
}

// failed is the row of what could not be measured.
func failed(key string, err error) row {
	met := false
	return row{Key: key, Name: key, Problem: err.Error(), Met: &met}
}

func (r row) with(samples, bare []float64) row {
	r.Samples, r.BareSamples = rounded(samples), rounded(bare)
	return r
}

// at says where the row stands in its plot.
func (r row) at(x int) row {
	where := float64(x)
	r.X = &where
	return r
}

// number is nil for what is no number, which JSON does not know.
func number(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	f = significant(f, digits)
	return &f
}

// digits is how many of them a figure has in the JSON; more would be noise.
const digits = 4

// significant is a number with so many digits.
func significant(f float64, digits int) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', digits, 64), 64)
	if err != nil {
		return f
	}
	return short
}

// rounded leaves out what is no number, as a rate of what took no time.
func rounded(all []float64) []float64 {
	var short []float64
	for _, f := range all {
		if n := number(f); n != nil {
			short = append(short, *n)
		}
	}
	return short
}

// figure writes a number for people, with three digits or, if it is large, as it
// is.
func figure(f float64) string {
	const whole, few = 1000, 3
	if math.Abs(f) >= whole {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(significant(f, few), 'f', -1, 64)
}

// cell writes what may not be there.
func cell(f *float64) string {
	if f == nil {
		return "–"
	}
	return figure(*f)
}

// line is the row for whoever watches the run.
func (r row) line() string {
	if r.Problem != "" {
		return fmt.Sprintf("== %s: FAILED: %s", r.Name, r.Problem)
	}
	text := fmt.Sprintf("== %s: %s %s, bare %s, ratio %s", r.Name, cell(r.Value), r.Unit, cell(r.Bare), cell(r.Ratio))
	if r.Met != nil {
		text += fmt.Sprintf("; %s: %s", r.Target, r.verdict())
	}
	return text
}

func (r row) verdict() string {
	switch {
	case r.Problem != "":
		return "failed"
	case r.Met == nil:
		return ""
	case *r.Met:
		return "yes"
	}
	return "no"
}
