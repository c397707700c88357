package layers

import "github.com/gorgeflow/gorge/graph"

// NewRotation makes W = exp(A - Aᵀ), a rotation. It starts as the identity.
func NewRotation(p *graph.Params, dim int) *Matrix {
	l := newMatrix(p, "rotation", dim, false)
	a := p.New("generator", l.dim, l.dim, nil)
	l.of = func(g *graph.Graph, inverse bool) (w, logDet graph.Expr) {
		// Rotations repeat themselves: a bound on A costs nothing and keeps digits.
		m := limited(g.Use(a), 100)
		w = m.Sub(m.Transpose()).Expm()
		if inverse {
			w = w.Transpose()
		}
		return w, g.Scalar(0)
	}
	return l
}
