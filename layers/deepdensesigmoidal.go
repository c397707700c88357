package layers

import (
	"cmp"
	"fmt"

	"github.com/gorgeflow/gorge/graph"
)

// DeepDenseSigmoidal stacks layers of Units sigmoids that are mixed with each other
// (Huang et al. 2018, arXiv:1804.00779, section 3.2):
//
//	h' = logit(W σ(a ⊙ U h + b)),  rows of W and U softmax, a = softplus
//
// from one number to one number. Log-slopes are carried through the layers in
// logarithms.
type DeepDenseSigmoidal struct {
	Units int // default 8
	Depth int // default 2
}

func (t DeepDenseSigmoidal) settings() (k, depth int) { return cmp.Or(t.Units, 8), cmp.Or(t.Depth, 2) }

func (t DeepDenseSigmoidal) check() error {
	k, depth := t.settings()
	if depth < 1 || depth > 16 {
		return fmt.Errorf("depth %d: want 1 to 16", depth)
	}
	return checkBins(k, 1, 1, 0)
}

// Params is 2·Units for each layer, and Units² or Units for each matrix.
func (t DeepDenseSigmoidal) Params() int {
	k, depth := t.settings()
	return depth*2*k + (depth-1)*2*k*k + k
}

// Inverse maps data to noise.
func (t DeepDenseSigmoidal) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k, depth := t.settings()
	at, n := 0, t.Params()
	next := func(count int) graph.Expr {
		at += count
		return part(h, n, at-count, at)
	}
	y, slope, in := x, x.Zeros(x.Cols()), 1
	for l := range depth {
		out := k
		if l == depth-1 {
			out = 1
		}
		a, b := rising(next(k)), next(k)
		mixed, ms := y.Repeat(k), slope.Repeat(k)
		if in > 1 {
			m := logShares(next(k*in), in)
			mixed = m.Exp().Mul(copies(y, in, k)).SumGroups(in)
			ms = m.Add(copies(slope, in, k)).LogSumExp(in)
		}
		pre := logits(a.Mul(mixed).Add(b))
		up, down := logSigmoid(pre), logSigmoid(pre.Neg())
		w := logShares(next(out*k), k)
		f, g := w.Add(copies(up, k, out)).LogSumExp(k), w.Add(copies(down, k, out)).LogSumExp(k)
		y = f.Sub(g)
		slope = w.Add(copies(up.Add(down).Add(a.Log()).Add(ms), k, out)).LogSumExp(k).Sub(f).Sub(g)
		in = out
	}
	return y, slope
}

// Forward maps noise to data, numerically.
func (t DeepDenseSigmoidal) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return solved(u, h, t.Inverse)
}

func (DeepDenseSigmoidal) alike() {}
