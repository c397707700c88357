package layers

import (
	"cmp"

	"github.com/gorgeflow/gorge/graph"
)

// Moebius is the mixture of Möbius maps of the circle of Rezende et al. (2020),
// arXiv:2002.02428. Each map moves the angle θ by
//
//	2 atan(r sin(θ-φ) / (1 - r cos(θ-φ)))
//
// for a point ω = r e^{iφ} inside the circle, and the mixture is their weighted mean,
// turned so that it keeps ±π. Parameters of an element: the two coordinates of each ω, through
// ω = 0.99 v/(1+|v|), and the weights' logits. Inverse is the formula; Forward is
// solved for numerically.
type Moebius struct {
	Components int // default 4
}

func (t Moebius) components() int { return cmp.Or(t.Components, 4) }

func (t Moebius) check() error { return checkBins(t.components(), 1, 1, 0) }

func (Moebius) alike() {}

// Params is 3·Components.
func (t Moebius) Params() int { return 3 * t.components() }

// Inverse maps data to noise.
func (t Moebius) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k := t.components()
	n := 3 * k
	a, b, weight := part(h, n, 0, k), part(h, n, k, 2*k), part(h, n, 2*k, 3*k).Softmax(k)
	// |v| without overflow, and with a derivative at zero.
	f := a.Square().Add(b.Square()).Shift(1e-12).Sqrt().Shift(1).Recip().Scale(0.99)
	a, b = a.Mul(f), b.Mul(f)
	r2 := a.Square().Add(b.Square())
	sin, cos := x.Sin().Repeat(k), x.Cos().Repeat(k)
	s, c := a.Mul(sin).Sub(b.Mul(cos)), a.Mul(cos).Add(b.Mul(sin))
	moved := s.Div(c.Affine(-1, 1)).Atan()
	ends := b.Div(a.Shift(1)).Atan() // where θ is ±π: sin 0, cos -1
	slope := r2.Affine(-1, 1).Div(c.Affine(-2, 1).Add(r2))
	return x.Add(moved.Sub(ends).Mul(weight).SumGroups(k).Scale(2)), slope.Mul(weight).SumGroups(k).Log()
}

// Forward maps noise to data, numerically.
func (t Moebius) Forward(u, h graph.Expr) (x, logSlope graph.Expr) { return solved(u, h, t.Inverse) }
