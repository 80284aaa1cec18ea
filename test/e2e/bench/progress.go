package main

import (
	"fmt"
	"time"
)

// progress says what goes on, and since when.
type progress struct{ began time.Time }

func (p progress) say(format string, args ...any) {
	d := time.Since(p.began)
	fmt.Printf("%3d:%02d  %s\n", int(d.Minutes()), int(d.Seconds())%60, fmt.Sprintf(format, args...))
}
