package layers

import (
	"fmt"
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// ColumnTransformer is a transformer that differs from column to column. Layers ask
// it for the transformer of the columns they are about to map.
type ColumnTransformer interface {
	Transformer
	// At is the transformer of the given columns of the data, in that order.
	At(columns []int) Transformer
}

// at is the transformer of some columns.
func at(t Transformer, columns []int) Transformer {
	if c, ok := t.(ColumnTransformer); ok {
		return c.At(columns)
	}
	return t
}

// PerColumn maps each column of the data by a transformer of its own: periodic and
// linear ones in one layer, or splines on different intervals. Columns beyond the
// list are mapped by the last. Every column is given as many parameters as the
// transformer that wants most.
type PerColumn []Transformer

// Params is the most that any column wants.
func (t PerColumn) Params() int {
	n := 1
	for _, c := range t {
		n = max(n, c.Params())
	}
	return n
}

func (t PerColumn) check() error {
	if len(t) == 0 {
		return fmt.Errorf("no transformers")
	}
	for i, c := range t {
		if _, ok := c.(ColumnTransformer); ok {
			return fmt.Errorf("column %d: a transformer by column inside another", i)
		}
		if err := checkTransformer(c); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
	}
	return nil
}

// At picks the columns' own.
func (t PerColumn) At(columns []int) Transformer {
	out := make(PerColumn, len(columns))
	for i, c := range columns {
		out[i] = t[min(c, len(t)-1)]
	}
	return out
}

// Forward maps noise to data.
func (t PerColumn) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return t.apply(u, h, Transformer.Forward)
}

// Inverse maps data to noise.
func (t PerColumn) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	return t.apply(x, h, Transformer.Inverse)
}

// apply maps the columns of each transformer together.
func (t PerColumn) apply(x, h graph.Expr, f func(t Transformer, x, h graph.Expr) (y, l graph.Expr)) (y, logSlope graph.Expr) {
	n := t.Params()
	own := func(i int) Transformer { return t[min(i, len(t)-1)] }
	var kinds []Transformer
	var order []int
	var ys, ls []graph.Expr
	for i := range x.Cols() {
		if slices.Contains(kinds, own(i)) {
			continue
		}
		kinds = append(kinds, own(i))
		var cols, params []int
		for j := range x.Cols() {
			if own(j) == own(i) {
				cols = append(cols, j)
				for k := range own(i).Params() {
					params = append(params, j*n+k)
				}
			}
		}
		y, l := f(own(i), x.Columns(cols), h.Columns(params))
		order, ys, ls = append(order, cols...), append(ys, y), append(ls, l)
	}
	back := make([]int, len(order))
	for i, c := range order {
		back[c] = i
	}
	return graph.Concat(ys...).Columns(back), graph.Concat(ls...).Columns(back)
}

// On maps the interval [Lo, Hi] by a transformer made for [-Bound, Bound].
type On struct {
	T             Transformer
	Bound, Lo, Hi float64
}

// Params is T's.
func (t On) Params() int { return t.T.Params() }

func (t On) check() error {
	if !(t.Bound > 0) || !(t.Lo < t.Hi) {
		return fmt.Errorf("interval [%v, %v] for a bound of %v: want lo < hi and a positive bound", t.Lo, t.Hi, t.Bound)
	}
	return checkTransformer(t.T)
}

func (t On) apply(x, h graph.Expr, f func(x, h graph.Expr) (y, l graph.Expr)) (y, logSlope graph.Expr) {
	scale, mid := 2*t.Bound/(t.Hi-t.Lo), (t.Lo+t.Hi)/2
	y, logSlope = f(x.Affine(scale, -mid*scale), h)
	return y.Affine(1/scale, mid), logSlope
}

// Forward maps noise to data.
func (t On) Forward(u, h graph.Expr) (x, logSlope graph.Expr) { return t.apply(u, h, t.T.Forward) }

// Inverse maps data to noise.
func (t On) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) { return t.apply(x, h, t.T.Inverse) }

// VolumePreserving is the affine transformer of general incompressible-flow networks
// (Sorrenson et al. 2020, arXiv:2001.04872): the log-scales of the columns that a
// coupling layer maps add up to zero. It is for coupling layers alone.
type VolumePreserving struct{ Limit float64 }

// Params is 2.
func (VolumePreserving) Params() int { return 2 }

func (t VolumePreserving) parts(h graph.Expr) (m, logS graph.Expr) {
	m, logS = Affine{Limit: t.Limit}.parts(h)
	return m, logS.Sub(logS.SumCols().Scale(1 / float64(logS.Cols())))
}

// Forward maps noise to data.
func (t VolumePreserving) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	m, logS := t.parts(h)
	return u.Mul(logS.Exp()).Add(m), logS
}

// Inverse maps data to noise.
func (t VolumePreserving) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	m, logS := t.parts(h)
	return undo(x, m, logS)
}
