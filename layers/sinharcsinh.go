package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// SinhArcsinh is the map of Jones and Pewsey (2009),
//
//	u = sinh(t (asinh(x) + k)),  t = e^h
//
// with skewness k and tail weight t: both directions in closed form.
type SinhArcsinh struct {
	// Limit bounds log t smoothly, and k by five times as much; default 1, negative
	// for none.
	Limit float64
}

func (t SinhArcsinh) check() error { return checkSize("limit", t.Limit) }

// Params is 2.
func (SinhArcsinh) Params() int { return 2 }

func (t SinhArcsinh) parts(h graph.Expr) (skew, logTail graph.Expr) {
	l := orDefault(t.Limit, 1)
	return limited(h.Stride(0, 2), 5*l), limited(h.Stride(1, 2), l)
}

// asinh is written so that no x overflows, and is smooth at zero: by the area
// tangent of the half within ±1, beyond by log(a + √(1+a²)).
func asinh(x graph.Expr) graph.Expr {
	one := x.Graph().Scalar(1)
	in := x.Clamp(-1, 1)
	t := in.Div(in.Square().Shift(1).Sqrt().Shift(1))
	near := t.Log1p().Sub(t.Neg().Log1p())
	a := x.Abs().Max(one)
	far := a.Log().Add(a.Recip().Square().Shift(1).Sqrt().Log1p())
	return x.Abs().Less(one).Where(near, x.Sign().Mul(far))
}

func sinh(x graph.Expr) graph.Expr { return x.Expm1().Sub(x.Neg().Expm1()).Scale(0.5) }

// logCosh is log cosh x.
func logCosh(x graph.Expr) graph.Expr {
	a := x.Abs()
	return a.Add(a.Scale(-2).Exp().Log1p()).Shift(-math.Ln2)
}

// Inverse maps data to noise.
func (t SinhArcsinh) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k, l := t.parts(h)
	a := asinh(x)
	q := a.Add(k).Mul(l.Exp())
	// √(1+x²) is cosh(asinh x).
	return sinh(q), logCosh(q).Add(l).Sub(logCosh(a))
}

// Forward maps noise to data.
func (t SinhArcsinh) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	k, l := t.parts(h)
	a := asinh(u)
	q := a.Mul(l.Neg().Exp()).Sub(k)
	return sinh(q), logCosh(q).Sub(l).Sub(logCosh(a))
}
