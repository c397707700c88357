package layers

import "github.com/gorgeflow/gorge/graph"

// TwoSided is a coupling of both halves in one layer, as in the blocks of Ardizzone et
// al. (2019), arXiv:1907.02392,
//
//	u_B = τ⁻¹(x_B; c₁(x_A)),  u_A = τ⁻¹(x_A; c₂(u_B))
//
// A [Coupling] by itself is one-sided: x_A passes.
type TwoSided struct{ b, a *Coupling }

// NewTwoSided makes the layer; split says which columns are B. Of a single column
// there is but one side.
func NewTwoSided(p *graph.Params, dim int, split Split, t Transformer, net Net, opts CouplingOptions) *TwoSided {
	l := &TwoSided{b: NewCoupling(p.In("b"), dim, split, t, net, opts)}
	if dim > 1 {
		l.a = NewCoupling(p.In("a"), dim, split.other, t, net, opts)
	}
	return l
}

// Inverse emits u, B first.
func (l *TwoSided) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	u, logDet = l.b.Inverse(x, context)
	if l.a == nil {
		return u, logDet
	}
	u, more := l.a.Inverse(u, context)
	return u, logDet.Add(more)
}

// Forward emits x, A first.
func (l *TwoSided) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if l.a == nil {
		return l.b.Forward(u, context)
	}
	x, logDet = l.a.Forward(u, context)
	x, more := l.b.Forward(x, context)
	return x, logDet.Add(more)
}
