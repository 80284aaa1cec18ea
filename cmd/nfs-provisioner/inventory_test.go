package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/internal/inventory"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

var someItems = []inventory.Item{
	{Share: "a", Directory: "team/db", Volume: "pv-1", Claim: "team/db", State: inventory.Bound, Since: time.Unix(1000, 0)},
	{Share: "a", Directory: "odd\x1b[31m", State: inventory.Unrecorded},
	{Share: "a", Directory: "lost", Volume: "pv-2", Claim: "team/x", State: inventory.Orphan, Since: time.Unix(1000, 0), Detail: "a record alone"},
}

func TestAnInventoryIsATable(t *testing.T) {
	var out bytes.Buffer
	if err := print(&out, formTable, someItems, time.Unix(1000+3*3600, 0)); err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(out.String()) {
		rows = append(rows, strings.Fields(line))
	}
	for i, want := range []string{
		"SHARE DIRECTORY VOLUME CLAIM STATE AGE DETAIL",
		"a team/db pv-1 team/db bound 3h",
		`a "odd\x1b[31m" - - unrecorded -`,
		"a lost pv-2 team/x orphan 3h a record alone",
	} {
		if got := strings.Join(rows[i], " "); got != want {
			t.Errorf("row %d is %q, want %q", i, got, want)
		}
	}
}

func TestAnInventoryIsJSON(t *testing.T) {
	for name, items := range map[string][]inventory.Item{"some": someItems, "none": nil} {
		var out bytes.Buffer
		if err := print(&out, formJSON, items, time.Now()); err != nil {
			t.Fatal(err)
		}
		var read struct {
			Items []map[string]any `json:"items"`
		}
		if err := json.Unmarshal(out.Bytes(), &read); err != nil || read.Items == nil || len(read.Items) != len(items) {
			t.Errorf("%s: %v in %s", name, err, &out)
		}
		if len(items) > 0 && (read.Items[2]["state"] != "orphan" || read.Items[2]["since"] == nil || read.Items[1]["since"] != nil) {
			t.Errorf("got %v", read.Items)
		}
	}
}

func TestAnInventoryTakesItsSharesFromTheEnvironment(t *testing.T) {
	one, two := "name=a,server=nas,path=/a,mount=/shares/a", "name=b,server=nas,path=/b,mount=/shares/b"
	for name, c := range map[string]struct {
		arguments, environment []string
		want                   []string
	}{
		"a share a line":      {nil, []string{"NFS_SHARES=" + one + "\n  " + two + "\n\n"}, []string{"a", "b"}},
		"a flag wins":         {[]string{"--share", two}, []string{"NFS_SHARES=" + one}, []string{"b"}},
		"the older one's":     {nil, []string{"NFS_SERVER=nas", "NFS_PATH=/a"}, []string{"default"}},
		"shares, not NFS_*":   {nil, []string{"NFS_SHARES=" + one, "NFS_SERVER=nas", "NFS_PATH=/c"}, []string{"a"}},
		"with other settings": {[]string{"-o", "json"}, []string{"NFS_SHARES=" + one, "ENABLE_LEADER_ELECTION=perhaps"}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parseInventory(c.arguments, c.environment)
			if err != nil || strings.Join(namesOf(o.config.Shares), " ") != strings.Join(c.want, " ") {
				t.Errorf("got %v, %v", o.config.Shares, err)
			}
		})
	}
}

func namesOf(shares []share.Location) (names []string) {
	for _, s := range shares {
		names = append(names, s.Name)
	}
	return names
}

func TestAnInventoryNamesWhatIsWrongWithItsFlags(t *testing.T) {
	for name, c := range map[string]struct {
		arguments, environment []string
		words                  []string
	}{
		"no share":      {nil, nil, []string{"there is no share"}},
		"bad variable":  {nil, []string{"NFS_SHARES=name=a"}, []string{"NFS_SHARES", `"name=a"`, "missing"}},
		"bad form":      {[]string{"-o", "yaml", "--share", "name=a,server=nas,path=/a,mount=/a"}, nil, []string{"--output", `"yaml"`, "table or json"}},
		"an argument":   {[]string{"all"}, nil, []string{`"all" is not a flag`}},
		"not its flag":  {[]string{"--workers=3"}, nil, []string{"--workers"}},
		"not this long": {[]string{"--operation-timeout=0s"}, nil, []string{"--operation-timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseInventory(c.arguments, c.environment)
			expectWords(t, err, c.words...)
			var out, complaints bytes.Buffer
			if code := run(append([]string{"inventory"}, c.arguments...), c.environment, &out, &complaints); code != exitUsage || out.Len() > 0 {
				t.Errorf("code %d, output %q", code, &out)
			}
		})
	}
}

func TestHelpOfTheInventoryShowsItsFlags(t *testing.T) {
	var out, complaints bytes.Buffer
	if code := run([]string{"inventory", "--help"}, nil, &out, &complaints); code != exitOK || complaints.Len() > 0 {
		t.Errorf("code %d, complaints %q", code, &complaints)
	}
	for _, word := range []string{"--output", "--share", "NFS_SHARES", "--kubeconfig", "changes nothing"} {
		if !strings.Contains(out.String(), word) {
			t.Errorf("%s is not in the help", word)
		}
	}
}
