package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

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

// Moments returns mean and variance of the columns over the rows of a run, the
// variance with the number of rows as divisor.
func Moments(x graph.Expr) (mean, variance graph.Expr) {
	n := x.Zeros(1).Shift(1).SumRows()
	mean = x.SumRows().Div(n)
	return mean, x.Sub(mean).Square().SumRows().Div(n)
}

// unbiased turns a variance over the rows of x into that of divisor n-1.
func unbiased(x, variance graph.Expr) graph.Expr {
	n := x.Zeros(1).Shift(1).SumRows()
	return variance.Mul(n).Div(n.Shift(-1).Max(x.Graph().Scalar(1)))
}

// BatchNorm is the batch normalisation of the MAF paper (Papamakarios et al.
// 2017, arXiv:1705.07057, appendix B) as a layer between autoregressive ones:
//
//	u = γ (x - m)/√(v + ε) + β
//
// In training m and v are those of the batch, and running averages of them are
// kept; in evaluation and sampling the averages are used.
type BatchNorm struct {
	gamma, beta    *graph.Param
	mean, variance *graph.Param
	dim            int
	opts           BatchNormOptions
}

// BatchNormOptions are the settings of a BatchNorm layer.
type BatchNormOptions struct {
	// Epsilon is added to variances; default 1e-5.
	Epsilon float64
	// Momentum is the weight of a new batch in the running averages; default 0.1.
	Momentum float64
	// SoftplusGamma makes γ = softplus(g) + Epsilon, as in nflows, instead of
	// exp(3·tanh(g/3)).
	SoftplusGamma bool
	// Unbiased takes variances of batches with divisor n-1, as nflows does.
	Unbiased bool
}

// NewBatchNorm makes a BatchNorm layer of dim columns.
func NewBatchNorm(p *graph.Params, dim int, opts BatchNormOptions) *BatchNorm {
	opts.Epsilon, opts.Momentum = orDefault(opts.Epsilon, 1e-5), orDefault(opts.Momentum, 0.1)
	if !(opts.Epsilon > 0) || !(opts.Momentum > 0) || opts.Momentum > 1 {
		p.Fail("layers: batch norm: epsilon %v, momentum %v: want ε > 0 and 0 < momentum ≤ 1", opts.Epsilon, opts.Momentum)
	}
	start := 0.0
	if opts.SoftplusGamma {
		start = math.Log(math.Expm1(1 - opts.Epsilon))
	}
	return &BatchNorm{p.New("gamma", 1, dim, graph.Fill(start)), p.New("beta", 1, dim, nil),
		p.State("running_mean", 1, dim, nil), p.State("running_variance", 1, dim, graph.Fill(1)), dim, opts}
}

func (l *BatchNorm) logGamma(g *graph.Graph) graph.Expr {
	w := g.Use(l.gamma)
	if l.opts.SoftplusGamma {
		return w.Softplus().Shift(l.opts.Epsilon).Log()
	}
	return w.Scale(1. / 3).Tanh().Scale(3)
}

// Inverse emits u, normalised.
func (l *BatchNorm) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "batch norm") {
		return x, x
	}
	g := x.Graph()
	m, v := g.Use(l.mean), g.Use(l.variance)
	if g.Mode() != graph.Eval {
		rm, rv := m, v
		m, v = Moments(x)
		w := l.opts.Momentum
		if g.Mode() == graph.Start {
			w = 1
		}
		if l.opts.Unbiased {
			v = unbiased(x, v)
		}
		g.Assign(l.mean, rm.Scale(1-w).Add(m.Scale(w)))
		g.Assign(l.variance, rv.Scale(1-w).Add(v.Scale(w)))
	}
	s := l.logGamma(g).Sub(v.Shift(l.opts.Epsilon).Log().Scale(0.5))
	return x.Sub(m).Mul(s.Exp()).Add(g.Use(l.beta)), s.SumCols().Expand(x.Zeros(1))
}

// Forward emits x, by the running averages.
func (l *BatchNorm) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "batch norm") {
		return u, u
	}
	g := u.Graph()
	s := l.logGamma(g).Sub(g.Use(l.variance).Shift(l.opts.Epsilon).Log().Scale(0.5))
	return u.Sub(g.Use(l.beta)).Mul(s.Neg().Exp()).Add(g.Use(l.mean)), s.SumCols().Neg().Expand(u.Zeros(1))
}
