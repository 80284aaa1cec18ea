package main

import (
	"strings"
	"testing"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func TestShareFlagReadsEveryKeyInAnyOrder(t *testing.T) {
	want := share.Location{Name: "a", Server: "nas", Path: "/export", Mount: "/mnt"}
	for _, value := range []string{
		"name=a,server=nas,path=/export,mount=/mnt",
		"mount=/mnt,path=/export,server=nas,name=a",
	} {
		var s shares
		if err := s.Set(value); err != nil || len(s) != 1 || s[0] != want {
			t.Errorf("%q: got %v, %v; want %v", value, s, err, want)
		}
	}
	var s shares
	if err := s.Set("name=a,server=nas,path=/a=b,mount=/mnt"); err != nil || s[0].Path != "/a=b" {
		t.Errorf("a path with an equals sign: got %v, %v", s, err)
	}
}

func TestAShareMayHaveAUsageInterval(t *testing.T) {
	const given = "name=a,server=nas,path=/export,mount=/mnt,usageInterval=24h0m0s"
	var s shares
	if err := s.Set(given); err != nil || s[0].UsageInterval != 24*time.Hour || s.String() != given {
		t.Errorf("got %v, %v", s, err)
	}
	for _, wrong := range []string{"1d", "0", "0s", "-1h", "24"} {
		s = nil
		expectWords(t, s.Set("name=a,server=nas,path=/export,mount=/mnt,usageInterval="+wrong), "usageInterval", wrong, "24h")
	}
}

func TestShareFlagNamesWhatIsWrongAndShowsTheForm(t *testing.T) {
	for value, word := range map[string]string{
		"":                              `"" is not KEY=VALUE`,
		"nas:/export":                   `"nas:/export" is not KEY=VALUE`,
		"name=a,server=nas,path=/e":     `"mount" is missing`,
		"server=nas,path=/e,mount=/m":   `"name" is missing`,
		"name=a,path=/e,mount=/m":       `"server" is missing`,
		"name=a,server=n,mount=/m":      `"path" is missing`,
		"name=,server=n":                `"name" has no value`,
		"name=a,name=b":                 `"name" is given twice`,
		"name=a,host=n":                 `"host" is not known`,
		"Name=a":                        `"Name" is not known`,
		"name=a, server=n":              `" server" is not known`,
		"name=a,server=n,path=/e,mount": `"mount" is not KEY=VALUE`,
		"name=a,server=n,path=/e,":      `"" is not KEY=VALUE`,
	} {
		t.Run(value, func(t *testing.T) {
			s := shares{{Name: "before"}}
			expectWords(t, s.Set(value), word, shareForm)
			if len(s) != 1 {
				t.Errorf("a share was added: %v", s)
			}
		})
	}
}

func TestTheVariablesOfTheOlderProvisionerAreAShare(t *testing.T) {
	for _, c := range []struct {
		server, path string
		want         share.Location
		given        bool
	}{
		{"", "", share.Location{}, false},
		{"nas", "/export", share.Location{Name: "default", Server: "nas", Path: "/export", Mount: "/persistentvolumes"}, true},
		{"nas", "/export/", share.Location{Name: "default", Server: "nas", Path: "/export", Mount: "/persistentvolumes"}, true},
		{"nas", "/", share.Location{Name: "default", Server: "nas", Path: "/", Mount: "/persistentvolumes"}, true},
		{"[fd00::1]", "/e", share.Location{Name: "default", Server: "fd00::1", Path: "/e", Mount: "/persistentvolumes"}, true},
	} {
		if got, given, err := legacyShare(c.server, c.path); err != nil || got != c.want || given != c.given {
			t.Errorf("%q %q: got %v, %v, %v", c.server, c.path, got, given, err)
		}
	}
	_, _, err := legacyShare("nas", "")
	expectWords(t, err, "NFS_PATH is not", "--share")
	_, _, err = legacyShare("", "/export")
	expectWords(t, err, "NFS_SERVER is not", "--share")
}

func FuzzShareFlag(f *testing.F) {
	for _, seed := range []string{"", "name=a,server=nas,path=/export,mount=/mnt", "name=a,name=a", "=,=", ",,,,", "name==,server==,path==,mount=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var s shares
		if err := s.Set(value); err != nil {
			if len(s) != 0 || !strings.Contains(err.Error(), shareForm) {
				t.Errorf("%q: %v, %v", value, s, err)
			}
			return
		}
		l := s[0]
		if l.Name == "" || l.Server == "" || l.Path == "" || l.Mount == "" {
			t.Errorf("%q: incomplete: %+v", value, l)
		}
		var again shares
		if err := again.Set(s.String()); err != nil || again[0] != l {
			t.Errorf("%q: %q is read as %v (%v)", value, s.String(), again, err)
		}
	})
}
