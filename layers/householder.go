package layers

import (
	"math/rand/v2"

	"github.com/gorgeflow/gorge/graph"
)

// Householder is the rotation of Tomczak & Welling (2016), arXiv:1611.09630, a product
// of K reflections,
//
//	u = H_K … H_1 x,  H = 1 - 2 v vᵀ/(vᵀv)
//
// of log-determinant zero. A context moves the v, one rotation for each row; the
// reflections are then applied one after the other, at the cost of K·dim.
type Householder struct {
	given      amortised // v, one in each row
	dim, count int
}

// HouseholderOptions are the settings of a Householder layer.
type HouseholderOptions struct {
	// Context is the number of context columns, Net the network that they move the
	// parameters by.
	Context int
	Net     Net
}

// NewHouseholder makes the layer; 0 reflections are as many as columns, made even. It
// starts as the identity, if their number is even.
func NewHouseholder(p *graph.Params, dim, count int, opts HouseholderOptions) *Householder {
	dim = atLeastOne(p, "householder", dim)
	count = reflections(p, "householder", count, dim)
	return &Householder{amortise(p, "householder", opts.Context, opts.Net, householders(p, "v", count, dim)), dim, count}
}

// Inverse emits u.
func (l *Householder) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "householder") {
		return x, x
	}
	return reflectRows(l.given.of(x.Graph(), context)[0], x, l.count, false), x.Zeros(1)
}

// Forward emits x.
func (l *Householder) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "householder") {
		return u, u
	}
	return reflectRows(l.given.of(u.Graph(), context)[0], u, l.count, true), u.Zeros(1)
}

// householders are the vectors of reflections, each pair of them equal at first, so
// that their product is the identity.
func householders(p *graph.Params, name string, count, dim int) *graph.Param {
	return p.New(name, count, dim, func(rng *rand.Rand, rows, cols int, v []float64) {
		for i := range v {
			v[i] = rng.NormFloat64()
			if i/cols%2 == 1 {
				v[i] = v[i-cols]
			}
		}
	})
}

// reflected multiplies the reflections in the rows of v, the first applied first:
// H_K … H_1, H = 1 - 2 v vᵀ/(vᵀv).
func reflected(v graph.Expr, count, dim int) graph.Expr {
	q := eye(v.Graph(), dim)
	for k := range count {
		r := v.TakeRows(k, k+1)
		n := r.Square().SumCols().Max(v.Graph().Scalar(1e-30))
		q = q.Sub(r.Transpose().Times(r.Times(q)).Mul(n.Recip().Scale(2)))
	}
	return q
}

// reflectRows applies the reflections to each row of x: the last first, if back.
func reflectRows(v, x graph.Expr, count int, back bool) graph.Expr {
	dim := x.Cols()
	if !v.HasRows() {
		if q := reflected(v, count, dim); back {
			return x.Times(q)
		} else {
			return x.Linear(q, graph.Expr{})
		}
	}
	for k := range count {
		if back {
			k = count - 1 - k
		}
		r := v.Slice(k*dim, (k+1)*dim)
		n := r.Square().SumCols().Max(v.Graph().Scalar(1e-30))
		x = x.Sub(r.Mul(r.Mul(x).SumCols().Div(n).Scale(2)))
	}
	return x
}

// reflections checks their number; 0 is the default, dim made even.
func reflections(p *graph.Params, name string, count, dim int) int {
	if count == 0 {
		count = dim + dim%2
	}
	if count < 0 || count > 1024 {
		p.Fail("layers: %s: %d reflections: want 1 to 1024", name, count)
		return 2
	}
	return count
}
