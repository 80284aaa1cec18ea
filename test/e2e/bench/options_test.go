package main

import (
	"strings"
	"testing"
)

func TestFlagsAreRead(t *testing.T) {
	o, err := parse([]string{"--provisioner=/p", "--class=a=1,b=2", "--only=burst,idle", "--repeat=9", "--quick"})
	if err != nil || o.provisioner != "/p" || o.parameters["b"] != "2" || o.repeat != 2 || !o.wants("idle") || o.wants("memory") {
		t.Errorf("got %+v, %v", o, err)
	}
	if o, err = parse(nil); err != nil || !o.wants("memory") || o.provisioner != "out/bin/nfs-provisioner" || o.out != "docs" {
		t.Errorf("got %+v, %v", o, err)
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, c := range []struct{ argument, word string }{{"--only=bursts", `"bursts"`}, {"--repeat=0", "--repeat is 0"}, {"extra", `"extra"`}, {"--unknown", "unknown"}} {
		if _, err := parse([]string{c.argument}); err == nil || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: got %v", c.argument, err)
		}
	}
}
