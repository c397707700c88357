package layers

import "github.com/gorgeflow/gorge/graph"

// NewSVD makes W = U S V with U and V products of Householder reflections and
// S = 1e-3 + softplus(s) diagonal (Tomczak & Welling 2016, arXiv:1611.09630). 0 reflections
// are as many as columns, made even. With a context, a [Householder], an [ActNorm] and a
// [Householder] one after the other are the same for each row.
func NewSVD(p *graph.Params, dim, count int) *Matrix {
	l := newMatrix(p, "svd", dim, true)
	n := l.dim
	count = reflections(p, "svd", count, n)
	u, v := householders(p, "u", count, n), householders(p, "v", count, n)
	s := p.New("singular_values", 1, n, graph.Fill(inverseSoftplus(1-1e-3)))
	l.of = func(g *graph.Graph, inverse bool) (w, logDet graph.Expr) {
		a, b, d := reflected(g.Use(u), count, n), reflected(g.Use(v), count, n), g.Use(s).Softplus().Shift(1e-3)
		if inverse {
			return b.Transpose().Mul(d.Recip()).Times(a.Transpose()), d.Log().SumCols()
		}
		return a.Mul(d).Times(b), d.Log().SumCols()
	}
	return l
}
