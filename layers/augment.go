package layers

import "github.com/gorgeflow/gorge/graph"

// NewAugment makes a layer that adds columns of noise to the data, on the way from
// data to noise, for the layers below to mix with them (Huang et al. 2020,
// arXiv:2002.07101; Nielsen et al. 2020, arXiv:2007.02731):
//
//	u = (x, e),   e ~ q(e | x),   log p(x) ≥ E log p(u) - log q(e | x)
//
// It is a [Slice] turned round: Forward drops the columns, the density is a lower
// bound. Layers below see dim + extra columns; q has extra, conditioned on x and on
// context columns of a context beside it.
func NewAugment(p *graph.Params, dim, extra int, q Density, context int) *Inverted {
	return Invert(newSlice(p, "augment", dim+extra, dim, q, context))
}
