package layers

import (
	"cmp"

	"github.com/gorgeflow/gorge/graph"
)

// DeepSigmoidal is the deep sigmoidal transformer of neural autoregressive flows
// (Huang et al. 2018, arXiv:1804.00779):
//
//	u = logit Σ_k w_k σ(a_k x + b_k),  w = softmax, a = softplus
//
// all in logarithms, so that it reaches from -∞ to ∞. Parameters of an element:
// Units logits of w, Units of a, Units of b.
type DeepSigmoidal struct {
	Units int // default 8
	// Plain makes a = softplus(h), as in the paper, instead of being one for h = 0
	// and at least 1e-3.
	Plain bool
}

func (t DeepSigmoidal) units() int { return cmp.Or(t.Units, 8) }

func (t DeepSigmoidal) check() error { return checkBins(t.units(), 1, 1, 0) }

// Params is 3·Units.
func (t DeepSigmoidal) Params() int { return 3 * t.units() }

// rising is softplus, one at zero and at least 1e-3.
func rising(a graph.Expr) graph.Expr {
	return a.Shift(inverseSoftplus(1 - 1e-3)).Softplus().Shift(1e-3)
}

// Inverse maps data to noise.
func (t DeepSigmoidal) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k := t.units()
	w, a, b := logShares(part(h, 3*k, 0, k), k), part(h, 3*k, k, 2*k), part(h, 3*k, 2*k, 3*k)
	if t.Plain {
		a = a.Softplus()
	} else {
		a = rising(a)
	}
	pre := logits(a.Mul(x.Repeat(k)).Add(b))
	up, down := logSigmoid(pre), logSigmoid(pre.Neg())
	f, g := w.Add(up).LogSumExp(k), w.Add(down).LogSumExp(k)
	return f.Sub(g), w.Add(up).Add(down).Add(a.Log()).LogSumExp(k).Sub(f).Sub(g)
}

// Forward maps noise to data, numerically.
func (t DeepSigmoidal) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return solved(u, h, t.Inverse)
}

// The method alike marks transformers whose components are interchangeable: where no
// network tells them apart, they must begin different.
func (DeepSigmoidal) alike() {}
