package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// NewPower is x = sign(u) |u|^p, p > 0, onto the real line. Its slope at zero is zero
// or infinite, unless p is 1: log-slopes are those of |u| = 1e-30 there.
func NewPower(p *graph.Params, power float64) *Bijection {
	if !(power > 0) || math.IsInf(power, 0) {
		p.Fail("layers: power %v: must be positive", power)
		power = 1
	}
	f := func(e float64) func(x graph.Expr) (graph.Expr, graph.Expr) {
		return func(x graph.Expr) (graph.Expr, graph.Expr) {
			l := x.Abs().Max(x.Graph().Scalar(1e-30)).Log()
			return x.Sign().Mul(l.Scale(e).Exp()), l.Affine(e-1, math.Log(e))
		}
	}
	return elementwise("power", f(power), f(1/power))
}
