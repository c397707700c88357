package layers

import "github.com/gorgeflow/gorge/graph"

// ActNorm is the activation normalisation of Kingma & Dhariwal (2018),
// arXiv:1807.03039:
//
//	u = (x + b) exp(s)
//
// A pass in mode graph.Start sets b and s so that the columns of u have mean
// zero and variance one on the rows it sees. A context moves b and s, from nothing at
// the start: a diagonal affine map given by the context.
type ActNorm struct {
	b, s  *graph.Param
	given amortised
	dim   int
	opts  ActNormOptions
}

// ActNormOptions are the settings of an ActNorm layer.
type ActNormOptions struct {
	// Limit bounds |s| smoothly, s = Limit·tanh(a/Limit) of a parameter a; default
	// 10, negative for no bound.
	Limit float64
	// ShiftAfter makes it u = x exp(s) + b, as nflows has it.
	ShiftAfter bool
	// Unbiased starts from variances with divisor n-1, as nflows does.
	Unbiased bool
	// Epsilon is added to the standard deviations of the start; default 1e-12,
	// negative for none.
	Epsilon float64
	// Context is the number of context columns, Net the network that they move the
	// parameters by.
	Context int
	Net     Net
}

// NewActNorm makes an ActNorm layer of dim columns, at first the identity.
func NewActNorm(p *graph.Params, dim int, opts ActNormOptions) *ActNorm {
	opts.Limit, opts.Epsilon = orDefault(opts.Limit, 10), orDefault(opts.Epsilon, 1e-12)
	if err := checkSize("limit", opts.Limit); err != nil {
		p.Fail("layers: actnorm: %w", err)
	}
	l := &ActNorm{b: p.New("shift", 1, dim, nil), s: p.New("log_scale", 1, dim, nil), dim: dim, opts: opts}
	l.given = amortise(p, "actnorm", opts.Context, opts.Net, l.b, l.s)
	return l
}

// parts returns b and s of their parameters.
func (l *ActNorm) parts(context, b, a graph.Expr) (shift, s graph.Expr) {
	h := l.given.move(context, b, a)
	return h[0], limited(h[1], l.opts.Limit)
}

// start assigns the parameters by the rows of x and returns them.
func (l *ActNorm) start(x graph.Expr) (b, a graph.Expr) {
	g := x.Graph()
	mean, variance := Moments(x)
	if l.opts.Unbiased {
		variance = unbiased(x, variance)
	}
	// The least variance keeps a constant column's scale finite.
	s := variance.Shift(1e-24).Sqrt().Shift(l.opts.Epsilon).Log().Neg()
	a = s
	if limit := l.opts.Limit; limit > 0 {
		// Through the inverse of the bound, kept off its ends.
		r := s.Scale(1/limit).Clamp(-0.999, 0.999)
		a, s = r.Shift(1).Div(r.Affine(-1, 1)).Log().Scale(0.5*limit), r.Scale(limit)
	}
	b = mean.Neg()
	if l.opts.ShiftAfter {
		b = b.Mul(s.Exp())
	}
	g.Assign(l.b, b)
	g.Assign(l.s, a)
	return b, a
}

// Inverse emits u = (x + b) exp(s).
func (l *ActNorm) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "actnorm") {
		return x, x
	}
	g := x.Graph()
	b, s := g.Use(l.b), g.Use(l.s)
	if g.Mode() == graph.Start {
		b, s = l.start(x)
	}
	b, s = l.parts(context, b, s)
	if logDet = s.SumCols().Expand(x.Zeros(1)); l.opts.ShiftAfter {
		return x.Mul(s.Exp()).Add(b), logDet
	}
	return x.Add(b).Mul(s.Exp()), logDet
}

// Forward emits x = u exp(-s) - b.
func (l *ActNorm) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "actnorm") {
		return u, u
	}
	g := u.Graph()
	b, s := l.parts(context, g.Use(l.b), g.Use(l.s))
	if logDet = s.SumCols().Neg().Expand(u.Zeros(1)); l.opts.ShiftAfter {
		return u.Sub(b).Mul(s.Neg().Exp()), logDet
	}
	return u.Mul(s.Neg().Exp()).Sub(b), logDet
}
