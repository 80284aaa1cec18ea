package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
