package models

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
)

// table is standardised data.
type table struct {
	x, c  block
	w     []float64
	rows  int
	sumW  float64
	dim   int
	shift float64 // mean NLL in the user's units, less that of standardised rows

	// Columns that get noise in training, and their numbers as the user has them.
	lines []line
	noisy []int
	raw   []float64
	batch []float64
}

// block is rows of numbers of the model's element type.
type block struct {
	graph.Elements
	cols int
}

func newBlock(dt graph.DType, rows, cols int) block {
	return block{graph.NewElements(dt, rows*cols), cols}
}

func (b block) set(i int, row []float64) {
	to := b.Slice(i*b.cols, (i+1)*b.cols)
	copy(to.F64, row)
	for j := range to.F32 {
		to.F32[j] = float32(row[j])
	}
}

func (b block) get(i int, row []float64) {
	from := b.Slice(i*b.cols, (i+1)*b.cols)
	copy(row, from.F64)
	for j, v := range from.F32 {
		row[j] = float64(v)
	}
}

// picked is the rows of these numbers, all for nil.
func (b block) picked(index []int) graph.Rows {
	return graph.Rows{Float32: b.F32, Float64: b.F64, Index: index}
}

// newTable standardises data. With noise, each row has its place in the cells of
// discrete columns once and for all; without, the middle.
func (f *fit) newTable(x, c mat.Matrix, w []float64, noise *rand.Rand) *table {
	m := f.m
	n, _ := x.Dims()
	t := &table{rows: n, x: newBlock(m.dtype, n, len(m.cols)), w: w, sumW: float64(n), dim: len(m.cols), lines: m.cols}
	if w != nil {
		t.sumW = 0
		for _, v := range w {
			t.sumW += v
		}
	}
	for j, l := range m.cols {
		if l.discrete || l.step > 0 {
			t.noisy = append(t.noisy, j)
		}
	}
	same := allPlain(m.cols) && len(t.noisy) == 0
	gain := 0.0
	var buf []float64
	row := make([]float64, len(m.cols))
	for i := range n {
		var places []float64
		if noise != nil && len(t.noisy) > 0 {
			places = make([]float64, t.dim)
			for j := range places {
				places[j] = inside(noise)
			}
		}
		from := rowIn(x, i, &buf)
		standardiseRow(row, from, m.cols, places)
		t.x.set(i, row)
		if i == 0 || !same {
			gain = t.gain(from, places)
		}
		t.shift -= t.weight(i) * gain
		for _, j := range t.noisy {
			t.raw = append(t.raw, from[j])
		}
	}
	t.shift /= max(t.sumW, math.SmallestNonzeroFloat64)
	if c != nil {
		t.c = newBlock(m.dtype, n, m.spec.Context)
		row := make([]float64, m.spec.Context)
		for i := range n {
			encode(row, c, i, i+1, m.ctx)
			t.c.set(i, row)
		}
	}
	return t
}

// gain is log|dv/dx| of a row, in training its mean over places in cells.
func (t *table) gain(x, places []float64) float64 {
	if places != nil || len(t.noisy) == 0 {
		return logSlopes(t.lines, x, places)
	}
	const n = 8
	sum := 0.0
	for k := range n {
		r := (float64(k) + 0.5) / n
		for j := range t.lines {
			sum += t.lines[j].logSlope(x[j], r)
		}
	}
	return sum / n
}

// inside is a uniform number inside (0, 1).
func inside(rng *rand.Rand) float64 { return (float64(rng.Uint64()>>12) + 0.5) * 0x1p-52 }

// addNoise makes the batch of these rows, with noise in its noisy columns.
func (t *table) addNoise(index []int, rng *rand.Rand) {
	for i, row := range index {
		to := t.batch[i*t.dim : (i+1)*t.dim]
		t.x.get(row, to)
		for k, j := range t.noisy {
			to[j] = t.lines[j].noisy(t.raw[row*len(t.noisy)+k], inside(rng))
		}
	}
}

func (t *table) weight(i int) float64 {
	if t.w == nil {
		return 1
	}
	return t.w[i]
}
