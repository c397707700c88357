package layers

import "github.com/gorgeflow/gorge/graph"

// CubicSpline is the spline of Durkan et al. (2019), arXiv:1906.02145: on
// [-Bound, Bound], the identity outside, a monotone cubic (Steffen 1990) between its
// knots, in bin k of width w with z = (x - x_k)/w
//
//	u = u_k + w (d_k z + (3s - 2d_k - d_k+1) z² + (d_k + d_k+1 - 2s) z³)
//
// for its mean slope s and the slopes d at the knots. Forward is solved for
// numerically. The slope jumps at ±Bound.
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
