package layers

import "github.com/gorgeflow/gorge/graph"

// Saturate limits x smoothly to ±limit: x/√(1+(x/limit)²). It is written so that
// no finite x overflows on the way.
func Saturate(x graph.Expr, limit float64) graph.Expr {
	big := x.Abs().Shift(limit) // ≥ limit
	a := x.Div(big)
	b := big.Recip().Scale(limit)
	return a.Scale(limit).Div(a.Square().Add(b.Square()).Sqrt())
}
