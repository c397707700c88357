package layers

import (
	"cmp"
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Gaussianization is the distribution function of a mixture of Gaussians, made
// normal by the inverse of Φ (Meng et al. 2020, arXiv:2003.01941):
//
//	u = Φ⁻¹(1/K Σ_k Φ(x e^{s_k} + m_k))
//
// computed from logarithms on either side, within ±Bound, and with straight tails
// beyond. Parameters of an element: Components of m, Components of s, and, if Weighted,
// Components logits of weights instead of 1/K. As an autoregressive layer next to a
// standard normal base, it is the autoregressive mixture of Gaussians, MADE MoG
// (Papamakarios et al. 2017, arXiv:1705.07057), within the bound.
type Gaussianization struct {
	Components int     // default 8
	Bound      float64 // default 10
	// Limit bounds s smoothly; default 3, negative for none.
	Limit    float64
	Weighted bool // weights are parameters too
	// Shrink draws probabilities towards 1/2 by that share, as zuko does by 1e-6.
	Shrink float64
}

func (t Gaussianization) components() int { return cmp.Or(t.Components, 8) }

func (t Gaussianization) check() error {
	if !(t.Shrink < 1) {
		return fmt.Errorf("shrink %v: must be less than 1", t.Shrink)
	}
	return cmp.Or(checkBins(t.components(), 1, orDefault(t.Bound, 10), 0), checkSize("limit", t.Limit))
}

// Params is 2·Components, 3·Components if weighted.
func (t Gaussianization) Params() int { return (2 + int(step(t.Weighted))) * t.components() }

// Inverse maps data to noise.
func (t Gaussianization) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k := t.components()
	n := t.Params()
	m, s := part(h, n, 0, k), limited(part(h, n, k, 2*k), orDefault(t.Limit, 3))
	var w graph.Expr
	if t.Weighted {
		w = logShares(part(h, n, 2*k, 3*k), k)
	}
	return linearTails(x, orDefault(t.Bound, 10), func(x graph.Expr) (y, logSlope graph.Expr) {
		z := x.Repeat(k).Mul(s.Exp()).Add(m)
		mean := func(l graph.Expr) graph.Expr {
			if t.Weighted {
				return l.Add(w).LogSumExp(k)
			}
			return l.LogSumExp(k).Shift(-math.Log(float64(k)))
		}
		below, above := mean(z.LogNormalCDF()), mean(z.Neg().LogNormalCDF())
		density := mean(z.Square().Scale(-0.5).Add(s))
		if e := t.Shrink; e > 0 {
			shrink := func(l graph.Expr) graph.Expr { return l.Exp().Affine(1-e, e/2).Log() }
			below, above, density = shrink(below), shrink(above), density.Shift(math.Log1p(-e))
		}
		low := below.Less(above)
		half := x.Graph().Scalar(-math.Ln2)
		y = low.Where(below.Min(half).NormalQuantile(), above.Min(half).NormalQuantile().Neg())
		return y, density.Add(y.Square().Scale(0.5))
	})
}

// Forward maps noise to data, numerically.
func (t Gaussianization) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return solved(u, h, t.Inverse)
}

func (Gaussianization) alike() {}
