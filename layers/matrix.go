package layers

import (
	"fmt"

	"github.com/gorgeflow/gorge/graph"
)

// Matrix is a linear layer u = W x + b whose matrix is made so that its inverse and
// its determinant are known. [NewQR], [NewSVD], [NewRotation], [NewRandomRotation],
// [NewLowRank], [NewDCT] and [NewHaar] make one; [LU], [Triangular], [Householder] and
// [FixedAffine] are their own.
type Matrix struct {
	dim  int
	name string
	bias *graph.Param
	// of returns W or W⁻¹, and log|det W|.
	of func(g *graph.Graph, inverse bool) (w, logDet graph.Expr)
}

// Inverse emits u = W x + b.
func (l *Matrix) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, l.name) {
		return x, x
	}
	w, d := l.of(x.Graph(), false)
	return x.Linear(w, use(x, l.bias)), d.Expand(x.Zeros(1))
}

// Forward emits x = W⁻¹ (u - b).
func (l *Matrix) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, l.name) {
		return u, u
	}
	w, d := l.of(u.Graph(), true)
	y := u
	if l.bias != nil {
		y = u.Sub(u.Graph().Use(l.bias))
	}
	return y.Linear(w, graph.Expr{}).InverseOf(u), d.Neg().Expand(u.Zeros(1))
}

// String names the layer.
func (l *Matrix) String() string { return fmt.Sprintf("%s(%d)", l.name, l.dim) }

func newMatrix(p *graph.Params, name string, dim int, bias bool) *Matrix {
	l := &Matrix{dim: atLeastOne(p, name, dim), name: name}
	if bias {
		l.bias = p.New("bias", 1, l.dim, nil)
	}
	return l
}

// eye is the identity matrix.
func eye(g *graph.Graph, n int) graph.Expr { return g.Constant(n, n, eyeValues(n)) }

func eyeValues(n int) []float64 {
	v := make([]float64, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	return v
}

// fixed is a matrix that nothing trains.
func fixed(p *graph.Params, name string, dim int, w, inverse []float64, logDet float64) *Matrix {
	l := newMatrix(p, name, dim, false)
	l.of = func(g *graph.Graph, inv bool) (graph.Expr, graph.Expr) {
		m := w
		if inv {
			m = inverse
		}
		return g.Constant(l.dim, l.dim, m), g.Scalar(logDet)
	}
	return l
}

func transposed(w []float64, n int) []float64 {
	out := make([]float64, len(w))
	for i := range n {
		for j := range n {
			out[j*n+i] = w[i*n+j]
		}
	}
	return out
}
