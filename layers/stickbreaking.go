package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// before is the sum of the earlier columns of the same row.
func before(x graph.Expr) graph.Expr { return x.CumGroups(x.Cols()).Sub(x) }

// NewStickBreaking maps to the inside of the simplex: D columns to shares of one of
// which the last, what is left, is not written. With z_i = σ(u_i - log(D+1-i)),
// x_i = z_i Π_{j<i} (1 - z_j). The density of what is not inside is NaN.
func NewStickBreaking() *Bijection {
	offsets := func(x graph.Expr) graph.Expr {
		d := x.Cols()
		return x.Graph().Constant(1, d, numbered(d, func(i int) float64 { return math.Log(float64(d - i)) }))
	}
	return &Bijection{"stick-breaking",
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			a := u.Sub(offsets(u))
			up, down := logSigmoid(a), logSigmoid(a.Neg())
			log := up.Add(before(down))
			return log.Exp(), log.Add(down).SumCols()
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			left := before(x).Affine(-1, 1) // before each column is taken
			up, down := x.Log(), left.Sub(x).Log()
			return up.Sub(down).Add(offsets(x)), up.Add(down).Sub(left.Log()).SumCols().Neg()
		}}
}
