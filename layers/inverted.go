package layers

import "github.com/gorgeflow/gorge/graph"

// Inverted is a layer run the other way round. An inverted [Autoregressive] is
// the inverse autoregressive flow of Kingma et al. (2016), arXiv:1606.04934:
// fast to sample, its densities element by element.
type Inverted struct{ l layer }

// Invert turns a layer, any flows.Layer, round.
func Invert(l layer) *Inverted { return &Inverted{l} }

// Forward is the layer's Inverse.
func (i *Inverted) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if i.l == nil {
		return none(u)
	}
	return i.l.Inverse(u, context)
}

// Inverse is the layer's Forward.
func (i *Inverted) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if i.l == nil {
		return none(x)
	}
	return i.l.Forward(x, context)
}

// none is what an inverted layer that was not given emits.
func none(x graph.Expr) (y, logDet graph.Expr) {
	y = x.Graph().Fail("invert", "no layer was given")
	return y, y
}
