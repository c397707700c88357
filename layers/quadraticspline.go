package layers

import (
	"cmp"

	"github.com/gorgeflow/gorge/graph"
)

// QuadraticSpline is the piecewise quadratic spline of Müller et al. (2019),
// arXiv:1808.03856: on [-Bound, Bound], the identity outside, the slope of u is
// linear between its knots,
//
//	w = MinWidth + (1 - Bins MinWidth) softmax(h), inner heights softplus(h) + MinHeight
//
// The two outer heights are those that make the slope one at the ends, so that it
// is continuous everywhere.
type QuadraticSpline struct {
	Bins                int     // default 8; at least 2
	Bound               float64 // default 5
	MinWidth, MinHeight float64 // default 1e-3 each; negative for none
	// HalfEnds counts the outer bins half when it makes the outer heights, as nflows
	// does: the slope at the ends is then near one, not one.
	HalfEnds bool
}

func (t QuadraticSpline) settings() (k int, bound, minW, minH float64) {
	return cmp.Or(t.Bins, 8), orDefault(t.Bound, 5), orDefault(t.MinWidth, 1e-3), orDefault(t.MinHeight, 1e-3)
}

func (t QuadraticSpline) check() error {
	k, b, w, h := t.settings() // heights are slopes
	return cmp.Or(checkBins(k, 2, b, w), checkSlope(h))
}

// Params is 2·Bins - 1.
func (t QuadraticSpline) Params() int { k, _, _, _ := t.settings(); return 2*k - 1 }

// knots returns widths and the heights at both ends of each bin.
func (t QuadraticSpline) knots(x, h graph.Expr) (w, left, right graph.Expr) {
	k, _, minW, minH := t.settings()
	w = shares(part(h, 2*k-1, 0, k), k, minW)
	inner := part(h, 2*k-1, k, 2*k-1).Softplus().Shift(minH)
	// Each bin has its left height and its right one among the inner heights, but for
	// the first and the last.
	var li, ri []int
	for e := range x.Cols() {
		for j := range k {
			li, ri = append(li, e*(k-1)+max(j-1, 0)), append(ri, e*(k-1)+min(j, k-2))
		}
	}
	first, last := row(x, numbered(k, func(i int) float64 { return step(i == 0) })...), row(x, numbered(k, func(i int) float64 { return step(i == k-1) })...)
	l, r := inner.Columns(li).Mul(first.Affine(-1, 1)), inner.Columns(ri).Mul(last.Affine(-1, 1))
	ends, counted := first.Add(last), w
	if t.HalfEnds {
		counted = w.Mul(ends.Affine(-0.5, 1))
	}
	known := counted.Mul(l.Add(r)).SumGroups(k).Scale(0.5)
	outer := known.Div(counted.Mul(ends).SumGroups(k).Affine(-0.5, 1)).Repeat(k)
	l, r = l.Add(outer.Mul(first)), r.Add(outer.Mul(last))
	area := w.Mul(l.Add(r)).SumGroups(k).Scale(0.5).Repeat(k)
	return w, l.Div(area).Affine(1-minH, minH), r.Div(area).Affine(1-minH, minH)
}

// Inverse maps data to noise.
func (t QuadraticSpline) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k, b, _, _ := t.settings()
	return identityTails(x, b, func(x graph.Expr) (y, logSlope graph.Expr) {
		w, l, r := t.knots(x, h)
		at, right := x.Affine(0.5/b, 0.5), w.CumGroups(k)
		area := w.Mul(l.Add(r)).Scale(0.5)
		bin := findBins(at, right, k)
		bw, bl, br := bin.of(w), bin.of(l), bin.of(r)
		a := at.Sub(bin.of(right.Sub(w))).Div(bw)
		y = bin.of(area.CumGroups(k).Sub(area)).Add(bw.Mul(a).Mul(bl.Add(br.Sub(bl).Mul(a).Scale(0.5))))
		return y.Affine(2*b, -b), bl.Add(br.Sub(bl).Mul(a)).Log()
	})
}

// Forward maps noise to data, by the root of a quadratic.
func (t QuadraticSpline) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	k, b, _, _ := t.settings()
	return identityTails(u, b, func(u graph.Expr) (y, logSlope graph.Expr) {
		w, l, r := t.knots(u, h)
		area := w.Mul(l.Add(r)).Scale(0.5)
		at, right := u.Affine(0.5/b, 0.5), area.CumGroups(k)
		bin := findBins(at, right, k)
		bw, bl, br := bin.of(w), bin.of(l), bin.of(r)
		c := at.Sub(bin.of(right.Sub(area))).ReLU().Div(bw)
		d := br.Sub(bl)
		a := c.Scale(2).Div(bl.Add(bl.Square().Add(d.Mul(c).Scale(2)).ReLU().Sqrt())).Clamp(0, 1)
		return bin.of(w.CumGroups(k).Sub(w)).Add(bw.Mul(a)).Affine(2*b, -b), bl.Add(d.Mul(a)).Log().Neg()
	})
}
