package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func someReport() report {
	return report{
		About: about{Provisioner: "nfs-provisioner 1.0", Kubernetes: "v1.37.2", Go: "go1.26.8", Kernel: "6.1", CPUs: 2, MemoryGiB: 24, FileSystem: "ext4"},
		Rows: []row{
			measured("burst", "burst, 1 worker", "volumes/s", "a loop", []float64{100}, []float64{200}, target{}).at(1),
			measured("burst", "burst, 16 workers", "volumes/s", "a loop", []float64{400}, []float64{600}, nearlyBare()).at(16),
			judged("idle", "idle", "% of a core", "a|b", 0.5, 0.25, valueAtMost(1)),
			failed("giant", errors.New("it was gone\ntoo soon")),
		},
	}
}

func TestAReportIsReadAsItWasWritten(t *testing.T) {
	folder, r := t.TempDir(), someReport()
	if err := r.write(folder); err != nil {
		t.Fatal(err)
	}
	got, err := readReport(folder)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("got %+v, %v", got, err)
	}
	if none, err := readReport(t.TempDir()); err == nil {
		t.Errorf("without a report: %+v", none)
	}
}

func TestEveryRowOfTheJSONHasTheSameKeys(t *testing.T) {
	data, err := json.Marshal(someReport())
	if err != nil {
		t.Fatal(err)
	}
	var read struct{ Rows []map[string]any }
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	for _, r := range read.Rows {
		for _, key := range []string{"row", "name", "value", "unit", "bare", "ratio", "met"} {
			if _, ok := r[key]; !ok {
				t.Errorf("%v has no %q", r, key)
			}
		}
	}
	if read.Rows[3]["value"] != nil || read.Rows[3]["met"] != false || read.Rows[0]["met"] != nil || read.Rows[1]["target"] != "at least 0.8 of bare" {
		t.Errorf("got %v", read.Rows)
	}
}

func TestThePageHasEachRowInOneLineOfItsTable(t *testing.T) {
	var page strings.Builder
	if err := someReport().markdown(&page, []plotFile{{"benchmark-burst.svg", "Volumes"}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n| burst, 1 worker | 100 volumes/s | 200 | 0.5 |  |  |\n",
		"\n| burst, 16 workers | 400 volumes/s | 600 | 0.667 | at least 0.8 of bare | no |\n",
		"\n| idle | 0.5 % of a core | 0.25 | 2 | at most 1 % of a core | yes |\n",
		"\n| giant | failed: it was gone too soon | – | – |  | failed |\n",
		"\n| burst | a loop |\n", "\n| idle | a\\|b |\n", "2 CPUs", "v1.37.2", "(benchmark-burst.svg)",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not have %q:\n%s", want, &page)
		}
	}
	if strings.Contains(page.String(), "--quick`:") {
		t.Error("the page of a whole run speaks of a quick one")
	}
}

func TestThePlotsShowWhatWasMeasured(t *testing.T) {
	folder := t.TempDir()
	if err := someReport().write(folder); err != nil {
		t.Fatal(err)
	}
	if err := render(folder); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(filepath.Join(folder, "benchmark-burst.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "workers", "volumes/s", "bare loop", ">16<"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the plot does not have %q", want)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "benchmark-memory.svg")); !os.IsNotExist(err) {
		t.Errorf("there is a plot of what was not measured: %v", err)
	}
}

func TestRowsThatAreMeasuredAloneTakeTheirPlaceInTheReport(t *testing.T) {
	before := someReport()
	now := report{About: before.About, Rows: []row{measured("giant", "a giant", "ms", "a loop", []float64{1}, []float64{2}, target{})}}
	onlyGiant := func(key string) bool { return key == "giant" }
	got := now.onto(before, onlyGiant)
	if len(got.Rows) != 4 || got.Rows[0].Key != "burst" || got.Rows[3].Name != "a giant" || got.Rows[3].Problem != "" {
		t.Errorf("got %+v", got.Rows)
	}
	if want := []string{"giant"}; !reflect.DeepEqual(got.About.Again, want) {
		t.Errorf("measured by themselves were %q, want %q", got.About.Again, want)
	}
	now.About.Provisioner = "nfs-provisioner 2.0"
	if got := now.onto(before, onlyGiant); len(got.Rows) != 1 {
		t.Errorf("rows of another program are kept: %+v", got.Rows)
	}
}
