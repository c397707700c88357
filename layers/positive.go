package layers

import "github.com/gorgeflow/gorge/graph"

// NewExp is x = eᵘ, onto the positive numbers; beyond |u| = 80 it stays at e^±80.
// The density of other numbers is NaN.
func NewExp() *Bijection {
	return elementwise("exp",
		func(u graph.Expr) (graph.Expr, graph.Expr) { u = u.Clamp(-80, 80); return u.Exp(), u },
		func(x graph.Expr) (graph.Expr, graph.Expr) { l := x.Log(); return l, l.Neg() })
}

// NewSoftplus is x = log(1 + eᵘ), onto the positive numbers: linear for large ones. The
// density of other numbers is NaN.
func NewSoftplus() *Bijection {
	return elementwise("softplus",
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			u = u.Max(u.Graph().Scalar(-80))
			return u.Softplus(), logSigmoid(u)
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) { // u = x + log(1 - e^{-x})
			l := x.Neg().Expm1().Neg().Log()
			return x.Add(l), l.Neg()
		})
}
