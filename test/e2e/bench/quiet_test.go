package main

import "testing"

func TestProcessorsAreBusyWhenTheyDoNotWait(t *testing.T) {
	before := parseProcessors("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1\n")
	for name, c := range map[string]struct {
		stat string
		want float64
	}{
		"idle":         {"cpu  100 0 100 1800 0 0 0 0 0 0\n", 0},
		"half":         {"cpu  550 0 150 1300 0 0 0 0 500 0\n", 0.5},
		"waiting":      {"cpu  100 0 100 800 1000 0 0 0 0 0\n", 0},
		"nothing said": {"", 0},
	} {
		if got := parseProcessors(c.stat).since(before); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
