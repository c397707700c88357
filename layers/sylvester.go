package layers

import "github.com/gorgeflow/gorge/graph"

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
