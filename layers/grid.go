package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Grid is the values that discrete columns take: Origin[i] + k Width[i] in column
// Columns[i], for any whole k. The zero value is whole numbers in every column.
type Grid struct {
	Columns       []int     // nil: all
	Origin, Width []float64 // in the order of Columns; nil: 0 and 1
}

// cells are the cells about the values of a grid, as constants by column.
type cells struct {
	dim           int
	columns       []int
	origin, width []float64 // by column; a width of zero where the column is no grid
}

func (s Grid) cells(p *graph.Params, dim int, layer string) cells {
	c := cells{atLeastOne(p, layer, dim), nil, make([]float64, max(dim, 1)), make([]float64, max(dim, 1))}
	if s.Columns == nil {
		s.Columns = identity(c.dim)
	}
	fits := func(v []float64) bool { return v == nil || len(v) == len(s.Columns) }
	if !fits(s.Origin) || !fits(s.Width) {
		p.Fail("layers: %s: %d origins and %d widths for %d columns", layer, len(s.Origin), len(s.Width), len(s.Columns))
		s.Origin, s.Width = nil, nil
	}
	for i, j := range s.Columns {
		o, w := 0., 1.
		if s.Origin != nil {
			o = s.Origin[i]
		}
		if s.Width != nil {
			w = s.Width[i]
		}
		if j < 0 || j >= c.dim || c.width[j] != 0 || !(w > 0) || math.IsInf(w, 0) || math.IsNaN(o) || math.IsInf(o, 0) {
			p.Fail("layers: %s: grid of column %d from %v by %v: want columns 0 … %d, each once, finite numbers, a positive width", layer, j, o, w, c.dim-1)
			continue
		}
		c.columns, c.origin[j], c.width[j] = append(c.columns, j), o, w
	}
	return c
}

// round brings the columns of the grid to the nearest values of it.
func (c cells) round(u graph.Expr) graph.Expr {
	g := u.Graph()
	o, w, on := g.Constant(1, c.dim, c.origin), make([]float64, c.dim), make([]float64, c.dim)
	for j := range w {
		w[j] = 1
		if c.width[j] > 0 {
			w[j], on[j] = c.width[j], 1
		}
	}
	width := g.Constant(1, c.dim, w)
	near := u.Sub(o).Div(width).Shift(0.5).Floor().Mul(width).Add(o)
	return g.Constant(1, c.dim, on).Expand(u).Where(near, u)
}

// within adds w (v - ½) to the columns, v of as many columns; a sum that rounding
// brings into the next cell stays at x.
func (c cells) within(x, v graph.Expr) graph.Expr {
	w := x.Graph().Constant(1, c.dim, c.width)
	u := x.Add(v.Shift(-0.5).Mul(w))
	return c.round(u).Sub(x).Abs().Less(w.Scale(0.5)).Where(u, x)
}
