package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	CPUs        int    `json:"cpus"`
	MemoryGiB   int    `json:"memoryGiB"`
	FileSystem  string `json:"fileSystem"` // of the share
	Quick       bool   `json:"quick,omitempty"`
}

func jsonFile(folder string) string { return filepath.Join(folder, "benchmark.json") }

// readReport reads the report of an earlier run, if there is one.
func readReport(folder string) (report, error) {
	var r report
	data, err := os.ReadFile(jsonFile(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
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

// replace puts rows into the place of those of the same keys. Rows are in the
// order of the stages.
func (r *report) replace(rows []row) {
	r.Rows = slices.DeleteFunc(r.Rows, func(old row) bool {
		return slices.ContainsFunc(rows, func(now row) bool { return now.Key == old.Key })
	})
	r.Rows = append(r.Rows, rows...)
	order := allKeys()
	slices.SortStableFunc(r.Rows, func(a, b row) int { return slices.Index(order, a.Key) - slices.Index(order, b.Key) })
}
