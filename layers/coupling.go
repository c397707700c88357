package layers

import (
	"fmt"

	"github.com/gorgeflow/gorge/graph"
)

// Split says which columns of a coupling layer are transformed: Split(dim)[i] is
// true for those; the others condition them.
type Split func(dim int) []bool

// Even transforms the columns 1, 3, …, conditioned on 0, 2, ….
func Even(dim int) []bool { return pattern(dim, func(i int) bool { return i%2 == 1 }) }

// Odd transforms the columns 0, 2, …, conditioned on 1, 3, ….
func Odd(dim int) []bool { return pattern(dim, func(i int) bool { return i%2 == 0 }) }

// FirstHalf transforms the second half, conditioned on the first.
func FirstHalf(dim int) []bool { return pattern(dim, func(i int) bool { return i >= (dim+1)/2 }) }

// SecondHalf transforms the first half, conditioned on the second.
func SecondHalf(dim int) []bool { return pattern(dim, func(i int) bool { return i < (dim+1)/2 }) }

// Transformed transforms the given columns, conditioned on the others.
func Transformed(columns ...int) Split {
	return func(dim int) []bool {
		out := make([]bool, dim)
		for _, c := range columns {
			if c < 0 || c >= dim {
				return nil
			}
			out[c] = true
		}
		return out
	}
}

func pattern(dim int, f func(int) bool) []bool {
	out := make([]bool, dim)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

// Coupling is the coupling layer of Dinh et al. (2017), arXiv:1605.08803, with
// any transformer τ: with the columns split into A and B,
//
//	x_A = u_A
//	x_B = τ(u_B; c(x_A))
//
// Both directions cost one pass of the conditioner. With an empty A (a single
// column, say) the parameters of B depend on the context alone, or on nothing.
type Coupling struct {
	t     Transformer
	a, b  []int
	back  []int // where each column stands in (A, B)
	net   *network
	fixed *graph.Param // parameters of B where there is nothing to depend on
	un    *Elementwise
}

// CouplingOptions are the rarer settings of a coupling layer.
type CouplingOptions struct {
	// Context is the number of context columns.
	Context int
	// Identity, when set, maps A too, by parameters that depend on nothing.
	Identity Transformer
}

// NewCoupling makes a coupling layer of dim columns.
func NewCoupling(p *graph.Params, dim int, split Split, t Transformer, net Net, opts CouplingOptions) *Coupling {
	if err := checkTransformer(t); err != nil {
		p.Fail("layers: coupling: %w", err)
		t = Affine{}
	}
	mask := split(dim)
	if len(mask) != dim || dim < 1 {
		p.Fail("layers: coupling: the split does not fit %d columns", dim)
		mask = Even(max(dim, 1))
	}
	c := &Coupling{t: t, back: make([]int, len(mask))}
	for i, m := range mask {
		if m {
			c.b = append(c.b, i)
		} else {
			c.a = append(c.a, i)
		}
	}
	if len(c.b) == 0 { // one column: someone must be transformed
		c.a, c.b = nil, c.a
	}
	for i, col := range append(append([]int(nil), c.a...), c.b...) {
		c.back[col] = i
	}
	out := len(c.b) * t.Params()
	switch {
	case len(c.a) > 0:
		c.net = newNetwork(p, len(c.a), out, opts.Context, net)
	case opts.Context > 0:
		c.net = newNetwork(p, opts.Context, out, 0, net)
	default:
		c.fixed = p.New("parameters", 1, out, nil)
	}
	if opts.Identity != nil && len(c.a) > 0 {
		c.un = NewElementwise(p.In("identity"), len(c.a), at(opts.Identity, c.a))
	}
	c.t = at(t, c.b)
	return c
}

func (c *Coupling) params(a, like, context graph.Expr) graph.Expr {
	switch {
	case c.fixed != nil:
		return like.Graph().Use(c.fixed).Expand(like.Zeros(len(c.b) * c.t.Params()))
	case len(c.a) == 0:
		if context.IsZero() {
			return like.Graph().Fail("coupling", "the layer has a context, none was given")
		}
		return c.net.apply(context, graph.Expr{})
	}
	if c.net.context == nil {
		context = graph.Expr{}
	}
	return c.net.apply(a, context)
}

// Forward emits x = T(u).
func (c *Coupling) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, len(c.back), "coupling") {
		return u, u
	}
	ub := u.Columns(c.b)
	var a, logA graph.Expr
	if len(c.a) > 0 {
		a = u.Columns(c.a)
	}
	if c.un != nil {
		a, logA = c.un.Forward(a, graph.Expr{})
	}
	b, logSlope := c.t.Forward(ub, c.params(a, ub, context))
	return c.join(a, b), sum(logSlope, logA)
}

// Inverse emits u = T⁻¹(x).
func (c *Coupling) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, len(c.back), "coupling") {
		return x, x
	}
	xb := x.Columns(c.b)
	var a, logA graph.Expr
	if len(c.a) > 0 {
		a = x.Columns(c.a)
	}
	b, logSlope := c.t.Inverse(xb, c.params(a, xb, context))
	if c.un != nil {
		a, logA = c.un.Inverse(a, graph.Expr{})
	}
	return c.join(a, b), sum(logSlope, logA)
}

func sum(logSlope, more graph.Expr) graph.Expr {
	s := logSlope.SumCols()
	if !more.IsZero() {
		s = s.Add(more)
	}
	return s
}

func (c *Coupling) join(a, b graph.Expr) graph.Expr {
	if a.IsZero() {
		return b.Columns(c.back)
	}
	return graph.Concat(a, b).Columns(c.back)
}

func checkCols(x graph.Expr, dim int, layer string) bool {
	if x.Node() == nil {
		return false
	}
	if x.Cols() != dim {
		x.Graph().Fail(layer, "%d columns, the layer was made for %d", x.Cols(), dim)
		return false
	}
	return true
}

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

// String names the layer in errors and pictures.
func (c *Coupling) String() string { return fmt.Sprintf("coupling(%T)", c.t) }
