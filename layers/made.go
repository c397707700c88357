package layers

import "github.com/gorgeflow/gorge/graph"

// MADE is the masked autoencoder of Germain et al. (2015), arXiv:1502.03509, as a
// building block: a network from dim columns to perElement numbers for each of them,
//
//	h_i = c_i(x_<i, context)
//
// [Autoregressive] layers and autoregressive bases are made of it.
type MADE struct{ n *network }

// NewMADE makes the network, given context columns of context; 0 is none.
func NewMADE(p *graph.Params, dim, perElement, context int, s Net) *MADE {
	return &MADE{newMasked(p, dim, perElement, context, s)}
}

// Bias is the bias of the outputs: perElement numbers for each element, all that h_0
// depends on without a context.
func (m *MADE) Bias() *graph.Param { return m.n.lin[len(m.n.lin)-1].b }

// Apply emits all h of known rows x, in one pass of the network.
func (m *MADE) Apply(x, context graph.Expr) graph.Expr { return m.n.apply(x, m.ctx(context)) }

// Unroll emits the rows x whose elements next makes one after the other, each of
// what the network says of those before it. A hidden unit is computed once, when the
// inputs it sees are known: one evaluation of the network in all, in as many steps
// as there are columns. Like is anything with the rows of x.
func (m *MADE) Unroll(like, context graph.Expr, next func(i int, h graph.Expr) graph.Expr) graph.Expr {
	dim, per := m.n.in, m.n.out/m.n.in
	x := like.Zeros(dim)
	s := m.n.start(x, m.ctx(context))
	for i := range dim {
		s.setInput(x)
		s.advance(i)
		x = x.Place(i, next(i, s.output(i*per, (i+1)*per)))
	}
	return x
}

// ctx is the context, if the network has one.
func (m *MADE) ctx(context graph.Expr) graph.Expr {
	if m.n.context == nil {
		return graph.Expr{}
	}
	return context
}
