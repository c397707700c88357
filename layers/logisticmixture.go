package layers

import (
	"cmp"

	"github.com/gorgeflow/gorge/graph"
)

// LogisticMixture is the coupling of Flow++ (Ho et al. 2019, arXiv:1902.00275): the
// distribution function of a mixture of logistics, made a number again by a logit,
// scaled and shifted,
//
//	u = logit(Σ_k π_k σ((x - μ_k) e^{-s_k})) e^a + b
//
// Parameters of an element: Components logits of π, Components of μ and of s, a, b.
type LogisticMixture struct {
	Components int // default 8
	// Limit bounds s and a smoothly; default 5, negative for none.
	Limit float64
}

func (t LogisticMixture) components() int { return cmp.Or(t.Components, 8) }

func (t LogisticMixture) check() error {
	return cmp.Or(checkBins(t.components(), 1, 1, 0), checkSize("limit", t.Limit))
}

// Params is 3·Components + 2.
func (t LogisticMixture) Params() int { return 3*t.components() + 2 }

// Inverse maps data to noise.
func (t LogisticMixture) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k, n, limit := t.components(), t.Params(), orDefault(t.Limit, 5)
	w, mu, s := logShares(part(h, n, 0, k), k), part(h, n, k, 2*k), limited(part(h, n, 2*k, 3*k), limit)
	a, b := limited(part(h, n, 3*k, 3*k+1), limit), part(h, n, 3*k+1, n)
	pre := logits(x.Repeat(k).Sub(mu).Mul(s.Neg().Exp()))
	up, down := logSigmoid(pre), logSigmoid(pre.Neg())
	f, g := w.Add(up).LogSumExp(k), w.Add(down).LogSumExp(k)
	return f.Sub(g).Mul(a.Exp()).Add(b), w.Add(up).Add(down).Sub(s).LogSumExp(k).Sub(f).Sub(g).Add(a)
}

// Forward maps noise to data, numerically.
func (t LogisticMixture) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return solved(u, h, t.Inverse)
}

func (LogisticMixture) alike() {}
