package layers

import "github.com/gorgeflow/gorge/graph"

// NewQR makes W = Q R with Q a product of Householder reflections (Tomczak &
// Welling 2016, arXiv:1611.09630; Hoogeboom et al. 2019, arXiv:1901.11137) and R
// upper triangular of diagonal e^s. 0 reflections are as many as columns, made
// even. It starts as the identity, if their number is even. With a context, see
// [Householder] and [Triangular].
func NewQR(p *graph.Params, dim, count int) *Matrix {
	l := newMatrix(p, "qr", dim, true)
	n := l.dim
	count = reflections(p, "qr", count, n)
	q, r, s := householders(p, "q", count, n), p.New("upper", n, n, nil), p.New("log_diagonal", 1, n, nil)
	l.of = func(g *graph.Graph, inverse bool) (w, logDet graph.Expr) {
		a, d := reflected(g.Use(q), count, n), limited(g.Use(s), 10)
		t := triangular(g.Use(r), d.Exp(), n, true)
		if inverse {
			return t.TriInverse(true).Times(a.Transpose()), d.SumCols()
		}
		return a.Times(t), d.SumCols()
	}
	return l
}
