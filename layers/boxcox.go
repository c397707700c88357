package layers

import "github.com/gorgeflow/gorge/graph"

// boxCox is (x^λ - 1)/λ of log x, and its inverse: log x of that.
func boxCox(logX graph.Expr, lambda float64) graph.Expr {
	if lambda == 0 {
		return logX
	}
	return logX.Scale(lambda).Expm1().Scale(1 / lambda)
}

// unBoxCox is at most 80: e⁸⁰ is about where float32 has no larger numbers to give.
func unBoxCox(u graph.Expr, lambda float64) graph.Expr {
	if lambda != 0 {
		u = u.Scale(lambda).Log1p().Scale(1 / lambda)
	}
	return u.Clamp(-80, 80)
}

// NewBoxCox is the transform of Box & Cox (1964), u = (x^λ - 1)/λ of positive x, log x
// for λ = 0. Unless λ is zero its image is a half line: noise beyond it gives NaN.
// Data stay within e^±80.
func NewBoxCox(lambda float64) *Bijection {
	return elementwise("box-cox",
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			l := unBoxCox(u, lambda)
			return l.Exp(), l.Scale(1 - lambda)
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			l := x.Log()
			return boxCox(l, lambda), l.Scale(lambda - 1)
		})
}

// NewYeoJohnson is the transform of Yeo & Johnson (2000): that of Box and Cox of 1 + x
// with λ for x ≥ 0, and of 1 - x with 2 - λ, negated, below. Its image is the real
// line for 0 ≤ λ ≤ 2; noise beyond it gives NaN.
func NewYeoJohnson(lambda float64) *Bijection {
	return elementwise("yeo-johnson",
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			neg := u.Less(u.Graph().Scalar(0))
			a := u.Abs()
			zero := a.Zeros(a.Cols())
			up, down := unBoxCox(neg.Where(zero, a), lambda), unBoxCox(neg.Where(a, zero), 2-lambda)
			return neg.Where(down.Expm1().Neg(), up.Expm1()), neg.Where(down.Scale(lambda-1), up.Scale(1-lambda))
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			neg := x.Less(x.Graph().Scalar(0))
			l := x.Abs().Log1p()
			zero := l.Zeros(l.Cols())
			up, down := boxCox(neg.Where(zero, l), lambda), boxCox(neg.Where(l, zero), 2-lambda)
			return neg.Where(down.Neg(), up), neg.Where(l.Scale(1-lambda), l.Scale(lambda-1))
		})
}
