package layers

import "github.com/gorgeflow/gorge/graph"

// UniformDequantize adds uniform noise to whole numbers, and rounds on the way back
// (Uria et al. 2013, arXiv:1306.0186; Theis et al. 2016, arXiv:1511.01844):
//
//	u = x + v - ½,   v ~ U(0, 1),   log P(x) ≥ E log p(u),   x = round(u)
//
// so that a density of u bounds the probability of x from below. On a [Grid] of width
// w it is u = x + w (v - ½), and the bound is one on log P(x)/w, the probability for
// each unit of the column. Columns that are not of the grid stay as they are.
type UniformDequantize struct{ cells }

// NewUniformDequantize makes it of dim columns.
func NewUniformDequantize(p *graph.Params, dim int, grid Grid) *UniformDequantize {
	return &UniformDequantize{grid.cells(p, dim, "uniform dequantize")}
}

// Random says that Inverse draws.
func (l *UniformDequantize) Random() (forward, inverse bool) { return false, true }

// Inverse emits u = x + w (v - ½); the density of v is one.
func (l *UniformDequantize) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "uniform dequantize") {
		return x, x
	}
	return l.within(x, x.Graph().Uniform(l.dim)), x.Zeros(1)
}

// Forward emits x = round(u).
func (l *UniformDequantize) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "uniform dequantize") {
		return u, u
	}
	return l.round(u), u.Zeros(1)
}
