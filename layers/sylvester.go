package layers

import "github.com/gorgeflow/gorge/graph"

// Sylvester is the Sylvester flow of van den Berg et al. (2018), arXiv:1803.05649,
//
//	u = x + Q R₁ tanh(R₂ Qᵀ x + b)
//
// with orthonormal columns Q and upper triangular R₁, R₂ whose diagonals, tanh(d),
// have products above -1. Forward is solved for one coordinate of Qᵀx after the
// other, from the last. A context moves all of them, as in the paper.
type Sylvester struct {
	dim, m int
	kind   SylvesterKind
	given  amortised // R₁, R₂, d₁, d₂, b, and what Q is made of
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

// SylvesterOptions are the settings of a Sylvester layer.
type SylvesterOptions struct {
	// Context is the number of context columns, Net the network that they move the
	// parameters by.
	Context int
	Net     Net
}

// NewSylvester makes a Sylvester layer of dim columns through m coordinates, near
// the identity.
func NewSylvester(p *graph.Params, dim, m int, kind SylvesterKind, opts SylvesterOptions) *Sylvester {
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
	var q []*graph.Param
	switch kind {
	case SylvesterOrthogonal:
		q = append(q, p.New("q", m, dim, graph.Gaussian(1)))
	case SylvesterHouseholder:
		q = append(q, householders(p, "q", l.reflections(), dim))
	case SylvesterTriangular:
	default:
		l.kind = SylvesterTriangular
		p.Fail("layers: sylvester: kind %q: want %q, %q or %q", kind, SylvesterOrthogonal, SylvesterHouseholder, SylvesterTriangular)
	}
	r1, r2 := p.New("r1", m, m, nil), p.New("r2", m, m, nil)
	d1, d2, b := p.New("d1", 1, m, graph.Gaussian(0.1)), p.New("d2", 1, m, graph.Gaussian(0.1)), p.New("bias", 1, m, nil)
	l.given = amortise(p, "sylvester", opts.Context, opts.Net, append([]*graph.Param{r1, r2, d1, d2, b}, q...)...)
	return l
}

func (l *Sylvester) reflections() int { return l.dim + l.dim%2 }

// sylvester are the pieces of the formula.
type sylvester struct {
	r1, r2, d1, d2, b graph.Expr
	down, up          func(v graph.Expr) graph.Expr // Qᵀv and Q v
}

// parts makes them. Diagonals are kept to 0.99, so that slopes are at least 0.02.
func (l *Sylvester) parts(g *graph.Graph, context graph.Expr) sylvester {
	h := l.given.of(g, context)
	s := sylvester{d1: h[2].Tanh().Scale(0.99), d2: h[3].Tanh(), b: h[4]}
	s.r1, s.r2 = triangular(h[0], s.d1, l.m, true), triangular(h[1], s.d2, l.m, true)
	if l.kind == SylvesterTriangular {
		s.down = func(v graph.Expr) graph.Expr { return v }
		s.up = s.down
		return s
	}
	q, count := h[5], l.reflections()
	if l.kind == SylvesterHouseholder && q.HasRows() {
		s.down = func(v graph.Expr) graph.Expr { return reflectRows(q, v, count, false).Slice(0, l.m) }
		s.up = func(v graph.Expr) graph.Expr { return reflectRows(q, v.Zeros(l.dim).Place(0, v), count, true) }
		return s
	}
	if l.kind == SylvesterHouseholder {
		q = reflected(q, count, l.dim).TakeRows(0, l.m)
	} else {
		q = orthonormal(q, l.m, l.dim)
	}
	s.down = func(v graph.Expr) graph.Expr { return product(q, v, l.m) }
	s.up = func(v graph.Expr) graph.Expr { return productT(q, v, l.dim) }
	return s
}

// orthonormal makes the lines of an m×k matrix so, one after the other.
func orthonormal(a graph.Expr, m, k int) graph.Expr {
	var done []graph.Expr
	for i := range m {
		v := line(a, i, k)
		for range 2 { // twice is enough for all digits
			for _, q := range done {
				v = v.Sub(q.Mul(v.Mul(q).SumCols()))
			}
		}
		done = append(done, v.Mul(v.Square().SumCols().Shift(1e-24).Sqrt().Recip()))
	}
	if a.HasRows() {
		return graph.Concat(done...)
	}
	return graph.Stack(done...)
}

// Inverse emits u.
func (l *Sylvester) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "sylvester") {
		return x, x
	}
	s := l.parts(x.Graph(), context)
	t := product(s.r2, s.down(x), l.m).Add(s.b).Tanh()
	return x.Add(s.up(product(s.r1, t, l.m))), t.Square().Affine(-1, 1).Mul(s.d1.Mul(s.d2)).Log1p().SumCols()
}

// Forward emits x.
func (l *Sylvester) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "sylvester") {
		return u, u
	}
	s := l.parts(u.Graph(), context)
	v := s.down(u)
	one := u.Zeros(1)
	z, t := u.Zeros(l.m), u.Zeros(l.m)
	for i := l.m - 1; i >= 0; i-- {
		// What later coordinates add: theirs are known, this one's and earlier ones are 0.
		pre := dot(line(s.r2, i, l.m), z).Add(s.b.Slice(i, i+1))
		y := v.Slice(i, i+1).Sub(dot(line(s.r1, i, l.m), t))
		zi := y.Solve(func(z graph.Expr, args []graph.Expr) (graph.Expr, graph.Expr) {
			t := args[1].Mul(z).Add(args[2]).Tanh()
			return z.Add(args[0].Mul(t)), t.Square().Affine(-1, 1).Mul(args[0]).Mul(args[1]).Log1p()
		}, s.d1.Slice(i, i+1).Expand(one), s.d2.Slice(i, i+1).Expand(one), pre)
		z = z.Place(i, zi)
		t = t.Place(i, s.d2.Slice(i, i+1).Mul(zi).Add(pre).Tanh())
	}
	return u.Sub(s.up(product(s.r1, t, l.m))), t.Square().Affine(-1, 1).Mul(s.d1.Mul(s.d2)).Log1p().SumCols().Neg()
}
