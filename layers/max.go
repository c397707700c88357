package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Max takes the largest of the columns on the way from data to noise, and draws on
// the way back which one it was and how far below it the others are (Nielsen et al.
// 2020, arXiv:2007.02731):
//
//	u = max_i x_i,   k ~ P(k | u),   x_k = u,   x_i = u - s_i(u, k) |ε_i|,   ε_i ~ N(0, 1)
//	log p(x) = log p(u) + log P(k | u) + Σ_{i≠k} log 2 N(u - x_i; 0, s_i²)
//
// P and log s, which is bounded smoothly by ±5, are given by networks. Densities are
// exact. [Invert] makes it x = max_i u_i, one column of data, with a lower bound; the
// gradient then tells P nothing.
type Max struct {
	dim           int
	index, spread *network
}

// NewMax makes a layer of dim columns of data, one of noise, with networks that see
// context columns of a context too.
func NewMax(p *graph.Params, dim int, net Net, context int) *Max {
	dim = atLeastOne(p, "max", dim)
	return &Max{dim, newNetwork(p.In("index"), 1, dim, context, net), newNetwork(p.In("spread"), 1+dim, dim, context, net)}
}

// Random says that Forward draws.
func (l *Max) Random() (forward, inverse bool) { return true, false }

// logP is log P(k | u), one column for each k.
func (l *Max) logP(u, context graph.Expr) graph.Expr {
	a := l.index.given(u, context)
	return a.Sub(a.LogSumExp(l.dim))
}

// below is log P(k | u) + Σ_{i≠k} log 2 N(d_i; 0, s_i²), k where hot is 1.
func (l *Max) below(d, hot, logP, logS graph.Expr) graph.Expr {
	z := d.Mul(logS.Neg().Exp())
	half := z.Square().Scale(-0.5).Sub(logS).Shift(0.5 * math.Log(2/math.Pi))
	return hot.Mul(logP).Add(hot.Affine(-1, 1).Mul(half)).SumCols()
}

func (l *Max) logS(u, hot, context graph.Expr) graph.Expr {
	return l.spread.given(graph.Concat(u, hot), context).Scale(1. / 5).Tanh().Scale(5)
}

// Inverse emits u = max x; of equal columns the first is k.
func (l *Max) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "max") {
		return x, x
	}
	m := x.Slice(0, 1)
	for i := 1; i < l.dim; i++ {
		m = m.Max(x.Slice(i, i+1))
	}
	top := x.Less(m).Affine(-1, 1)
	hot := top.Mul(top.CumGroups(l.dim).Less(x.Graph().Scalar(1.5)))
	u = hot.Mul(x).SumCols()
	return u, l.below(u.Sub(x), hot, l.logP(u, context), l.logS(u, hot, context))
}

// Forward emits x with its largest column k at u, the others below.
func (l *Max) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, 1, "max") {
		return u, u
	}
	g := u.Graph()
	logP := l.logP(u, context)
	hot := draw(logP)
	logS := l.logS(u, hot, context)
	d := g.Normal(l.dim).Abs().Mul(logS.Exp()).Mul(hot.Affine(-1, 1))
	return u.Sub(d), l.below(d, hot, logP, logS).Neg()
}

// draw picks a column for each row, of the probabilities exp(logP): 1 there, else 0.
func draw(logP graph.Expr) graph.Expr {
	n := logP.Cols()
	if n == 1 {
		return logP.Zeros(1).Shift(1)
	}
	reached := logP.Graph().Uniform(1).Less(logP.Exp().CumGroups(n)).Slice(0, n-1) // 0 … 0 1 … 1
	return graph.Concat(reached, reached.Zeros(1).Shift(1)).Sub(graph.Concat(reached.Zeros(1), reached))
}
