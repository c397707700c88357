package layers

import "github.com/gorgeflow/gorge/graph"

// Triangular is the linear map
//
//	u = L x + b,  log-determinant Σ log l_i
//
// by a lower triangular L of diagonal l = 1e-3 + softplus(s): next to a standard normal,
// the density of a normal whose precision is LᵀL. A context moves L and b, one map for
// each row: a normal of any covariance given by the context, as in Dorta et al. (2018),
// arXiv:1802.07079.
type Triangular struct {
	given amortised // L, s, b
	dim   int
}

// TriangularOptions are the settings of a triangular layer.
type TriangularOptions struct {
	// Context is the number of context columns, Net the network that they move the
	// parameters by.
	Context int
	Net     Net
}

// NewTriangular makes the layer of dim columns. It starts as the identity.
func NewTriangular(p *graph.Params, dim int, opts TriangularOptions) *Triangular {
	dim = atLeastOne(p, "triangular", dim)
	b := p.New("bias", 1, dim, nil)
	l, s := p.New("lower", dim, dim, nil), p.New("diagonal", 1, dim, graph.Fill(inverseSoftplus(1-1e-3)))
	return &Triangular{amortise(p, "triangular", opts.Context, opts.Net, l, s, b), dim}
}

// parts returns L, b and the log-determinant.
func (l *Triangular) parts(g *graph.Graph, context graph.Expr) (low, b, logDet graph.Expr) {
	h := l.given.of(g, context)
	d := h[1].Softplus().Shift(1e-3)
	return triangular(h[0], d, l.dim, false), h[2], d.Log().SumCols()
}

// Inverse emits u = L x + b.
func (l *Triangular) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "triangular") {
		return x, x
	}
	low, b, d := l.parts(x.Graph(), context)
	return product(low, x, l.dim).Add(b), d.Expand(x.Zeros(1))
}

// Forward emits x = L⁻¹ (u - b).
func (l *Triangular) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "triangular") {
		return u, u
	}
	low, b, d := l.parts(u.Graph(), context)
	return solveTriangular(low, u.Sub(b), false).InverseOf(u), d.Neg().Expand(u.Zeros(1))
}
