package layers

import "github.com/gorgeflow/gorge/graph"

// NewLowRank makes W = D + U Vᵀ, D diagonal and positive, U and V of rank columns
// and bounded smoothly by ±10,
// with the inverse of Woodbury and the determinant lemma. With symmetric, V = U:
// W is then positive definite whatever the parameters; without, training may bring
// it close to a singular matrix. It starts near the identity. [PositiveLowRank] is the
// symmetric one with a context.
func NewLowRank(p *graph.Params, dim, rank int, symmetric bool) *Matrix {
	l := newMatrix(p, "low rank", dim, true)
	n := l.dim
	if rank < 1 || rank > n {
		p.Fail("layers: low rank: rank %d of %d columns", rank, n)
		rank = 1
	}
	s, u := p.New("diagonal", 1, n, graph.Fill(inverseSoftplus(1-1e-3))), p.New("u", n, rank, graph.Gaussian(0.01))
	v := u
	if !symmetric {
		v = p.New("v", n, rank, graph.Gaussian(0.01))
	}
	l.of = func(g *graph.Graph, inverse bool) (w, logDet graph.Expr) {
		d, a, b := g.Use(s).Softplus().Shift(1e-3), limited(g.Use(u), 10), limited(g.Use(v), 10)
		small := eye(g, rank).Add(b.Transpose().Mul(d.Recip()).Times(a)) // 1 + Vᵀ D⁻¹ U
		logDet = d.Log().SumCols().Add(small.LogDet())
		if !inverse {
			return a.Times(b.Transpose()).Add(eye(g, n).Mul(d)), logDet
		}
		left := a.Transpose().Mul(d.Recip()).Transpose() // D⁻¹ U
		right := b.Transpose().Mul(d.Recip())            // Vᵀ D⁻¹
		return eye(g, n).Mul(d.Recip()).Sub(left.Times(small.MatInverse()).Times(right)), logDet
	}
	return l
}
