package layers

import "github.com/gorgeflow/gorge/graph"

// Bijection is a layer without parameters between the real line, on the side of the
// noise, and a set, on the side of the data.
type Bijection struct {
	name             string
	forward, inverse func(x graph.Expr) (y, logDet graph.Expr)
}

// Forward emits x in the set.
func (b *Bijection) Forward(u, _ graph.Expr) (x, logDet graph.Expr) { return b.forward(u) }

// Inverse emits u; NaN for x outside the set.
func (b *Bijection) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) { return b.inverse(x) }

// String names the layer.
func (b *Bijection) String() string { return b.name }

// elementwise is a bijection of each column, by slopes of the forward map in terms of
// either side.
func elementwise(name string, forward, inverse func(x graph.Expr) (y, logSlope graph.Expr)) *Bijection {
	sum := func(f func(x graph.Expr) (y, l graph.Expr)) func(x graph.Expr) (y, l graph.Expr) {
		return func(x graph.Expr) (graph.Expr, graph.Expr) {
			y, l := f(x)
			return y, l.SumCols()
		}
	}
	return &Bijection{name, sum(forward), sum(inverse)}
}
