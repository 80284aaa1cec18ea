package main

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A plotFile is one plot of the report.
type plotFile struct{ File, Title string }

// A drawing is a plot of the rows of one key over their X.
type drawing struct {
	key, file, title, x, y string
}

var drawings = []drawing{
	{"burst", "benchmark-burst.svg", "Volumes a second over workers", "workers", "volumes/s"},
	{"memory", "benchmark-memory.svg", "Resident set over claims and volumes in the cluster", "volumes (and as many claims)", "MiB"},
	{"start-up", "benchmark-start-up.svg", "Start until the first volume over claims and volumes in the cluster", "volumes (and as many claims)", "s"},
}

// writePlots draws what has been measured.
func writePlots(r report, folder string) ([]plotFile, error) {
	var files []plotFile
	for _, d := range drawings {
		values, bare, limits := d.points(r.Rows)
		if len(values) < 2 {
			continue
		}
		p, err := d.draw(values, bare, limits)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", d.file, err)
		}
		if err := saveSVG(p, filepath.Join(folder, d.file)); err != nil {
			return nil, err
		}
		files = append(files, plotFile{d.file, d.title})
	}
	return files, nil
}

// points are the figures of the rows, and of the limits that they have.
func (d drawing) points(rows []row) (values, bare, limits plotter.XYs) {
	for _, r := range rows {
		if r.Key != d.key || r.X == nil || r.Value == nil {
			continue
		}
		values = append(values, plotter.XY{X: *r.X, Y: *r.Value})
		if r.Bare != nil {
			bare = append(bare, plotter.XY{X: *r.X, Y: *r.Bare})
		}
		if r.Limit != nil {
			limits = append(limits, plotter.XY{X: *r.X, Y: *r.Limit})
		}
	}
	return values, bare, limits
}

func (d drawing) draw(values, bare, limits plotter.XYs) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = d.title, d.x, d.y
	p.BackgroundColor = color.White
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ticksAt(values)
	p.Y.Min, p.Y.Tick.Marker = 0, plot.TickerFunc(plainTicks)
	p.Legend.Top, p.Legend.Left, p.Legend.Padding, p.Legend.XOffs = true, true, vg.Points(3), vg.Points(6)
	for _, style := range []*font.Font{
		&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font,
	} {
		style.Variant = "Sans"
	}
	p.Title.Padding = vg.Points(8)
	p.Add(plotter.NewGrid())
	for _, line := range []struct {
		name   string
		points plotter.XYs
		color  color.Color
		dashes []vg.Length
	}{
		{"provisioner", values, color.RGBA{R: 0x1b, G: 0x5e, B: 0xa8, A: 0xff}, nil},
		{"bare loop", bare, color.RGBA{R: 0x80, G: 0x80, B: 0x80, A: 0xff}, nil},
		{"to reach", limits, color.RGBA{R: 0xc0, G: 0x39, B: 0x2b, A: 0xff}, []vg.Length{vg.Points(4), vg.Points(3)}},
	} {
		if len(line.points) == 0 {
			continue
		}
		drawn, dots, err := plotter.NewLinePoints(line.points)
		if err != nil {
			return nil, err
		}
		drawn.Color, drawn.Width, drawn.Dashes = line.color, vg.Points(1.5), line.dashes
		dots.Color, dots.Shape = line.color, draw.CircleGlyph{}
		p.Add(drawn, dots)
		p.Legend.Add(line.name, drawn, dots)
		for _, point := range line.points {
			p.Y.Max = max(p.Y.Max, point.Y*1.15) // room for the legend
		}
	}
	return p, nil
}

// ticksAt marks the places of the points alone.
func ticksAt(points plotter.XYs) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for _, point := range points {
		ticks = append(ticks, plot.Tick{Value: point.X, Label: strconv.FormatFloat(point.X, 'f', -1, 64)})
	}
	return ticks
}

// plainTicks are the usual ones, without zeros after the point.
func plainTicks(from, to float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(from, to)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = figure(ticks[i].Value)
		}
	}
	return ticks
}

func saveSVG(p *plot.Plot, file string) error {
	const width, height, margin = 6 * vg.Inch, 3.6 * vg.Inch, 16
	canvas := vgsvg.New(width, height)
	whole := draw.New(canvas)
	whole.FillPolygon(color.White, []vg.Point{{}, {X: width}, {X: width, Y: height}, {Y: height}})
	p.Draw(draw.Crop(whole, margin/2, -margin, margin/2, -margin/2)) // room for the last label
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return err
	}
	// Few readers have the library's font.
	text := strings.ReplaceAll(svg.String(), "font-family:Liberation Sans;", "font-family:Liberation Sans,Arial,sans-serif;")
	return os.WriteFile(file, []byte(text), 0o644)
}
