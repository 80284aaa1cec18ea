package main

import (
	"slices"
	"testing"
)

func TestMountPoints(t *testing.T) {
	mountinfo := `22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:26 / /state/run/a rw - tmpfs tmpfs rw
31 30 0:27 / /state/run/a/b rw - tmpfs tmpfs rw
32 22 0:28 / /state/running rw - tmpfs tmpfs rw
`
	got := mountPoints(mountinfo, "/state/run")
	if want := []string{"/state/run/a", "/state/run/a/b"}; !slices.Equal(got, want) {
		t.Errorf("mountPoints = %q, want %q", got, want)
	}
}
