package flows

import "github.com/gorgeflow/gorge/graph"

// LocationScale moves and scales another base, column by column:
//
//	u = m + s v,   v ~ the other base
//
// with m and log s learnt or, with a context, given by a linear map of it. So any base
// on the line depends on a context. Log-scales are bounded smoothly by ±5.
type LocationScale struct {
	of         Base
	loc, scale given
}

// NewLocationScale makes it of a base, given context columns of context; 0 is none. It
// starts as the base itself.
func NewLocationScale(p *graph.Params, of Base, context int) *LocationScale {
	if of == nil {
		p.Fail("flows: location-scale base: no base given")
		of = NewStandardNormal(p, 1)
	}
	return &LocationScale{of, newGiven(p, "location", of.Dim(), context, nil), newGiven(p, "log_scale", of.Dim(), context, nil)}
}

// Dim is the number of columns.
func (b *LocationScale) Dim() int { return b.of.Dim() }

// LogProb is log p(v) - Σ log s, with v = (u - m)/s.
func (b *LocationScale) LogProb(u, context graph.Expr) graph.Expr {
	g := u.Graph()
	m, logS := b.loc.use(g, context), bounded(b.scale.use(g, context))
	return b.of.LogProb(u.Sub(m).Mul(logS.Neg().Exp()), context).Sub(logS.SumCols())
}

// Sample emits m + s·v.
func (b *LocationScale) Sample(g *graph.Graph, context graph.Expr, temperature float64) graph.Expr {
	m, logS := b.loc.use(g, context), bounded(b.scale.use(g, context))
	return b.of.Sample(g, context, temperature).Mul(logS.Exp()).Add(m)
}
