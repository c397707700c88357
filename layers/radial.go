package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Radial is the radial flow of Rezende & Mohamed (2015), arXiv:1505.05770,
//
//	u = x + β (x - c)/(α + |x - c|),  α > 0, β > -α
//
// Forward finds |x - c| by the root of a quadratic.
type Radial struct {
	centre, alpha, beta *graph.Param
	dim                 int
}

// NewRadial makes a radial layer of dim columns: α = softplus(a), β = softplus(b) - α.
// It starts near the identity.
func NewRadial(p *graph.Params, dim int) *Radial {
	dim = atLeastOne(p, "radial", dim)
	one := inverseSoftplus(1)
	return &Radial{p.New("centre", 1, dim, graph.Gaussian(0.3)), p.New("alpha", 1, 1, graph.Fill(one)), p.New("beta", 1, 1, graph.Fill(one)), dim}
}

func (l *Radial) parts(g *graph.Graph) (c, alpha, beta graph.Expr) {
	alpha = g.Use(l.alpha).Softplus().Shift(1e-3)
	return g.Use(l.centre), alpha, g.Use(l.beta).Softplus().Shift(1e-3).Sub(alpha)
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
func (l *Radial) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "radial") {
		return x, x
	}
	c, alpha, beta := l.parts(x.Graph())
	d := x.Sub(c)
	r := norm(d)
	return x.Add(d.Mul(beta.Div(r.Add(alpha)))), l.logDet(r, alpha, beta)
}

// Forward emits x. With s = |u - c|, r² + (α + β - s) r - s α = 0.
func (l *Radial) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "radial") {
		return u, u
	}
	c, alpha, beta := l.parts(u.Graph())
	d := u.Sub(c)
	s := norm(d)
	p := alpha.Add(beta).Sub(s)
	// The root that does not cancel, on either side of p = 0.
	root := norm(graph.Concat(p, s.Mul(alpha).Scale(4).Sqrt()))
	g := u.Graph()
	r := p.Less(g.Scalar(0)).Where(root.Sub(p).Scale(0.5), s.Mul(alpha).Scale(2).Div(root.Add(p).Max(g.Scalar(math.SmallestNonzeroFloat32*1e8))))
	return c.Add(d.Mul(r.Add(alpha).Div(r.Add(alpha).Add(beta)))), l.logDet(r, alpha, beta).Neg()
}
