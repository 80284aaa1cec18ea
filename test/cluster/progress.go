package main

import (
	"fmt"
	"time"
)

// A progress prints what is being done, with the seconds since the beginning.
type progress struct{ begin time.Time }

func newProgress() *progress { return &progress{time.Now()} }

func (p *progress) say(format string, args ...any) {
	fmt.Printf("%6.1fs  %s\n", time.Since(p.begin).Seconds(), fmt.Sprintf(format, args...))
}
