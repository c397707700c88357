package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Radial is the radial flow of Rezende & Mohamed (2015), arXiv:1505.05770,
//
//	u = x + β (x - c)/(α + |x - c|),  α > 0, β > -α
//
// Forward finds |x - c| by the root of a quadratic. A context moves c, α and β.
type Radial struct {
	given amortised // c, a, b
	dim   int
}

// RadialOptions are the settings of a radial layer.
type RadialOptions struct {
	// Context is the number of context columns, Net the network that they move the
	// parameters by.
	Context int
	Net     Net
}

// NewRadial makes a radial layer of dim columns: α = softplus(a), β = softplus(b) - α.
// It starts near the identity.
func NewRadial(p *graph.Params, dim int, opts RadialOptions) *Radial {
	dim = atLeastOne(p, "radial", dim)
	one := graph.Fill(inverseSoftplus(1))
	c, a, b := p.New("centre", 1, dim, graph.Gaussian(0.3)), p.New("alpha", 1, 1, one), p.New("beta", 1, 1, one)
	return &Radial{amortise(p, "radial", opts.Context, opts.Net, c, a, b), dim}
}

func (l *Radial) parts(g *graph.Graph, context graph.Expr) (c, alpha, beta graph.Expr) {
	h := l.given.of(g, context)
	alpha = h[1].Softplus().Shift(1e-3)
	return h[0], alpha, h[2].Softplus().Shift(1e-3).Sub(alpha)
}

// norm is the length of each row, without overflow, and with a derivative at zero.
func norm(d graph.Expr) graph.Expr {
	top := d.Abs().SumCols().Shift(1e-6)
	return d.Div(top).Square().SumCols().Shift(1e-12).Sqrt().Mul(top)
}

// logDet is (D-1) log(1 + β/(α+r)) + log(1 + β α/(α+r)²).
func (l *Radial) logDet(r, alpha, beta graph.Expr) graph.Expr {
	h := r.Add(alpha).Recip()
	return beta.Mul(h).Log1p().Scale(float64(l.dim - 1)).Add(beta.Mul(alpha).Mul(h.Square()).Log1p())
}

// Inverse emits u.
func (l *Radial) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "radial") {
		return x, x
	}
	c, alpha, beta := l.parts(x.Graph(), context)
	d := x.Sub(c)
	r := norm(d)
	return x.Add(d.Mul(beta.Div(r.Add(alpha)))), l.logDet(r, alpha, beta)
}

// Forward emits x. With s = |u - c|, r² + (α + β - s) r - s α = 0.
func (l *Radial) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "radial") {
		return u, u
	}
	c, alpha, beta := l.parts(u.Graph(), context)
	d := u.Sub(c)
	s := norm(d)
	p := alpha.Add(beta).Sub(s)
	// The root that does not cancel, on either side of p = 0.
	root := norm(graph.Concat(p, s.Mul(alpha).Scale(4).Sqrt()))
	g := u.Graph()
	r := p.Less(g.Scalar(0)).Where(root.Sub(p).Scale(0.5), s.Mul(alpha).Scale(2).Div(root.Add(p).Max(g.Scalar(math.SmallestNonzeroFloat32*1e8))))
	return c.Add(d.Mul(r.Add(alpha).Div(r.Add(alpha).Add(beta)))), l.logDet(r, alpha, beta).Neg()
}
