package layers

import (
	"fmt"
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// Among is a layer that maps some of the columns and leaves the others as they are.
type Among struct {
	l             layer
	columns, rest []int
	back          []int // where each column stands in (columns, rest)
}

// NewAmong makes the layer of dim columns by a layer, any flows.Layer, of the given ones.
func NewAmong(p *graph.Params, dim int, columns []int, l layer) *Among {
	if l == nil {
		p.Fail("layers: among: no layer given")
	}
	mask := Transformed(columns...)(dim)
	if mask == nil || len(columns) == 0 {
		p.Fail("layers: among: columns %v: want some of 0 … %d", columns, dim-1)
		mask, columns = make([]bool, max(dim, 0)), nil
	}
	a := &Among{l: l, columns: slices.Clone(columns)}
	for i, in := range mask {
		if !in {
			a.rest = append(a.rest, i)
		}
	}
	back, err := invertOrder(slices.Concat(a.columns, a.rest), dim)
	if err != nil {
		p.Fail("layers: among: %w", err)
		back = identity(dim)
	}
	a.back = back
	return a
}

// Random says which directions draw noise: those of the layer.
func (a *Among) Random() (forward, inverse bool) { return random(a.l) }

// Forward emits x = T(u).
func (a *Among) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	return a.apply(u, context, layer.Forward)
}

// Inverse emits u = T⁻¹(x).
func (a *Among) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	return a.apply(x, context, layer.Inverse)
}

func (a *Among) apply(x, context graph.Expr, f func(l layer, x, context graph.Expr) (y, logDet graph.Expr)) (y, logDet graph.Expr) {
	if !checkCols(x, len(a.back), "among") {
		return x, x
	}
	y, logDet = f(a.l, x.Columns(a.columns), context)
	if len(a.rest) > 0 {
		y = graph.Concat(y, x.Columns(a.rest))
	}
	return y.Columns(a.back), logDet
}

// String names the layer in errors and pictures.
func (a *Among) String() string { return fmt.Sprintf("among(%T)", a.l) }
