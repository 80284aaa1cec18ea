package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
)

// A report is what benchmark.json holds.
type report struct {
	About about `json:"about"`
	Rows  []row `json:"rows"`
}

// about is on what and with what was measured.
type about struct {
	Provisioner string `json:"provisioner"`
	Kubernetes  string `json:"kubernetes"`
	Go          string `json:"go"`
	Kernel      string `json:"kernel"`
	NodeKernel  string `json:"nodeKernel,omitempty"` // of the nodes, user-mode Linux
	CPUs        int    `json:"cpus"`
	MemoryGiB   int    `json:"memoryGiB"`
	FileSystem  string `json:"fileSystem"` // of the share
	Quick       bool   `json:"quick,omitempty"`
	// Again are the keys of rows that were measured in another run than the rest.
	Again []string `json:"again,omitempty"`
}

func (a about) same(b about) bool {
	a.Again, b.Again = nil, nil
	return reflect.DeepEqual(a, b)
}

// onto takes from a report of the same program on the same machine the rows that
// were not measured now.
func (r report) onto(before report, measured func(key string) bool) report {
	if !r.About.same(before.About) {
		return r
	}
	again := map[string]bool{}
	for _, key := range before.About.Again {
		again[key] = true
	}
	all := report{About: r.About}
	for _, key := range allKeys() {
		rows := before.Rows
		if measured(key) {
			rows, again[key] = r.Rows, true
		}
		for _, row := range rows {
			if row.Key == key {
				all.Rows = append(all.Rows, row)
			}
		}
	}
	all.About.Again = slices.Sorted(maps.Keys(again))
	return all
}

func jsonFile(folder string) string { return filepath.Join(folder, "benchmark.json") }

// readReport reads the report of a run.
func readReport(folder string) (report, error) {
	var r report
	data, err := os.ReadFile(jsonFile(folder))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%s: %w", jsonFile(folder), err)
	}
	return r, nil
}

func (r report) write(folder string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(jsonFile(folder), append(data, '\n'), 0o644))
}
