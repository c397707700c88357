package layers

import "github.com/gorgeflow/gorge/graph"

// NewOrdered is x_1 = u_1, x_i = x_{i-1} + exp(u_i): columns in increasing order.
func NewOrdered() *Bijection {
	return &Bijection{"ordered",
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			d := u.Cols()
			if d < 2 {
				return u, u.Zeros(1)
			}
			rest := u.Slice(1, d).Clamp(-80, 80)
			return graph.Concat(u.Slice(0, 1), rest.Exp()).CumGroups(d), rest.SumCols()
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			d := x.Cols()
			if d < 2 {
				return x, x.Zeros(1)
			}
			l := x.Slice(1, d).Sub(x.Slice(0, d-1)).Log()
			return graph.Concat(x.Slice(0, 1), l), l.SumCols().Neg()
		}}
}
