package provision

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/internal/capacity"
)

func number(n uint32) *uint32 { return &n }

func ratio(t *testing.T, text string) *capacity.Ratio {
	t.Helper()
	r, err := capacity.ParseRatio(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseParametersTakesEveryParameter(t *testing.T) {
	pattern := func(text string) Pattern {
		p, err := ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	standard := Parameters{Pattern: pattern(DefaultPathPattern), OnDelete: Archive, Mode: 0o777}
	for name, c := range map[string]struct {
		parameters map[string]string
		want       func(*Parameters)
	}{
		"none":                      {nil, func(*Parameters) {}},
		"share":                     {map[string]string{"share": "fast"}, func(p *Parameters) { p.Share = "fast" }},
		"pathPattern":               {map[string]string{"pathPattern": "a/${.PV.name}"}, func(p *Parameters) { p.Pattern = pattern("a/${.PV.name}") }},
		"onDelete delete":           {map[string]string{"onDelete": "delete"}, func(p *Parameters) { p.OnDelete, p.Explicit = Delete, true }},
		"onDelete archive":          {map[string]string{"onDelete": "archive"}, func(p *Parameters) { p.OnDelete, p.Explicit = Archive, true }},
		"onDelete retain":           {map[string]string{"onDelete": "retain"}, func(p *Parameters) { p.OnDelete, p.Explicit = Retain, true }},
		"archiveOnDelete true":      {map[string]string{"archiveOnDelete": "true"}, func(*Parameters) {}},
		"archiveOnDelete false":     {map[string]string{"archiveOnDelete": "false"}, func(p *Parameters) { p.OnDelete = Delete }},
		"onDelete wins over false":  {map[string]string{"archiveOnDelete": "false", "onDelete": "retain"}, func(p *Parameters) { p.OnDelete, p.Explicit = Retain, true }},
		"onDelete wins over true":   {map[string]string{"archiveOnDelete": "true", "onDelete": "delete"}, func(p *Parameters) { p.OnDelete, p.Explicit = Delete, true }},
		"mode":                      {map[string]string{"mode": "750"}, func(p *Parameters) { p.Mode = 0o750 }},
		"mode with zeros":           {map[string]string{"mode": "00700"}, func(p *Parameters) { p.Mode = 0o700 }},
		"mode zero":                 {map[string]string{"mode": "0"}, func(p *Parameters) { p.Mode = 0 }},
		"mode with setgid":          {map[string]string{"mode": "2770"}, func(p *Parameters) { p.Mode = fs.ModeSetgid | 0o770 }},
		"mode with all bits":        {map[string]string{"mode": "7777"}, func(p *Parameters) { p.Mode = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky | 0o777 }},
		"uid":                       {map[string]string{"uid": "0"}, func(p *Parameters) { p.UID = number(0) }},
		"gid of 32 bits":            {map[string]string{"gid": "4294967294"}, func(p *Parameters) { p.GID = number(4294967294) }},
		"allowShared":               {map[string]string{"allowShared": "true"}, func(p *Parameters) { p.AllowShared = true }},
		"allowExisting":             {map[string]string{"allowExisting": "true"}, func(p *Parameters) { p.AllowExisting = true }},
		"allowExisting false":       {map[string]string{"allowExisting": "false"}, func(*Parameters) {}},
		"archiveRetention in days":  {map[string]string{"archiveRetention": "30d"}, func(p *Parameters) { p.ArchiveRetention = 30 * 24 * time.Hour }},
		"archiveRetention in hours": {map[string]string{"archiveRetention": "1h30m"}, func(p *Parameters) { p.ArchiveRetention = 90 * time.Minute }},
		"overcommitRatio":           {map[string]string{"overcommitRatio": "1.5"}, func(p *Parameters) { p.OvercommitRatio = ratio(t, "1.5") }},
	} {
		t.Run(name, func(t *testing.T) {
			want := standard
			c.want(&want)
			if got, err := ParseParameters(c.parameters); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestParseParametersNamesWhatIsWrongAndWhatIsAllowed(t *testing.T) {
	for _, c := range []struct{ name, value, allowed string }{
		{"share", "", "the name of a share"},
		{"pathPattern", "", "empty"},
		{"pathPattern", "${.PVC.nam}", "${.PVC.name}"},
		{"pathPattern", "${.PVC.name", "}"},
		{"onDelete", "", "delete, archive or retain"},
		{"onDelete", "Delete", "delete, archive or retain"},
		{"onDelete", "keep", "delete, archive or retain"},
		{"archiveOnDelete", "no", `"true" or "false"`},
		{"archiveOnDelete", "", `"true" or "false"`},
		{"mode", "", "octal"},
		{"mode", "rwxr-x---", "octal"},
		{"mode", "0o755", "octal"},
		{"mode", "789", "octal"},
		{"mode", "10000", "octal"},
		{"mode", "-1", "octal"},
		{"uid", "root", "0 to 4294967294"},
		{"uid", "-1", "0 to 4294967294"},
		{"uid", "4294967295", "0 to 4294967294"},
		{"uid", "4294967296", "0 to 4294967294"},
		{"gid", "", "0 to 4294967294"},
		{"gid", "0x10", "0 to 4294967294"},
		{"gid", "4294967295", "0 to 4294967294"},
		{"allowShared", "yes", `"true" or "false"`},
		{"allowExisting", "on", `"true" or "false"`},
		{"archiveRetention", "", "30d"},
		{"archiveRetention", "30", "30d"},
		{"archiveRetention", "-1h", "30d"},
		{"archiveRetention", "-1d", "30d"},
		{"archiveRetention", "1.5d", "30d"},
		{"archiveRetention", "0s", "30d"},
		{"archiveRetention", "99999999d", "30d"},
		{"overcommitRatio", "", "above 0"},
		{"overcommitRatio", "0", "above 0"},
		{"overcommitRatio", "-1", "above 0"},
		{"overcommitRatio", "150%", "above 0"},
		{"overcommitRatio", "1e3", "above 0"},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			_, err := ParseParameters(map[string]string{c.name: c.value})
			expectWords(t, err, "class parameter "+c.name, c.value, c.allowed)
		})
	}
}

func TestParseParametersRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, name := range []string{"", "ondelete", "Mode", "server", "path", "pathpattern", "csi.storage.k8s.io/fstype"} {
		_, err := ParseParameters(map[string]string{name: "x"})
		expectWords(t, err, append(known(), "class parameter "+name+" is not known")...)
	}
}

func TestParseParametersReportsEverythingAtOnce(t *testing.T) {
	_, err := ParseParameters(map[string]string{"mode": "rwx", "uid": "root", "quota": "1", "share": "fast", "onDelete": "keep"})
	expectWords(t, err, "mode", "uid", "quota", "onDelete")
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 4 {
		t.Errorf("%d lines for 4 mistakes:\n%v", lines, err)
	}
}

func FuzzParseParameters(f *testing.F) {
	for _, name := range append(known(), "unknown") {
		for _, value := range []string{"", "true", "0777", "1", "30d", "delete", "${.PVC.name}", "-1"} {
			f.Add(name, value)
		}
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		p, err := ParseParameters(map[string]string{name: value})
		if err != nil {
			expectWords(t, err, name)
			return
		}
		bits := fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
		if !p.OnDelete.valid() || p.Mode&^bits != 0 || p.ArchiveRetention < 0 {
			t.Errorf("%s=%q was read as %+v", name, value, p)
		}
	})
}

func TestAnArchiveRetentionOfZeroDaysIsRefused(t *testing.T) {
	_, err := ParseParameters(map[string]string{"archiveRetention": "0d"})
	expectWords(t, err, "archiveRetention")
}
