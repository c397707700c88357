package layers

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
)

// NewRotation makes W = exp(A - Aᵀ), a rotation (Lezcano-Casado & Martínez-Rubio 2019,
// arXiv:1901.08428). It starts as the identity. With a context, a [Householder] of an even
// number of reflections gives each row a rotation of its own.
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

// NewRandomRotation makes W a fixed rotation that depends on the seed alone, any as
// likely as any other (Mezzadri 2007, arXiv:math-ph/0609050).
func NewRandomRotation(p *graph.Params, dim int, seed uint64) *Matrix {
	n := atLeastOne(p, "random rotation", dim)
	rng := rand.New(rand.NewPCG(seed, 0))
	v := make([]float64, n*n)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	var qr mat.QR
	qr.Factorize(mat.NewDense(n, n, v))
	var q, r mat.Dense
	qr.QTo(&q)
	qr.RTo(&r)
	for j := range n { // with a positive diagonal of R, Q is unique, and uniform
		if r.At(j, j) < 0 {
			for i := range n {
				q.Set(i, j, -q.At(i, j))
			}
		}
	}
	if mat.Det(&q) < 0 {
		for i := range n {
			q.Set(i, 0, -q.At(i, 0))
		}
	}
	w := q.RawMatrix().Data
	return fixed(p, "random rotation", n, w, transposed(w, n), 0)
}
