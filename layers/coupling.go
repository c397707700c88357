package layers

import (
	"cmp"
	"fmt"

	"github.com/gorgeflow/gorge/graph"
)

// Coupling is the coupling layer of Dinh et al. (2017), arXiv:1605.08803, with
// any transformer τ: with the columns split into A and B,
//
//	x_A = u_A
//	x_B = τ(u_B; c(x_A))
//
// It is one-sided: x_A passes, and the next layer's split is another; a [TwoSided] layer
// transforms both. Both directions cost one pass of the conditioner. With an empty A (a single
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
	err := checkTransformer(t)
	if opts.Identity != nil {
		err = cmp.Or(err, checkTransformer(opts.Identity))
	}
	if err = cmp.Or(err, checkAngles(net.Angles, dim)); err != nil {
		p.Fail("layers: coupling: %w", err)
		t, net, opts.Identity = Affine{}, Net{}, nil
	}
	mask := split.of(dim)
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
		c.net = newNetwork(p, len(c.a), out, opts.Context, net.of(c.a))
	case opts.Context > 0:
		c.net = newNetwork(p, opts.Context, out, 0, net.of(nil))
	default:
		c.fixed = p.New("parameters", 1, out, nil)
	}
	if opts.Identity != nil && len(c.a) > 0 {
		c.un = NewElementwise(p.In("identity"), len(c.a), at(opts.Identity, c.a), ElementwiseOptions{})
	}
	c.t = at(t, c.b)
	return c
}

func (c *Coupling) params(a, like, context graph.Expr) graph.Expr {
	switch {
	case c.fixed != nil:
		h := use(like, c.fixed)
		return h.Expand(like.Zeros(h.Cols()))
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

// String names the layer in errors and pictures.
func (c *Coupling) String() string { return fmt.Sprintf("coupling(%T)", c.t) }
