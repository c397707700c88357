package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// NewSigmoid is x = lo + (hi - lo) σ(u), onto the open interval.
func NewSigmoid(p *graph.Params, lo, hi float64) *Bijection {
	if !(lo < hi) || math.IsInf(hi-lo, 0) {
		p.Fail("layers: sigmoid onto (%v, %v): want finite lo < hi", lo, hi)
		lo, hi = 0, 1
	}
	size := math.Log(hi - lo)
	return elementwise("sigmoid",
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			return u.Sigmoid().Affine(hi-lo, lo), logSigmoid(u).Add(logSigmoid(u.Neg())).Shift(size)
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			a, b := x.Shift(-lo).Scale(1/(hi-lo)).Log(), x.Affine(-1, hi).Scale(1/(hi-lo)).Log()
			return a.Sub(b), a.Add(b).Shift(size).Neg()
		})
}

// NewTanh is x = tanh(u), onto (-1, 1).
func NewTanh() *Bijection {
	return elementwise("tanh",
		func(u graph.Expr) (graph.Expr, graph.Expr) { return u.Tanh(), logCosh(u).Scale(-2) },
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			a, b := x.Log1p(), x.Neg().Log1p()
			return a.Sub(b).Scale(0.5), a.Add(b).Neg()
		})
}
