package layers

import "github.com/gorgeflow/gorge/graph"

// Elementwise maps each column by a transformer whose parameters are learnt
// directly and depend on nothing.
type Elementwise struct {
	t   Transformer
	h   *graph.Param
	dim int
}

// NewElementwise makes an elementwise layer of dim columns.
func NewElementwise(p *graph.Params, dim int, t Transformer) *Elementwise {
	if err := checkTransformer(t); err != nil {
		p.Fail("layers: elementwise: %w", err)
		t = Affine{}
	}
	var start graph.Init
	if _, ok := t.(interface{ alike() }); ok { // components that begin alike would stay so
		start = graph.Gaussian(0.3)
	}
	return &Elementwise{at(t, identity(dim)), p.New("parameters", 1, dim*t.Params(), start), dim}
}

// Forward emits x = τ(u; h).
func (l *Elementwise) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "elementwise") {
		return u, u
	}
	x, s := l.t.Forward(u, u.Graph().Use(l.h).Expand(u.Zeros(l.dim*l.t.Params())))
	return x, s.SumCols()
}

// Inverse emits u = τ⁻¹(x; h).
func (l *Elementwise) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "elementwise") {
		return x, x
	}
	u, s := l.t.Inverse(x, x.Graph().Use(l.h).Expand(x.Zeros(l.dim*l.t.Params())))
	return u, s.SumCols()
}
