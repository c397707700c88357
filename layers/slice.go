package layers

import "github.com/gorgeflow/gorge/graph"

// Slice drops columns on the way from data to noise (Nielsen et al. 2020,
// arXiv:2007.02731; the splits of multi-scale flows, Dinh et al. 2017,
// arXiv:1605.08803):
//
//	u = x_A,   x_B ~ q(x_B | x_A),   log p(x) = log p(u) + log q(x_B | x_A)
//
// A is the first columns; a [Permutation] above brings others there. Inverse is a
// function and densities are exact; Forward draws x_B. Turned round, it is [NewAugment].
type Slice struct {
	name               string
	dim, keep, context int
	q                  Density
}

// NewSlice makes a layer that keeps the first keep of dim columns. The density of
// the others is conditioned on those, and on the context beside them if there are
// columns of it.
func NewSlice(p *graph.Params, dim, keep int, q Density, context int) *Slice {
	return newSlice(p, "slice", dim, keep, q, context)
}

func newSlice(p *graph.Params, name string, dim, keep int, q Density, context int) *Slice {
	if keep < 1 || keep >= dim {
		p.Fail("layers: %s: %d of %d columns kept: want at least one, not all", name, keep, dim)
		keep, dim = 1, 2
	}
	checkDensity(p, name, q, context)
	return &Slice{name, dim, keep, context, q}
}

// Random says that Forward draws.
func (l *Slice) Random() (forward, inverse bool) { return true, false }

// Inverse emits u = x_A and log q(x_B | x_A).
func (l *Slice) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, l.name) {
		return x, x
	}
	u = x.Slice(0, l.keep)
	return u, l.q.LogProb(x.Slice(l.keep, l.dim), beside(u, context, l.context, l.name))
}

// Forward emits x = (u, x_B) with x_B drawn, and -log q(x_B | u).
func (l *Slice) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.keep, l.name) {
		return u, u
	}
	b, logQ := l.q.SampleLogProb(u.Graph(), beside(u, context, l.context, l.name), 1)
	return graph.Concat(u, b), logQ.Neg()
}
