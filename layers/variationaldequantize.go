package layers

import "github.com/gorgeflow/gorge/graph"

// VariationalDequantize adds noise to whole numbers whose density is learnt, and
// rounds on the way back (Ho et al. 2019, arXiv:1902.00275):
//
//	u = x + v - ½,   v = σ(ε),   ε ~ q(ε | x),   x = round(u)
//	log P(x) ≥ E log p(u) - log q(v | x),   log q(v | x) = log q(ε | x) - Σ log σ'(ε)
//
// The density of u then need not be flat about each number, and the bound is the
// nearer the better q is. On a [Grid] of width w it is u = x + w (v - ½), and a bound
// on log P(x)/w. Columns that are not of the grid stay as they are. With logistic ε
// the noise is uniform.
type VariationalDequantize struct {
	cells
	q       Density
	context int
}

// NewVariationalDequantize makes it of dim columns. The density q is of ε, of as many
// columns as the grid has, conditioned on all of x, and on the context beside it if
// there are columns of it.
func NewVariationalDequantize(p *graph.Params, dim int, grid Grid, q Density, context int) *VariationalDequantize {
	checkDensity(p, "variational dequantize", q, context)
	return &VariationalDequantize{grid.cells(p, dim, "variational dequantize"), q, context}
}

// Random says that Inverse draws.
func (l *VariationalDequantize) Random() (forward, inverse bool) { return false, true }

// Inverse emits u = x + w (v - ½) and -log q(v | x).
func (l *VariationalDequantize) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "variational dequantize") {
		return x, x
	}
	e, logQ := l.q.SampleLogProb(x.Graph(), beside(x, context, l.context, "variational dequantize"), 1)
	return l.within(x, l.spread(e.Sigmoid())), logSigmoid(e).Add(logSigmoid(e.Neg())).SumCols().Sub(logQ)
}

// Forward emits x = round(u) and log q(v | x). Noise at the end of its cell counts as
// 1e-12 inside.
func (l *VariationalDequantize) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "variational dequantize") {
		return u, u
	}
	x = l.round(u)
	w := make([]float64, len(l.columns))
	for i, j := range l.columns {
		w[i] = l.width[j]
	}
	g := u.Graph()
	r, least := u.Sub(x).Columns(l.columns).Div(g.Constant(1, len(w), w)), g.Scalar(1e-12)
	a, b := r.Shift(0.5).Max(least).Log(), r.Affine(-1, 0.5).Max(least).Log() // of v and 1 - v
	return x, l.q.LogProb(a.Sub(b), beside(x, context, l.context, "variational dequantize")).Sub(a.Add(b).SumCols())
}

// spread puts the columns of the grid where they belong, among zeros.
func (l *VariationalDequantize) spread(v graph.Expr) graph.Expr {
	if k := l.dim - len(l.columns); k > 0 {
		v = graph.Concat(v, v.Zeros(k))
	}
	at, next := make([]int, l.dim), len(l.columns)
	for j := range at {
		at[j] = -1
	}
	for i, j := range l.columns {
		at[j] = i
	}
	for j := range at {
		if at[j] < 0 {
			at[j], next = next, next+1
		}
	}
	return v.Columns(at)
}
