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
// zero and variance one on the rows it sees. Log-scales act through
// 10·tanh(s/10), which bounds them smoothly.
type ActNorm struct {
	b, s *graph.Param
	dim  int
}

const actNormLimit = 10

// NewActNorm makes an ActNorm layer of dim columns, at first the identity.
func NewActNorm(p *graph.Params, dim int) *ActNorm {
	return &ActNorm{p.New("shift", 1, dim, nil), p.New("log_scale", 1, dim, nil), dim}
}

func (l *ActNorm) parts(g *graph.Graph) (b, s graph.Expr) {
	return g.Use(l.b), g.Use(l.s).Scale(1. / actNormLimit).Tanh().Scale(actNormLimit)
}

// Inverse emits u = (x + b) exp(s).
func (l *ActNorm) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "actnorm") {
		return x, x
	}
	g := x.Graph()
	b, s := l.parts(g)
	if g.Mode() == graph.Start {
		mean, variance := Moments(x)
		b = mean.Neg()
		s = variance.Shift(1e-12).Log().Scale(-0.5)
		g.Assign(l.b, b)
		// Through the inverse of the bound, 10·atanh(s/10), kept off its ends.
		r := s.Scale(1./actNormLimit).Clamp(-0.999, 0.999)
		g.Assign(l.s, r.Shift(1).Div(r.Affine(-1, 1)).Log().Scale(0.5*actNormLimit))
		s = r.Scale(actNormLimit)
	}
	return x.Add(b).Mul(s.Exp()), s.SumCols().Expand(x.Zeros(1))
}

// Forward emits x = u exp(-s) - b.
func (l *ActNorm) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "actnorm") {
		return u, u
	}
	b, s := l.parts(u.Graph())
	return u.Mul(s.Neg().Exp()).Sub(b), s.SumCols().Neg().Expand(u.Zeros(1))
}

// Moments returns mean and variance of the columns over the rows of a run, the
// variance with the number of rows as divisor.
func Moments(x graph.Expr) (mean, variance graph.Expr) {
	n := x.Zeros(1).Shift(1).SumRows()
	mean = x.SumRows().Div(n)
	return mean, x.Sub(mean).Square().SumRows().Div(n)
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
	if opts.Epsilon == 0 {
		opts.Epsilon = 1e-5
	}
	if opts.Momentum == 0 {
		opts.Momentum = 0.1
	}
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
			n := x.Zeros(1).Shift(1).SumRows()
			v = v.Mul(n).Div(n.Shift(-1).Max(g.Scalar(1)))
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
