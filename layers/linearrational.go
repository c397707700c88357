package layers

import (
	"cmp"

	"github.com/gorgeflow/gorge/graph"
)

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
	return cmp.Or(t.Bins, 8), orDefault(t.Bound, 5), orDefault(t.MinWidth, 1e-3), orDefault(t.MinHeight, 1e-3), orDefault(t.MinSlope, 1e-3)
}

func (t LinearRational) check() error {
	k, b, w, h, s := t.settings()
	return cmp.Or(checkBins(k, 2, b, max(w, h)), checkSlope(s))
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
