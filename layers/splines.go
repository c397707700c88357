package layers

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// The splines of Müller et al. (2019), arXiv:1808.03856, Durkan et al. (2019),
// arXiv:1906.02145, and Dolatabadi et al. (2020), arXiv:2001.05168, on
// [-Bound, Bound], the identity outside. Inverse, from data to noise, is the map
// of the formula.

func checkBins(bins, least int, bound, min float64) error {
	switch {
	case bins < least || bins > 256:
		return fmt.Errorf("%d bins: want %d to 256", bins, least)
	case !(bound > 0) || math.IsInf(bound, 0):
		return fmt.Errorf("bound %v: must be positive", bound)
	case float64(bins)*min >= 1:
		return fmt.Errorf("%d bins of at least %v leave no room", bins, min)
	}
	return nil
}

func binsOr(k, d int) int {
	if k == 0 {
		return d
	}
	return k
}

// LinearSpline is piecewise linear over bins of equal width: u rises by 2·Bound·p_k
// over bin k, p = softmax(h). Its slope jumps at the knots.
type LinearSpline struct {
	Bins    int     // default 8
	Bound   float64 // default 5
	MinMass float64 // least p_k; default 1e-4, negative for none
}

func (t LinearSpline) settings() (k int, bound, least float64) {
	return binsOr(t.Bins, 8), orDefault(t.Bound, 5), orDefault(t.MinMass, 1e-4)
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

// QuadraticSpline has a density that is piecewise linear between its knots.
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
	return binsOr(t.Bins, 8), orDefault(t.Bound, 5), orDefault(t.MinWidth, 1e-3), orDefault(t.MinHeight, 1e-3)
}

func (t QuadraticSpline) check() error { k, b, m, _ := t.settings(); return checkBins(k, 2, b, m) }

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

// CubicSpline is a monotone cubic (Steffen 1990) between its knots; its Forward is
// solved for numerically. Its slope jumps at ±Bound.
type CubicSpline struct {
	Bins                int     // default 8; at least 2
	Bound               float64 // default 5
	MinWidth, MinHeight float64 // default 1e-3 each; negative for none
}

func (t CubicSpline) settings() (k int, bound, minW, minH float64) {
	return QuadraticSpline{Bins: t.Bins, Bound: t.Bound, MinWidth: t.MinWidth, MinHeight: t.MinHeight}.settings()
}

func (t CubicSpline) check() error {
	k, b, w, h := t.settings()
	return checkBins(k, 2, b, max(w, h))
}

// Params is 2·Bins + 2.
func (t CubicSpline) Params() int { k, _, _, _ := t.settings(); return 2*k + 2 }

// Inverse maps data to noise.
func (t CubicSpline) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k, b, minW, minH := t.settings()
	n := 2*k + 2
	return identityTails(x, b, func(x graph.Expr) (y, logSlope graph.Expr) {
		w, g := shares(part(h, n, 0, k), k, minW), shares(part(h, n, k, 2*k), k, minH)
		s := g.Div(w)
		// Slopes at the inner knots, k-1 of each element, from the bins on both sides.
		sl, sr, wl, wr := part(s, k, 0, k-1), part(s, k, 1, k), part(w, k, 0, k-1), part(w, k, 1, k)
		mid := wr.Mul(sl).Add(wl.Mul(sr)).Div(wl.Add(wr)).Scale(0.5)
		inner := sl.Min(sr).Min(mid).Scale(2)
		left := part(s, k, 0, 1).Mul(part(h, n, 2*k, 2*k+1).Sigmoid()).Scale(3)
		right := part(s, k, k-1, k).Mul(part(h, n, 2*k+1, 2*k+2).Sigmoid()).Scale(3)
		var li, ri []int // of each bin among (left, inner, right)
		d := x.Cols()
		all := graph.Concat(left, inner, right)
		for e := range d {
			for j := range k {
				at := func(knot int) int {
					switch knot {
					case 0:
						return e
					case k:
						return d*k + e
					}
					return d + e*(k-1) + knot - 1
				}
				li, ri = append(li, at(j)), append(ri, at(j+1))
			}
		}
		at, edge := x.Affine(0.5/b, 0.5), w.CumGroups(k)
		bin := findBins(at, edge, k)
		bw, bs, d0, d1 := bin.of(w), bin.of(s), bin.of(all.Columns(li)), bin.of(all.Columns(ri))
		v := at.Sub(bin.of(edge.Sub(w)))
		z := v.Div(bw)
		c, a := bs.Scale(3).Sub(d0.Scale(2)).Sub(d1), d0.Add(d1).Sub(bs.Scale(2)) // times w, w²
		y = bin.of(g.CumGroups(k).Sub(g)).Add(v.Mul(d0.Add(z.Mul(c.Add(z.Mul(a))))))
		slope := d0.Add(z.Mul(c.Scale(2).Add(z.Mul(a).Scale(3))))
		return y.Affine(2*b, -b), slope.Max(x.Graph().Scalar(1e-12)).Log()
	})
}

// Forward maps noise to data, numerically.
func (t CubicSpline) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return solved(u, h, t.Inverse)
}

// LinearRational is the linear-rational spline of Dolatabadi et al. (2020),
// arXiv:2001.05168: two hyperbolas in each bin, joined smoothly, both directions
// in closed form. Parameters of an element: Bins logits of widths, Bins of
// heights, Bins-1 inner slopes, Bins places where the hyperbolas meet.
type LinearRational struct {
	Bins                          int     // default 8
	Bound                         float64 // default 5
	MinWidth, MinHeight, MinSlope float64 // default 1e-3 each; negative for none
}

func (t LinearRational) settings() (k int, bound, minW, minH, minS float64) {
	return binsOr(t.Bins, 8), orDefault(t.Bound, 5), orDefault(t.MinWidth, 1e-3), orDefault(t.MinHeight, 1e-3), orDefault(t.MinSlope, 1e-3)
}

func (t LinearRational) check() error {
	k, b, w, h, _ := t.settings()
	return checkBins(k, 2, b, max(w, h))
}

// Params is 4·Bins - 1.
func (t LinearRational) Params() int { k, _, _, _, _ := t.settings(); return 4*k - 1 }

// bin finds the bin of v on the axis of x or y. Its corner, size, slopes, and the
// weights and value of the paper: w_a is 1.
type rationalBin struct{ x, y, w, h, lambda, wb, wc, yc graph.Expr }

func (t LinearRational) bin(v, h graph.Expr, onY bool) rationalBin {
	k, b, minW, minH, minS := t.settings()
	n := 4*k - 1
	w, g := shares(part(h, n, 0, k), k, minW).Scale(2*b), shares(part(h, n, k, 2*k), k, minH).Scale(2*b)
	inner := part(h, n, 2*k, 3*k-1).Shift(inverseSoftplus(1 - minS)).Softplus().Shift(minS)
	cw, cg := w.CumGroups(k), g.CumGroups(k)
	right := cw
	if onY {
		right = cg
	}
	bin := findBins(v.Shift(b), right, k)
	var li, ri []int
	for e := range v.Cols() {
		for j := range k {
			li, ri = append(li, e*(k-1)+max(j-1, 0)), append(ri, e*(k-1)+min(j, k-2))
		}
	}
	first, last := row(v, numbered(k, func(i int) float64 { return step(i == 0) })...), row(v, numbered(k, func(i int) float64 { return step(i == k-1) })...)
	d0 := bin.of(inner.Columns(li).Mul(first.Affine(-1, 1)).Add(first))
	d1 := bin.of(inner.Columns(ri).Mul(last.Affine(-1, 1)).Add(last))
	var r rationalBin
	r.w, r.h = bin.of(w), bin.of(g)
	r.x, r.y = bin.of(cw.Sub(w)).Shift(-b), bin.of(cg.Sub(g)).Shift(-b)
	r.lambda = bin.of(part(h, n, 3*k-1, 4*k-1)).Sigmoid().Affine(0.95, 0.025)
	r.wb = d0.Div(d1).Sqrt()
	r.wc = r.lambda.Mul(d0).Add(r.lambda.Affine(-1, 1).Mul(r.wb).Mul(d1)).Mul(r.w).Div(r.h)
	up := r.lambda.Mul(r.wb)
	r.yc = up.Mul(r.h).Div(r.lambda.Affine(-1, 1).Add(up)) // above the corner
	return r
}

// slope is the log-slope at the share p of the bin's width.
func (r rationalBin) slope(p graph.Expr) graph.Expr {
	low := p.Less(r.lambda)
	den := low.Where(r.lambda.Sub(p).Add(r.wc.Mul(p)), r.wc.Mul(p.Affine(-1, 1)).Add(r.wb.Mul(p.Sub(r.lambda))))
	num := low.Where(r.lambda.Mul(r.yc), r.lambda.Affine(-1, 1).Mul(r.wb).Mul(r.h.Sub(r.yc))).Mul(r.wc).Div(r.w)
	return num.Log().Sub(den.Log().Scale(2))
}

// Inverse maps data to noise.
func (t LinearRational) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	_, b, _, _, _ := t.settings()
	return identityTails(x, b, func(x graph.Expr) (y, logSlope graph.Expr) {
		r := t.bin(x, h, false)
		p := x.Sub(r.x).Div(r.w).Clamp(0, 1)
		low := p.Less(r.lambda)
		below := r.wc.Mul(r.yc).Mul(p).Div(r.lambda.Sub(p).Add(r.wc.Mul(p)))
		rest, over := r.wc.Mul(p.Affine(-1, 1)), r.wb.Mul(p.Sub(r.lambda))
		above := rest.Mul(r.yc).Add(over.Mul(r.h)).Div(rest.Add(over))
		return r.y.Add(low.Where(below, above)), r.slope(p)
	})
}

// Forward maps noise to data.
func (t LinearRational) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	_, b, _, _, _ := t.settings()
	return identityTails(u, b, func(u graph.Expr) (y, logSlope graph.Expr) {
		r := t.bin(u, h, true)
		v := u.Sub(r.y)
		low := v.Less(r.yc)
		below := r.lambda.Mul(v).Div(v.Add(r.wc.Mul(r.yc.Sub(v))))
		top, rest := r.wb.Mul(r.h.Sub(v)), r.wc.Mul(v.Sub(r.yc))
		above := r.lambda.Mul(top).Add(rest).Div(top.Add(rest))
		p := low.Where(below, above).Clamp(0, 1)
		return r.x.Add(p.Mul(r.w)), r.slope(p).Neg()
	})
}
