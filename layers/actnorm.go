package layers

import "github.com/gorgeflow/gorge/graph"

// ActNorm is the activation normalisation of Kingma & Dhariwal (2018),
// arXiv:1807.03039:
//
//	u = (x + b) exp(s)
//
// A pass in mode graph.Start sets b and s so that the columns of u have mean
// zero and variance one on the rows it sees.
type ActNorm struct {
	b, s *graph.Param
	dim  int
	opts ActNormOptions
}

// ActNormOptions are the settings of an ActNorm layer.
type ActNormOptions struct {
	// Limit bounds |s| smoothly, s = Limit·tanh(a/Limit) of a parameter a; default
	// 10, negative for no bound.
	Limit float64
	// ShiftAfter makes it u = x exp(s) + b, as nflows has it.
	ShiftAfter bool
	// Unbiased starts from variances with divisor n-1, as the peers do.
	Unbiased bool
	// Epsilon is added to the standard deviations of the start; default 1e-12,
	// negative for none.
	Epsilon float64
}

// NewActNorm makes an ActNorm layer of dim columns, at first the identity.
func NewActNorm(p *graph.Params, dim int, opts ActNormOptions) *ActNorm {
	opts.Limit, opts.Epsilon = orDefault(opts.Limit, 10), orDefault(opts.Epsilon, 1e-12)
	return &ActNorm{p.New("shift", 1, dim, nil), p.New("log_scale", 1, dim, nil), dim, opts}
}

func (l *ActNorm) parts(g *graph.Graph) (b, s graph.Expr) {
	b, s = g.Use(l.b), g.Use(l.s)
	if l.opts.Limit > 0 {
		s = s.Scale(1 / l.opts.Limit).Tanh().Scale(l.opts.Limit)
	}
	return b, s
}

// start assigns b and s by the rows of x and returns them.
func (l *ActNorm) start(x graph.Expr) (b, s graph.Expr) {
	g := x.Graph()
	mean, variance := Moments(x)
	if l.opts.Unbiased {
		variance = unbiased(x, variance)
	}
	// The least variance keeps a constant column's scale finite.
	s = variance.Shift(1e-24).Sqrt().Shift(l.opts.Epsilon).Log().Neg()
	a := s
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
	return b, s
}

// Inverse emits u = (x + b) exp(s).
func (l *ActNorm) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "actnorm") {
		return x, x
	}
	g := x.Graph()
	b, s := l.parts(g)
	if g.Mode() == graph.Start {
		b, s = l.start(x)
	}
	if logDet = s.SumCols().Expand(x.Zeros(1)); l.opts.ShiftAfter {
		return x.Mul(s.Exp()).Add(b), logDet
	}
	return x.Add(b).Mul(s.Exp()), logDet
}

// Forward emits x = u exp(-s) - b.
func (l *ActNorm) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "actnorm") {
		return u, u
	}
	b, s := l.parts(u.Graph())
	if logDet = s.SumCols().Neg().Expand(u.Zeros(1)); l.opts.ShiftAfter {
		return u.Sub(b).Mul(s.Neg().Exp()), logDet
	}
	return u.Mul(s.Neg().Exp()).Sub(b), logDet
}
