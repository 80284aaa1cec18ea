package main

import (
	"path/filepath"
	"testing"
)

func TestStateDirectory(t *testing.T) {
	t.Setenv("HOME", "/home/someone")
	t.Setenv("XDG_CACHE_HOME", "")
	for _, test := range []struct{ xdg, flag, want string }{
		{"", "", "/home/someone/.cache/nfs-provisioner/cluster"},
		{"/cache", "", "/cache/nfs-provisioner/cluster"},
		{"/cache", "/elsewhere", "/elsewhere"},
	} {
		t.Setenv("XDG_CACHE_HOME", test.xdg)
		c, err := newCluster(test.flag)
		if err != nil {
			t.Fatal(err)
		}
		if c.dir != test.want {
			t.Errorf("XDG_CACHE_HOME=%q --state %q: %s, want %s", test.xdg, test.flag, c.dir, test.want)
		}
	}
	if c, err := newCluster("relative"); err != nil || !filepath.IsAbs(c.dir) {
		t.Errorf("a relative state directory: %v, %v", c, err)
	}
	if _, err := newCluster("/with blank"); err == nil {
		t.Error("a state directory with a blank is accepted")
	}
}

func TestStateDirectoryWithoutHome(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	if c, err := newCluster(""); err == nil && !filepath.IsAbs(c.dir) {
		t.Errorf("without HOME the state directory is %q", c.dir)
	}
}
