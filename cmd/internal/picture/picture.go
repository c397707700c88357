// Package picture draws fits: densities beside data, samples, corner plots and
// training curves, as PNG, SVG or PDF by the file's ending.
package picture

import (
	"fmt"
	"image/color"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var (
	blue   = color.NRGBA{0x1f, 0x4e, 0x9c, 0xff}
	orange = color.NRGBA{0xd9, 0x5f, 0x02, 0xff}
	grey   = color.NRGBA{0x55, 0x55, 0x55, 0xff}
)

func alpha(c color.NRGBA, a uint8) color.Color {
	c.A = a
	return c
}

// maxPoints is how many points a scatter shows at most.
const maxPoints = 4000

// save draws a grid of plots (nil for an empty place) to a file, under a
// temporary name first, with a colour bar at the right unless bar is nil.
func save(path, caption string, grid [][]*plot.Plot, bar *plot.Plot, w, h font.Length) (err error) {
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), ".")
	c, err := draw.NewFormattedCanvas(w, h, format)
	if err != nil {
		return fmt.Errorf("picture: %s: %w", path, err)
	}
	tiles := draw.Tiles{Rows: len(grid), Cols: len(grid[0]), PadX: 4 * vg.Millimeter, PadY: 4 * vg.Millimeter,
		PadTop: 3 * vg.Millimeter, PadBottom: 3 * vg.Millimeter, PadLeft: 3 * vg.Millimeter, PadRight: 5 * vg.Millimeter}
	page := draw.New(c)
	if caption != "" {
		tiles.PadTop += 8 * vg.Millimeter
		style := plot.New().Title.TextStyle
		style.Font.Size, style.Font.Variant = vg.Points(13), "Sans"
		style.XAlign, style.YAlign = draw.XCenter, draw.YTop
		page.SetColor(color.White)
		page.Fill(page.Rectangle.Path())
		page.FillText(style, vg.Point{X: w / 2, Y: h - 3*vg.Millimeter}, caption)
	}
	if bar != nil {
		strip := draw.Crop(page, w-2.2*vg.Centimeter, -3*vg.Millimeter, 0, 0)
		page.SetColor(color.White)
		page.Fill(page.Rectangle.Path())
		page = draw.Crop(page, 0, -2.2*vg.Centimeter, 0, 0)
		bar.Draw(draw.Crop(strip, 0, 0, 13.5*vg.Millimeter, -8*vg.Millimeter))
	}
	canvases := plot.Align(grid, tiles, page)
	for i := range grid {
		for j, p := range grid[i] {
			if p != nil {
				p.Draw(canvases[i][j])
			}
		}
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".picture.*")
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
			err = fmt.Errorf("picture: %s: %w", path, err)
		}
	}()
	if _, err = c.WriteTo(tmp); err != nil {
		return err
	}
	if err = tmp.Chmod(0o644); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.TextStyle.Font.Size, p.Title.Padding = vg.Points(13), vg.Points(4)
	p.BackgroundColor = color.White
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font.Size = vg.Points(11)
		a.Tick.Label.Font.Size = vg.Points(9)
		a.Tick.Marker = ticks(4)
		a.Label.TextStyle.Font.Variant, a.Tick.Label.Font.Variant = "Sans", "Sans"
	}
	p.Title.TextStyle.Font.Variant, p.Legend.TextStyle.Font.Variant = "Sans", "Sans"
	p.Legend.TextStyle.Font.Size = vg.Points(10)
	return p
}

// span is the range of a column, with a margin; outliers are left out.
func span(v []float64) (lo, hi float64) {
	s := slices.DeleteFunc(slices.Clone(v), func(x float64) bool { return x-x != 0 })
	if len(s) == 0 {
		return -1, 1
	}
	slices.Sort(s)
	lo, hi = s[len(s)/200], s[len(s)-1-len(s)/200]
	m := 0.15 * (hi - lo)
	if m == 0 {
		m = math.Max(math.Abs(lo)*0.1, 1)
	}
	return lo - m, hi + m
}

func column(data []float64, cols, j int) []float64 {
	out := make([]float64, len(data)/cols)
	for i := range out {
		out[i] = data[i*cols+j]
	}
	return out
}

func scatter(p *plot.Plot, x, y []float64, c color.Color, size font.Length) error {
	step := max(1, len(x)/maxPoints)
	var xy plotter.XYs
	for i := 0; i < len(x); i += step {
		if x[i]-x[i] == 0 && y[i]-y[i] == 0 && x[i] >= p.X.Min && x[i] <= p.X.Max && y[i] >= p.Y.Min && y[i] <= p.Y.Max {
			xy = append(xy, plotter.XY{X: x[i], Y: y[i]})
		}
	}
	if len(xy) == 0 {
		return nil
	}
	s, err := plotter.NewScatter(xy)
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	s.GlyphStyle = draw.GlyphStyle{Color: c, Radius: size, Shape: draw.CircleGlyph{}}
	p.Add(s)
	return nil
}

// heat is a function on a grid.
type heat struct {
	n              int
	x0, x1, y0, y1 float64
	z              []float64
}

func (h heat) Dims() (c, r int)   { return h.n, h.n }
func (h heat) X(c int) float64    { return h.x0 + (float64(c)+0.5)*(h.x1-h.x0)/float64(h.n) }
func (h heat) Y(r int) float64    { return h.y0 + (float64(r)+0.5)*(h.y1-h.y0)/float64(h.n) }
func (h heat) Z(c, r int) float64 { return h.z[r*h.n+c] }

// field is a heat map that claims no room beyond the axes, so that they are where those
// of the scatter beside it are.
type field struct{ m *plotter.HeatMap }

func (f field) Plot(c draw.Canvas, p *plot.Plot) { f.m.Plot(c, p) }

// Density draws data of two columns beside the density exp(logProb).
func Density(path string, logProb func(points []float64) ([]float64, error), data []float64, columns [2]string) error {
	if len(data) < 2 {
		return fmt.Errorf("picture: %s: no data", path)
	}
	x, y := column(data, 2, 0), column(data, 2, 1)
	h := heat{n: 300}
	h.x0, h.x1 = span(x)
	h.y0, h.y1 = span(y)
	points := make([]float64, 0, 2*h.n*h.n)
	for r := range h.n {
		for c := range h.n {
			points = append(points, h.X(c), h.Y(r))
		}
	}
	lp, err := logProb(points)
	if err != nil {
		return err
	}
	h.z = make([]float64, len(lp))
	top := 0.0
	for i, v := range lp {
		if h.z[i] = math.Exp(v); h.z[i]-h.z[i] != 0 {
			h.z[i] = 0
		}
		top = math.Max(top, h.z[i])
	}
	if top == 0 {
		top = 1
	}
	left, right := newPlot("data", columns[0], columns[1]), newPlot("density of the fit", columns[0], columns[1])
	for _, p := range []*plot.Plot{left, right} {
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = h.x0, h.x1, h.y0, h.y1
	}
	if err := scatter(left, x, y, alpha(blue, 90), vg.Points(1.1)); err != nil {
		return err
	}
	cm := moreland.ExtendedBlackBody()
	cm.SetMin(0)
	cm.SetMax(top)
	m := plotter.NewHeatMap(h, cm.Palette(255))
	m.Min, m.Max, m.Rasterized = 0, top, true
	right.Add(field{m})
	return save(path, "", [][]*plot.Plot{{left, right}}, colourBar(cm, "density"), 28*vg.Centimeter, 12.5*vg.Centimeter)
}

// colourBar is a plot that shows what the colours of cm mean.
func colourBar(cm palette.ColorMap, label string) *plot.Plot {
	p := newPlot("", "", label)
	p.Title.Padding = 0
	p.HideX()
	p.X.Padding = 0
	p.Add(&plotter.ColorBar{ColorMap: cm, Vertical: true, Colors: 255})
	return p
}

// Samples draws data and samples of two columns side by side.
func Samples(path string, data, samples []float64, columns [2]Column) error {
	if len(data) < 2 {
		return fmt.Errorf("picture: %s: no data", path)
	}
	left, right := newPlot("data", columns[0].Name, columns[1].Name), newPlot("samples of the fit", columns[0].Name, columns[1].Name)
	for i, p := range []*plot.Plot{left, right} {
		p.X.Tick.Marker, p.Y.Tick.Marker = columns[0].ticks(10, 4), columns[1].ticks(20, 4)
		p.X.Min, p.X.Max = columns[0].span(column(data, 2, 0))
		p.Y.Min, p.Y.Max = columns[1].span(column(data, 2, 1))
		v, c := data, blue
		if i == 1 {
			v, c = samples, orange
		}
		if err := scatter(p, columns[0].points(v, 2, 0), columns[1].points(v, 2, 1), alpha(c, 90), vg.Points(1.1)); err != nil {
			return err
		}
	}
	return save(path, "", [][]*plot.Plot{{left, right}}, nil, 26*vg.Centimeter, 12.5*vg.Centimeter)
}

// maxColumns is how many columns a corner plot shows at most.
const maxColumns = 8

// Column is a column of a picture. Levels, if there are any, are what its numbers
// 0, 1, … stand for.
type Column struct {
	Name   string
	Levels []string
	// Step is how far apart its numbers are, 0 for any: points are scattered within a
	// step, so that one does not hide the next.
	Step float64
}

// ticks names levels, if there are no more than most, or has so many numbers at least.
func (c Column) ticks(most, least int) plot.Ticker {
	if n := len(c.Levels); n > 0 && n <= most {
		return names(c.Levels)
	}
	return ticks(least)
}

// span has room for the points of the outermost numbers.
func (c Column) span(v []float64) (lo, hi float64) {
	lo, hi = span(v)
	if c.Step > 0 {
		s := slices.Sorted(slices.Values(v))
		lo, hi = math.Min(lo, s[len(s)/200]-0.5*c.Step), math.Max(hi, s[len(s)-1-len(s)/200]+0.5*c.Step)
	}
	return lo, hi
}

// points is column j of data, as it is scattered.
func (c Column) points(data []float64, cols, j int) []float64 {
	v := column(data, cols, j)
	rng := rand.New(rand.NewPCG(uint64(j), 1))
	for i := range v {
		if c.Step > 0 {
			v[i] += c.Step * 0.7 * (rng.Float64() - 0.5)
		}
	}
	return v
}

// Corner draws the columns of data and samples against each other: histograms on
// the diagonal, points below it. Of more than eight columns the first eight are
// shown.
func Corner(path string, data, samples []float64, columns []Column) error {
	d := len(columns)
	if d == 0 || len(data) < d {
		return fmt.Errorf("picture: %s: no data", path)
	}
	n := min(d, maxColumns)
	grid := make([][]*plot.Plot, n)
	for i := range grid {
		grid[i] = make([]*plot.Plot, n)
		for j := range i + 1 {
			p, err := cornerPanel(data, samples, columns, i, j)
			if err != nil {
				return err
			}
			if i < n-1 {
				p.X.Label.Text = ""
			}
			if j > 0 || i == 0 {
				p.Y.Label.Text = ""
			}
			grid[i][j] = p
		}
	}
	caption := "data (blue), samples (orange)"
	if d > n {
		caption += fmt.Sprintf(": %d of %d columns", n, d)
	}
	side := font.Length(max(n, 2)) * 5.2 * vg.Centimeter
	return save(path, caption, grid, nil, side, side)
}

func cornerPanel(data, samples []float64, columns []Column, i, j int) (*plot.Plot, error) {
	d := len(columns)
	p := newPlot("", columns[j].Name, columns[i].Name)
	p.X.Tick.Marker, p.Y.Tick.Marker = columns[j].ticks(6, 2), columns[i].ticks(6, 2)
	a := column(data, d, j)
	p.X.Min, p.X.Max = columns[j].span(a)
	if i == j {
		p.Y.Tick.Marker = plot.ConstantTicks(nil)
		for k, v := range [][]float64{a, column(samples, d, j)} {
			h := histogram(v, p.X.Min, p.X.Max)
			line, err := plotter.NewLine(h)
			if err != nil {
				return nil, fmt.Errorf("picture: %w", err)
			}
			line.Color, line.Width = blue, vg.Points(1.2)
			if k == 0 {
				line.FillColor = alpha(blue, 60)
			} else {
				line.Color = orange
			}
			p.Add(line)
		}
		p.Y.Min = 0
		return p, nil
	}
	p.Y.Min, p.Y.Max = columns[i].span(column(data, d, i))
	// Fewer points are shown larger and less pale.
	few := math.Sqrt(maxPoints / float64(min(max(len(a), 250), maxPoints))) // 1 … 4
	opacity, size := uint8(50*few), vg.Points(0.6+0.1*few)
	if err := scatter(p, columns[j].points(data, d, j), columns[i].points(data, d, i), alpha(blue, opacity), size); err != nil {
		return nil, err
	}
	return p, scatter(p, columns[j].points(samples, d, j), columns[i].points(samples, d, i), alpha(orange, opacity), size)
}

// histogram is a density as the outline of its bars.
func histogram(v []float64, lo, hi float64) plotter.XYs {
	const bins = 40
	var count [bins]float64
	for _, x := range v {
		// Compared before it is cut: a sample far out has no bin, and NaN has none.
		if at := (x - lo) / (hi - lo) * bins; at >= 0 && at < bins {
			count[int(at)]++
		}
	}
	w := (hi - lo) / bins
	out := plotter.XYs{{X: lo, Y: 0}}
	for k, c := range count {
		y := c / math.Max(float64(len(v)), 1) / w
		out = append(out, plotter.XY{X: lo + float64(k)*w, Y: y}, plotter.XY{X: lo + float64(k+1)*w, Y: y})
	}
	return append(out, plotter.XY{X: hi, Y: 0})
}

// Series is one curve of training.
type Series struct {
	Name        string
	Step, Value []float64
}

// Loss draws training and validation losses against the step; the lowest point
// of the last series is marked.
func Loss(path string, series []Series) error {
	p := newPlot("negative log-likelihood", "step", "nats per row")
	p.Add(plotter.NewGrid())
	var late []float64
	for i, s := range series {
		var xy plotter.XYs
		for k, v := range s.Value {
			if v-v == 0 {
				xy = append(xy, plotter.XY{X: s.Step[k], Y: v})
			}
		}
		if len(xy) == 0 {
			continue
		}
		for _, q := range xy[len(xy)/20:] {
			late = append(late, q.Y)
		}
		line, err := plotter.NewLine(xy)
		if err != nil {
			return fmt.Errorf("picture: %w", err)
		}
		line.Color, line.Width = blue, vg.Points(1.5)
		if i == 0 && len(series) > 1 {
			line.Color, line.Width = alpha(grey, 120), vg.Points(0.8)
		}
		p.Add(line)
		p.Legend.Add(s.Name, line)
		if i == len(series)-1 {
			best := slices.MinFunc(xy, func(a, b plotter.XY) int { return int(math.Copysign(1, a.Y-b.Y)) })
			m, err := plotter.NewScatter(plotter.XYs{best})
			if err != nil {
				return fmt.Errorf("picture: %w", err)
			}
			m.GlyphStyle = draw.GlyphStyle{Color: orange, Radius: vg.Points(4), Shape: draw.CircleGlyph{}}
			p.Add(m)
			p.Legend.Add(fmt.Sprintf("best %.4g", best.Y), m)
		}
	}
	if len(late) == 0 {
		return fmt.Errorf("picture: %s: no finite losses", path)
	}
	slices.Sort(late)
	lo, hi := late[0], late[len(late)-1-len(late)/100]
	m := math.Max(0.05*(hi-lo), 1e-6)
	p.Y.Min, p.Y.Max = lo-m, hi+m
	p.X.Min = 0
	p.Legend.Top, p.Legend.Padding = true, vg.Millimeter
	p.Legend.XOffs, p.Legend.YOffs = -3*vg.Millimeter, -2*vg.Millimeter
	return save(path, "", [][]*plot.Plot{{p}}, nil, 20*vg.Centimeter, 11*vg.Centimeter)
}
