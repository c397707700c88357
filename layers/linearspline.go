package layers

import (
	"cmp"

	"github.com/gorgeflow/gorge/graph"
)

// LinearSpline is the piecewise linear spline of Müller et al. (2019),
// arXiv:1808.03856, over bins of equal width: on [-Bound, Bound], the identity
// outside, u rises by 2·Bound·p_k over bin k, p = softmax(h). Its slope jumps at the
// knots.
type LinearSpline struct {
	Bins    int     // default 8
	Bound   float64 // default 5
	MinMass float64 // least p_k; default 1e-4, negative for none
}

func (t LinearSpline) settings() (k int, bound, least float64) {
	return cmp.Or(t.Bins, 8), orDefault(t.Bound, 5), orDefault(t.MinMass, 1e-4)
}

func (t LinearSpline) check() error { k, b, m := t.settings(); return checkBins(k, 1, b, m) }

// Params is Bins.
func (t LinearSpline) Params() int { k, _, _ := t.settings(); return k }

// Inverse maps data to noise.
func (t LinearSpline) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k, b, least := t.settings()
	return identityTails(x, b, func(x graph.Expr) (y, logSlope graph.Expr) {
		p := shares(h, k, least)
		at := x.Affine(float64(k)/(2*b), float64(k)/2)
		right := row(x, numbered(k, func(i int) float64 { return float64(i + 1) })...)
		filled := at.Repeat(k).Sub(right).Shift(1).Clamp(0, 1) // of each bin
		return filled.Mul(p).SumGroups(k).Affine(2*b, -b), findBins(at, right, k).of(p).Scale(float64(k)).Log()
	})
}

// Forward maps noise to data.
func (t LinearSpline) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	k, b, least := t.settings()
	return identityTails(u, b, func(u graph.Expr) (y, logSlope graph.Expr) {
		p := shares(h, k, least)
		at, right := u.Affine(0.5/b, 0.5), p.CumGroups(k)
		filled := at.Repeat(k).Sub(right).Div(p).Shift(1).Clamp(0, 1)
		return filled.SumGroups(k).Affine(2*b/float64(k), -b), findBins(at, right, k).of(p).Scale(float64(k)).Log().Neg()
	})
}
