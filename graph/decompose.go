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
	var m gonum.Dense
	m.Exp(dense(a))
	for i, v := range m.RawMatrix().Data {
		out.v[i] = T(v)
	}
}

// matInverse and logDet are of a square matrix without rows, by LU decomposition in
// float64 (gonum).
type (
	matInverse struct{}
	logDet     struct{}
)

func (matInverse) String() string                { return "matInverse" }
func (logDet) String() string                    { return "logDet" }
func (matInverse) shape(in []dims) (dims, error) { return expm{}.shape(in) }
func (logDet) shape(in []dims) (dims, error) {
	_, err := expm{}.shape(in)
	return dims{r: 1, c: 1}, err
}

// As for triInverse.
func (matInverse) diff(_ []Expr, y, g Expr) []Expr {
	t := y.Transpose()
	return []Expr{t.Times(g).Times(t).Neg()}
}

// d log|det A| = tr(A⁻¹ dA)
func (logDet) diff(xs []Expr, _, g Expr) []Expr { return []Expr{xs[0].MatInverse().Transpose().Mul(g)} }

// MatInverse returns the inverse of a square value without rows; infinite if there
// is none.
func (e Expr) MatInverse() Expr { return e.apply1(matInverse{}) }

// LogDet returns log|det e| of a square value without rows.
func (e Expr) LogDet() Expr { return e.apply1(logDet{}) }

func dense[T float](a mat[T]) *gonum.Dense {
	in := make([]float64, a.r*a.c)
	for i, v := range a.v[:len(in)] {
		in[i] = float64(v)
	}
	return gonum.NewDense(a.r, a.c, in)
}

func flatMatInverse[T float](out, a mat[T]) {
	var m gonum.Dense
	_ = m.Inverse(dense(a)) // a singular matrix gives infinities
	for i, v := range m.RawMatrix().Data {
		out.v[i] = T(v)
	}
}

func flatLogDet[T float](out, a mat[T]) {
	d, _ := gonum.LogDet(dense(a))
	out.v[0] = T(d)
}
