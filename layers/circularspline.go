package layers

import (
	"cmp"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// wrapped applies a map of the circle of circumference 2·half to a number on the
// line: turns are counted and added again. The map keeps ±half where it is. Far out,
// rounding leaves the circle.
func wrapped(x graph.Expr, half float64, f func(x graph.Expr) (y, logSlope graph.Expr)) (y, logSlope graph.Expr) {
	turns := x.Affine(0.5/half, 0.5).Floor().Scale(2 * half)
	y, logSlope = f(pinned(x.Sub(turns), -half, half))
	return y.Add(turns), logSlope
}

// CircularSpline is the rational-quadratic spline on a circle (Rezende et al. 2020,
// arXiv:2002.02428): periodic, with the same slope at both ends of [-Half, Half].
// Parameters of an element: Bins logits of widths, Bins of heights, Bins slopes,
// of which the first is that of both ends.
type CircularSpline struct {
	Bins                          int     // default 8
	Half                          float64 // half the period; default π
	MinWidth, MinHeight, MinSlope float64 // default 1e-3 each; negative for none
	// SoftClip, when positive, makes parameters and slopes as zuko does: h/(1+|c h|)
	// with c = 2/SoftClip for widths and heights, and slopes exp(h/(1+|h|/SoftClip)).
	SoftClip float64
}

func (t CircularSpline) settings() (k int, half float64) {
	return cmp.Or(t.Bins, 8), orDefault(t.Half, math.Pi)
}

func (t CircularSpline) check() error {
	k, b := t.settings()
	return cmp.Or(checkBins(k, 1, b, max(orDefault(t.MinWidth, 1e-3), orDefault(t.MinHeight, 1e-3))),
		checkSlope(t.MinSlope), checkSize("soft clip", t.SoftClip))
}

// Params is 3·Bins.
func (t CircularSpline) Params() int { k, _ := t.settings(); return 3 * k }

func (t CircularSpline) knots(h graph.Expr) (w, g, d graph.Expr) {
	k, b := t.settings()
	n := 3 * k
	rw, rh, rd := part(h, n, 0, k), part(h, n, k, 2*k), part(h, n, 2*k, 3*k)
	if c := t.SoftClip; c > 0 {
		clip := func(r graph.Expr, c float64) graph.Expr { return r.Div(r.Abs().Affine(c, 1)) }
		rw, rh, d = clip(rw, 2/c), clip(rh, 2/c), clip(rd, 1/c).Exp()
	} else {
		least := orDefault(t.MinSlope, 1e-3)
		d = rd.Shift(inverseSoftplus(1 - least)).Softplus().Shift(least)
	}
	return shares(rw, k, orDefault(t.MinWidth, 1e-3)).Scale(2 * b), shares(rh, k, orDefault(t.MinHeight, 1e-3)).Scale(2 * b), d
}

// Inverse maps data to noise.
func (t CircularSpline) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	return t.apply(x, h, false)
}

// Forward maps noise to data.
func (t CircularSpline) Forward(u, h graph.Expr) (x, logSlope graph.Expr) { return t.apply(u, h, true) }

func (t CircularSpline) apply(v, h graph.Expr, inverse bool) (y, logSlope graph.Expr) {
	k, b := t.settings()
	return wrapped(v, b, func(v graph.Expr) (graph.Expr, graph.Expr) {
		w, g, d := t.knots(h)
		cw, cg := w.CumGroups(k), g.CumGroups(k)
		right := cw
		if inverse {
			right = cg
		}
		v = v.Shift(b)
		bin := findBins(v, right, k)
		var next []int
		for e := range v.Cols() {
			for j := range k {
				next = append(next, e*k+(j+1)%k)
			}
		}
		r := quadraticRatio{w: bin.of(w), h: bin.of(g), d0: bin.of(d), d1: bin.of(d.Columns(next))}
		x0, y0 := bin.of(cw.Sub(w)), bin.of(cg.Sub(g))
		if inverse {
			z, rest := r.root(v.Sub(y0))
			_, l := r.value(z, rest)
			return x0.Add(z.Mul(r.w)).Shift(-b), l.Neg()
		}
		z := pinned(v.Sub(x0).Div(r.w), 0, 1) // of a narrow bin, rounding leaves it
		up, l := r.value(z, z.Affine(-1, 1))
		return y0.Add(up).Shift(-b), l
	})
}

// quadraticRatio is one bin of a rational-quadratic spline: width, height, slopes at
// its ends.
type quadraticRatio struct{ w, h, d0, d1 graph.Expr }

// value is the height above the corner and the log-slope at the share z, of which rest is
// left.
func (r quadraticRatio) value(z, rest graph.Expr) (y, logSlope graph.Expr) {
	s := r.h.Div(r.w)
	both := z.Mul(rest)
	den := s.Add(r.d0.Add(r.d1).Sub(s.Scale(2)).Mul(both))
	y = r.h.Mul(s.Mul(z.Square()).Add(r.d0.Mul(both))).Div(den)
	p := r.d1.Mul(z.Square()).Add(s.Mul(both).Scale(2)).Add(r.d0.Mul(rest.Square()))
	return y, s.Log().Sub(den.Log()).Scale(2).Add(p.Log())
}

// root is the share at which the height is y, and what is left of it. The nearer end is
// solved for: where slopes are steep, all of the height but little may lie within a
// rounding of the other.
func (r quadraticRatio) root(y graph.Expr) (z, rest graph.Expr) {
	s := r.h.Div(r.w)
	d := r.d0.Add(r.d1)
	// In the middle of the bin, the height is h (s+d0)/(2s+d0+d1).
	far := r.h.Mul(s.Add(r.d0)).Less(y.Mul(d.Add(s.Scale(2))))
	t, end := far.Where(r.h.Sub(y), y), far.Where(r.d1, r.d0)
	e := d.Sub(s.Scale(2)).Mul(t)
	a, b, c := r.h.Mul(s.Sub(end)).Add(e), r.h.Mul(end).Sub(e), s.Mul(t).Neg()
	near := quadraticRoot(a, b, c).Clamp(0, 1)
	other := near.Affine(-1, 1)
	return far.Where(other, near), far.Where(near, other)
}

// quadraticRoot is the root of a x² + b x + c at which the slope is positive, or, for a
// double one, that, in the form that does not cancel.
func quadraticRoot(a, b, c graph.Expr) graph.Expr {
	root := b.Square().Sub(a.Mul(c).Scale(4)).ReLU().Sqrt()
	below := b.Less(b.Graph().Scalar(0))
	return below.Where(root.Sub(b), c.Scale(-2)).Div(below.Where(a.Scale(2), b.Add(root)))
}
