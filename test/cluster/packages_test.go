package main

import (
	"slices"
	"testing"
)

func TestNotInstalled(t *testing.T) {
	status := "runc installed\nrpcbind config-files\nxfsprogs not-installed\n"
	got := notInstalled([]string{"rpcbind", "runc", "unheard-of", "xfsprogs"}, status)
	if want := []string{"rpcbind", "unheard-of", "xfsprogs"}; !slices.Equal(got, want) {
		t.Errorf("notInstalled = %q, want %q", got, want)
	}
}
