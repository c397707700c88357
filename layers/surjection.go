package layers

import "github.com/gorgeflow/gorge/graph"

// Density is the density of what a surjection forgets, given what it keeps as the
// context; *flows.Flow is one. Of a context that the layer has itself, it gets the
// columns beside those.
type Density interface {
	LogProb(x, context graph.Expr) graph.Expr
	SampleLogProb(g *graph.Graph, context graph.Expr, temperature float64) (x, logProb graph.Expr)
	// Bound must be false: the density of a draw must be exact.
	Bound() bool
}

// checkDensity checks a density and the number of columns of context beside it.
func checkDensity(p *graph.Params, layer string, d Density, context int) {
	switch {
	case context < 0:
		p.Fail("layers: %s: %d columns of context: must not be negative", layer, context)
	case d == nil:
		p.Fail("layers: %s: no density given", layer)
	case d.Bound():
		p.Fail("layers: %s: the density of what is drawn is a bound, not exact", layer)
	}
}

// beside is what a density is given: x and, of a layer with a context, the context.
func beside(x, context graph.Expr, columns int, layer string) graph.Expr {
	switch {
	case columns == 0:
		return x
	case context.IsZero():
		return x.Graph().Fail(layer, "the layer has a context, none was given")
	}
	return graph.Concat(x, context)
}

// Random says which directions draw noise: the other ones than the layer's.
func (i *Inverted) Random() (forward, inverse bool) {
	inverse, forward = random(i.l)
	return forward, inverse
}

// random says which directions of a layer draw noise: neither, unless it is a surjection.
func random(l layer) (forward, inverse bool) {
	if s, ok := l.(interface {
		Random() (forward, inverse bool)
	}); ok {
		return s.Random()
	}
	return false, false
}

// given evaluates the network, on the context too if it was made for one.
func (n *network) given(x, context graph.Expr) graph.Expr {
	if n.context == nil {
		context = graph.Expr{}
	}
	return n.apply(x, context)
}
