package main

import (
	_ "embed"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"
)

//go:embed benchmark.md.tmpl
var page string

// render writes benchmark.md and the plots from benchmark.json.
func render(folder string) error {
	r, err := readReport(folder)
	if err != nil {
		return err
	}
	plots, err := writePlots(r, folder)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(folder, "benchmark.md"))
	if err != nil {
		return err
	}
	return errors.Join(r.markdown(f, plots), f.Close())
}

// markdown writes the page, which shows the plots that there are.
func (r report) markdown(to interface{ Write([]byte) (int, error) }, plots []plotFile) error {
	t, err := texttemplate.New("benchmark.md").Funcs(texttemplate.FuncMap{
		"cell": cell, "escape": escape, "verdict": row.verdict, "line": about.line,
		"join": func(all []string) string { return strings.Join(all, " and ") },
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(to, struct {
		report
		Plots                    []plotFile
		Loops                    []bareLoop
		Idle, Lease, DeleteEvery time.Duration
	}{r, plots, r.loops(), newSizes(r.About.Quick, 1).idle, lease, deleteEvery})
}

// loops are the bare loops, each with what it is beside: all rows of a key, or a
// single one.
func (r report) loops() (all []bareLoop) {
	for _, now := range r.Rows {
		same := func(l bareLoop) bool { return l.key == now.Key && l.Against == now.Against }
		if now.Against == "" || slices.ContainsFunc(all, same) {
			continue
		}
		what := now.Key
		if slices.ContainsFunc(r.Rows, func(other row) bool { return other.Key == now.Key && other.Against != now.Against }) {
			what = now.Name
		}
		all = append(all, bareLoop{now.Key, what, now.Against})
	}
	return all
}

type bareLoop struct{ key, What, Against string }

// escape keeps a text in its cell of a table.
func escape(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}
