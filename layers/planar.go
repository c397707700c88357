package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Planar is the planar flow of Rezende & Mohamed (2015), arXiv:1505.05770,
//
//	u = x + û tanh(w·x + b),  w·û > -1
//
// with û = v + (softplus(w·v + c) - 1 - w·v) w/|w|² and c = log(e-1), so that a small
// v is near the identity. Forward is solved for along w.
type Planar struct {
	v, w, b *graph.Param
	dim     int
	shift   float64
}

// PlanarOptions are the settings of a planar layer.
type PlanarOptions struct {
	// Plain is c = 0, as in the paper.
	Plain bool
}

// NewPlanar makes a planar layer of dim columns, near the identity unless plain.
func NewPlanar(p *graph.Params, dim int, opts PlanarOptions) *Planar {
	dim = atLeastOne(p, "planar", dim)
	l := &Planar{v: p.New("v", 1, dim, graph.Gaussian(0.01)), w: p.New("w", 1, dim, graph.Gaussian(0.3)), b: p.New("b", 1, 1, nil), dim: dim}
	if !opts.Plain {
		l.shift = inverseSoftplus(1)
	}
	return l
}

// parts returns w, û, w·û and b.
func (l *Planar) parts(g *graph.Graph) (w, u, wu, b graph.Expr) {
	w, v := g.Use(l.w), g.Use(l.v)
	wv := w.Mul(v).SumCols()
	n := w.Square().SumCols().Shift(1e-12)
	wu = wv.Shift(l.shift).Softplus().Shift(-1)
	u = v.Add(w.Mul(wu.Sub(wv).Div(n)))
	return w, u, wu.Max(g.Scalar(-1 + 1e-6)), g.Use(l.b)
}

// Inverse emits u.
func (l *Planar) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "planar") {
		return x, x
	}
	w, v, wu, b := l.parts(x.Graph())
	t := x.Linear(w, b).Tanh()
	return x.Add(t.Mul(v)), t.Square().Affine(-1, 1).Mul(wu).Log1p()
}

// Forward emits x: the place along w is the root of a + (w·û) tanh(a + b) = w·u.
func (l *Planar) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "planar") {
		return u, u
	}
	w, v, wu, b := l.parts(u.Graph())
	one := u.Zeros(1)
	a := u.Linear(w, graph.Expr{}).Solve(func(a graph.Expr, args []graph.Expr) (graph.Expr, graph.Expr) {
		t := a.Add(args[1]).Tanh()
		return a.Add(args[0].Mul(t)), t.Square().Affine(-1, 1).Mul(args[0]).Log1p()
	}, wu.Expand(one), b.Expand(one))
	t := a.Add(b).Tanh()
	return u.Sub(t.Mul(v)), t.Square().Affine(-1, 1).Mul(wu).Log1p().Neg()
}

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

// Sylvester is the Sylvester flow of van den Berg et al. (2018), arXiv:1803.05649,
//
//	u = x + Q R₁ tanh(R₂ Qᵀ x + b)
//
// with orthonormal columns Q and upper triangular R₁, R₂ whose diagonals, tanh(d),
// have products above -1. Forward is solved for one coordinate of Qᵀx after the
// other, from the last.
type Sylvester struct {
	dim, m               int
	q                    *graph.Param
	kind                 SylvesterKind
	r1, r2, d1, d2, bias *graph.Param
}

// SylvesterKind says where the orthonormal columns come from.
type SylvesterKind string

const (
	// SylvesterOrthogonal, the default, orthonormalises a matrix by Gram and Schmidt.
	SylvesterOrthogonal SylvesterKind = "orthogonal"
	// SylvesterHouseholder takes columns of a product of reflections.
	SylvesterHouseholder SylvesterKind = "householder"
	// SylvesterTriangular takes the identity: then all the columns are transformed.
	SylvesterTriangular SylvesterKind = "triangular"
)

// NewSylvester makes a Sylvester layer of dim columns through m coordinates, near
// the identity.
func NewSylvester(p *graph.Params, dim, m int, kind SylvesterKind) *Sylvester {
	dim = atLeastOne(p, "sylvester", dim)
	if kind == "" {
		kind = SylvesterOrthogonal
	}
	if kind == SylvesterTriangular {
		m = dim
	}
	if m < 1 || m > dim {
		p.Fail("layers: sylvester: %d coordinates of %d columns", m, dim)
		m = 1
	}
	l := &Sylvester{dim: dim, m: m, kind: kind}
	switch kind {
	case SylvesterOrthogonal:
		l.q = p.New("q", m, dim, graph.Gaussian(1))
	case SylvesterHouseholder:
		l.q = householders(p, "q", dim+dim%2, dim)
	case SylvesterTriangular:
	default:
		p.Fail("layers: sylvester: kind %q: want %q, %q or %q", kind, SylvesterOrthogonal, SylvesterHouseholder, SylvesterTriangular)
	}
	l.r1, l.r2 = p.New("r1", m, m, nil), p.New("r2", m, m, nil)
	l.d1, l.d2, l.bias = p.New("d1", 1, m, graph.Gaussian(0.1)), p.New("d2", 1, m, graph.Gaussian(0.1)), p.New("bias", 1, m, nil)
	return l
}

// parts returns Qᵀ, of m rows, R₁, R₂ and their diagonals. Diagonals are kept to
// 0.99, so that slopes are at least 0.02.
func (l *Sylvester) parts(g *graph.Graph) (qt, r1, r2, d1, d2 graph.Expr) {
	switch l.kind {
	case SylvesterOrthogonal:
		qt = orthonormal(g.Use(l.q), l.m)
	case SylvesterHouseholder:
		qt = reflect(g.Use(l.q), l.dim+l.dim%2, l.dim).TakeRows(0, l.m)
	default:
		qt = eye(g, l.dim)
	}
	d1, d2 = g.Use(l.d1).Tanh(), g.Use(l.d2).Tanh()
	d1 = d1.Scale(0.99)
	up := triangle(g, l.m, true)
	return qt, g.Use(l.r1).Mul(up).Add(eye(g, l.m).Mul(d1)), g.Use(l.r2).Mul(up).Add(eye(g, l.m).Mul(d2)), d1, d2
}

// orthonormal makes the rows of a so, one after the other.
func orthonormal(a graph.Expr, rows int) graph.Expr {
	var done []graph.Expr
	for i := range rows {
		v := a.TakeRows(i, i+1)
		for range 2 { // twice is enough for all digits
			for _, q := range done {
				v = v.Sub(q.Mul(v.Mul(q).SumCols()))
			}
		}
		done = append(done, v.Mul(v.Square().SumCols().Shift(1e-24).Sqrt().Recip()))
	}
	return graph.Stack(done...)
}

// Inverse emits u.
func (l *Sylvester) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "sylvester") {
		return x, x
	}
	qt, r1, r2, d1, d2 := l.parts(x.Graph())
	t := x.Linear(qt, graph.Expr{}).Linear(r2, use(x, l.bias)).Tanh()
	return x.Add(t.Linear(r1, graph.Expr{}).Times(qt)), t.Square().Affine(-1, 1).Mul(d1.Mul(d2)).Log1p().SumCols()
}

// Forward emits x.
func (l *Sylvester) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "sylvester") {
		return u, u
	}
	qt, r1, r2, d1, d2 := l.parts(u.Graph())
	v := u.Linear(qt, graph.Expr{})
	b := use(u, l.bias)
	one := u.Zeros(1)
	z, t := u.Zeros(l.m), u.Zeros(l.m)
	for i := l.m - 1; i >= 0; i-- {
		// What later coordinates add: theirs are known, this one's and earlier ones are 0.
		pre := z.Linear(r2.TakeRows(i, i+1), b.Slice(i, i+1))
		y := v.Slice(i, i+1).Sub(t.Linear(r1.TakeRows(i, i+1), graph.Expr{}))
		zi := y.Solve(func(z graph.Expr, args []graph.Expr) (graph.Expr, graph.Expr) {
			t := args[1].Mul(z).Add(args[2]).Tanh()
			return z.Add(args[0].Mul(t)), t.Square().Affine(-1, 1).Mul(args[0]).Mul(args[1]).Log1p()
		}, d1.Slice(i, i+1).Expand(one), d2.Slice(i, i+1).Expand(one), pre)
		z = z.Place(i, zi)
		t = t.Place(i, d2.Slice(i, i+1).Mul(zi).Add(pre).Tanh())
	}
	return u.Sub(t.Linear(r1, graph.Expr{}).Times(qt)), t.Square().Affine(-1, 1).Mul(d1.Mul(d2)).Log1p().SumCols().Neg()
}
