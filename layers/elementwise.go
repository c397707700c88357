package layers

import "github.com/gorgeflow/gorge/graph"

// Elementwise maps each column by a transformer whose parameters are learnt directly,
//
//	x_i = τ(u_i; h_i)
//
// and depend on nothing or, h_i = θ_i + f_i(c), on a context c.
type Elementwise struct {
	t     Transformer
	given amortised
	dim   int
}

// ElementwiseOptions are the settings of an elementwise layer.
type ElementwiseOptions struct {
	// Context is the number of context columns, Net the network that they move the
	// parameters by.
	Context int
	Net     Net
}

// NewElementwise makes an elementwise layer of dim columns.
func NewElementwise(p *graph.Params, dim int, t Transformer, opts ElementwiseOptions) *Elementwise {
	if err := checkTransformer(t); err != nil {
		p.Fail("layers: elementwise: %w", err)
		t = Affine{}
	}
	var start graph.Init
	if _, ok := t.(interface{ alike() }); ok { // components that begin alike would stay so
		start = graph.Gaussian(0.3)
	}
	h := p.New("parameters", 1, dim*t.Params(), start)
	return &Elementwise{at(t, identity(dim)), amortise(p, "elementwise", opts.Context, opts.Net, h), dim}
}

func (l *Elementwise) parameters(x, context graph.Expr) graph.Expr {
	h := l.given.of(x.Graph(), context)[0]
	return h.Expand(x.Zeros(h.Cols()))
}

// Forward emits x = τ(u; h).
func (l *Elementwise) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "elementwise") {
		return u, u
	}
	x, s := l.t.Forward(u, l.parameters(u, context))
	return x, s.SumCols()
}

// Inverse emits u = τ⁻¹(x; h).
func (l *Elementwise) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "elementwise") {
		return x, x
	}
	u, s := l.t.Inverse(x, l.parameters(x, context))
	return u, s.SumCols()
}
