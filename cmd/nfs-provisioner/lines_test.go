package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// writes are what a stream was given, one string a write.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestLinesThatComeFastAreWrittenTogether(t *testing.T) {
	const info, warning, failure = "I: news\n", "W: warned\n", "E: failed\n"
	type step struct {
		after time.Duration
		line  string
	}
	for name, test := range map[string]struct {
		steps []step
		want  writes
	}{
		"a line by itself goes out at once":     {[]step{{0, info}}, writes{info}},
		"the next ones wait for one another":    {[]step{{0, info}, {0, info}, {pace / 2, info}}, writes{info, info + info}},
		"and so do those after them":            {[]step{{0, info}, {0, info}, {pace + 1, info}, {0, info}}, writes{info, info, info + info}},
		"lines that come slowly wait for none":  {[]step{{0, info}, {pace + 1, info}, {pace + 1, info}}, writes{info, info, info}},
		"an error waits for nothing":            {[]step{{0, info}, {0, failure}}, writes{info, failure}},
		"a warning takes with it what was held": {[]step{{0, info}, {0, info}, {0, warning}, {0, info}}, writes{info, info + warning, info}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got writes
				l := &lines{to: &got}
				for _, s := range test.steps {
					time.Sleep(s.after)
					if _, err := l.Write([]byte(s.line)); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(2 * pace)
				synctest.Wait()
				if !slices.Equal(got, test.want) {
					t.Errorf("wrote %q, want %q", got, test.want)
				}
			})
		})
	}
}

func TestNoLineIsHeldBackAtTheEnd(t *testing.T) {
	var got bytes.Buffer
	l := &lines{to: &got}
	for range 3 {
		if _, err := l.Write([]byte("I: news\n")); err != nil {
			t.Fatal(err)
		}
	}
	l.flush()
	if n := strings.Count(got.String(), "\n"); n != 3 {
		t.Errorf("%d lines of 3 are written: %q", n, &got)
	}
}

func TestAStreamThatIsClosedIsToldOf(t *testing.T) {
	gone := errors.New("nobody reads")
	l := &lines{to: failing{gone}}
	if _, err := l.Write([]byte("I: news\n")); !errors.Is(err, gone) {
		t.Errorf("got %v, want %v", err, gone)
	}
	l.flush()
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }
