package layers

import "github.com/gorgeflow/gorge/graph"

// NewTriangular makes W lower triangular, with diagonal 1e-3 + softplus(s).
func NewTriangular(p *graph.Params, dim int) *Matrix {
	l := newMatrix(p, "triangular", dim, true)
	n := l.dim
	low, s := p.New("lower", n, n, nil), p.New("diagonal", 1, n, graph.Fill(inverseSoftplus(1-1e-3)))
	l.of = func(g *graph.Graph, inverse bool) (w, logDet graph.Expr) {
		d := g.Use(s).Softplus().Shift(1e-3)
		w = g.Use(low).Mul(triangle(g, n, false)).Add(eye(g, n).Mul(d))
		if inverse {
			w = w.TriInverse(false)
		}
		return w, d.Log().SumCols()
	}
	return l
}
