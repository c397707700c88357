package graph

import (
	"fmt"

	gonum "gonum.org/v1/gonum/mat"
)

// expm is the exponential of a square matrix without rows, computed in float64 by
// scaling and squaring of Padé approximants (gonum).
type expm struct{}

func (expm) String() string { return "expm" }
func (expm) shape(in []dims) (dims, error) {
	if in[0].rows || in[0].r != in[0].c {
		return dims{}, fmt.Errorf("%v is not a square matrix", in[0])
	}
	return in[0], nil
}

// The derivative is the Fréchet derivative at Aᵀ in the direction of the gradient,
// the upper right block of the exponential of [[Aᵀ, G], [0, Aᵀ]].
func (expm) diff(xs []Expr, _, g Expr) []Expr {
	n := xs[0].Cols()
	t := xs[0].Transpose()
	top, bottom := Concat(t, g), Concat(t.Scale(0), t)
	both := top.apply1(putRows{0, 2 * n}).Add(bottom.apply1(putRows{n, 2 * n}))
	return []Expr{both.Expm().TakeRows(0, n).Slice(n, 2*n)}
}

// Expm returns the matrix exponential of a square value without rows.
func (e Expr) Expm() Expr { return e.apply1(expm{}) }

func flatExpm[T float](out, a mat[T]) {
	n := a.r
	in := make([]float64, n*n)
	for i, v := range a.v[:n*n] {
		in[i] = float64(v)
	}
	var m gonum.Dense
	m.Exp(gonum.NewDense(n, n, in))
	for i, v := range m.RawMatrix().Data {
		out.v[i] = T(v)
	}
}
