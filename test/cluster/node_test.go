package main

import (
	"slices"
	"testing"
)

func TestParseCPUs(t *testing.T) {
	for list, want := range map[string][]int{"0": {0}, "0-2": {0, 1, 2}, "1,4-5,8": {1, 4, 5, 8}} {
		if got, err := parseCPUs(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("parseCPUs(%q) = %v, %v; want %v", list, got, err, want)
		}
	}
	if _, err := parseCPUs("all"); err == nil {
		t.Error(`parseCPUs("all") is accepted`)
	}
}

func TestParseMemory(t *testing.T) {
	for size, want := range map[string]uint64{"2560M": 2560 << 20, "3G": 3 << 30} {
		if got, err := parseMemory(size); err != nil || got != want {
			t.Errorf("parseMemory(%q) = %d, %v; want %d", size, got, err, want)
		}
	}
	for _, size := range []string{"", "M", "3", "3GB", "-1G", "3 G", "3GM"} {
		if got, err := parseMemory(size); err == nil {
			t.Errorf("parseMemory(%q) = %d, want an error", size, got)
		}
	}
}
