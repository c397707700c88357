package layers

import "github.com/gorgeflow/gorge/graph"

// BatchNorm is the batch normalisation of the MAF paper (Papamakarios et al.
// 2017, arXiv:1705.07057, appendix B) as a layer between autoregressive ones:
//
//	u = γ (x - m)/√(v + ε) + β
//
// In training m and v are those of the batch, and running averages of them are
// kept; in evaluation and sampling the averages are used. A context moves γ and β, as in
// the conditional batch normalisation of de Vries et al. (2017), arXiv:1707.00683.
type BatchNorm struct {
	given          amortised // of γ, and β
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
	// Context is the number of context columns, Net the network that they move the
	// parameters by.
	Context int
	Net     Net
}

// NewBatchNorm makes a BatchNorm layer of dim columns.
func NewBatchNorm(p *graph.Params, dim int, opts BatchNormOptions) *BatchNorm {
	opts.Epsilon, opts.Momentum = orDefault(opts.Epsilon, 1e-5), orDefault(opts.Momentum, 0.1)
	if !(opts.Epsilon > 0 && opts.Epsilon < 1) || !(opts.Momentum > 0) || opts.Momentum > 1 {
		p.Fail("layers: batch norm: epsilon %v, momentum %v: want 0 < ε < 1 and 0 < momentum ≤ 1", opts.Epsilon, opts.Momentum)
	}
	start := 0.0
	if opts.SoftplusGamma {
		start = inverseSoftplus(1 - opts.Epsilon)
	}
	gamma, beta := p.New("gamma", 1, dim, graph.Fill(start)), p.New("beta", 1, dim, nil)
	return &BatchNorm{amortise(p, "batch norm", opts.Context, opts.Net, gamma, beta),
		p.State("running_mean", 1, dim, nil), p.State("running_variance", 1, dim, graph.Fill(1)), dim, opts}
}

// parts returns log γ and β.
func (l *BatchNorm) parts(g *graph.Graph, context graph.Expr) (logGamma, beta graph.Expr) {
	h := l.given.of(g, context)
	if l.opts.SoftplusGamma {
		return h[0].Softplus().Shift(l.opts.Epsilon).Log(), h[1]
	}
	return limited(h[0], 3), h[1]
}

// Inverse emits u, normalised.
func (l *BatchNorm) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
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
	s, beta := l.parts(g, context)
	s = s.Sub(v.Shift(l.opts.Epsilon).Log().Scale(0.5))
	return x.Sub(m).Mul(s.Exp()).Add(beta), s.SumCols().Expand(x.Zeros(1))
}

// Forward emits x, by the running averages.
func (l *BatchNorm) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "batch norm") {
		return u, u
	}
	g := u.Graph()
	s, beta := l.parts(g, context)
	s = s.Sub(g.Use(l.variance).Shift(l.opts.Epsilon).Log().Scale(0.5))
	return u.Sub(beta).Mul(s.Neg().Exp()).Add(g.Use(l.mean)), s.SumCols().Neg().Expand(u.Zeros(1))
}
