package layers

import "github.com/gorgeflow/gorge/graph"

// Abs takes the absolute values of the columns on the way from data to noise and
// draws their signs s on the way back (Nielsen et al. 2020, arXiv:2007.02731):
//
//	u = |x|,   x = s u,   log p(x) = log p(u) + Σ log P(s_i | u)
//
// for noise that is not negative: [NewExp] or [NewSoftplus], say, below it. Densities
// are exact. [Invert] makes it x = |u|, for data that are not negative, with a lower
// bound; noise there is any, and the gradient tells a drawn sign's probability
// nothing, so that it should be left at one half.
type Abs struct {
	dim int
	net *network // the logits of P(s = 1), nil for one half
}

// AbsOptions are the settings of an Abs layer.
type AbsOptions struct {
	// Net, if set, is a network from u to the probabilities of the signs, which given
	// u are independent of each other; nil is one half.
	Net *Net
	// Context is the number of context columns of the network.
	Context int
}

// NewAbs makes it of dim columns.
func NewAbs(p *graph.Params, dim int, opts AbsOptions) *Abs {
	l := &Abs{dim: atLeastOne(p, "abs", dim)}
	if opts.Net != nil {
		l.net = newNetwork(p, l.dim, l.dim, opts.Context, *opts.Net)
	}
	return l
}

// Random says that Forward draws.
func (l *Abs) Random() (forward, inverse bool) { return true, false }

func (l *Abs) logits(u, context graph.Expr) graph.Expr {
	if l.net == nil {
		return u.Zeros(l.dim)
	}
	return l.net.given(u, context)
}

// Inverse emits u = |x| and Σ log P(s_i | u); zeros count as positive.
func (l *Abs) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "abs") {
		return x, x
	}
	u = x.Abs()
	s := x.Less(x.Graph().Scalar(0)).Affine(-2, 1)
	return u, logSigmoid(s.Mul(l.logits(u, context))).SumCols()
}

// Forward emits x = s u with s drawn, and -Σ log P(s_i | u).
func (l *Abs) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "abs") {
		return u, u
	}
	a := l.logits(u, context)
	s := u.Graph().Uniform(l.dim).Less(a.Sigmoid()).Affine(2, -1)
	return s.Mul(u), logSigmoid(s.Mul(a)).SumCols().Neg()
}
