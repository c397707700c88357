package graph

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// Spline is the monotone rational-quadratic spline of Durkan et al. (2019),
// arXiv:1906.04032, on [-Bound, Bound] with linear tails: outside it is the
// identity. It has Bins bins and 3·Bins-1 parameters for each element, in this
// order: Bins logits of the widths, Bins of the heights, Bins-1 inner slopes.
//
//	width_k = 2 Bound (MinWidth + (1 - Bins MinWidth) softmax(w)_k)
//	slope_k = MinSlope + softplus(s_k + SlopeShift), or exp(s_k) if ExpSlope
type Spline struct {
	Bins                          int
	Bound                         float64
	MinWidth, MinHeight, MinSlope float64
	SlopeShift                    float64
	ExpSlope                      bool
}

// Params returns the number of parameters for each element.
func (s Spline) Params() int { return 3*s.Bins - 1 }

func (s Spline) check() error {
	switch {
	case s.Bins < 1 || s.Bins > maxBins:
		return fmt.Errorf("%d bins: want 1 to %d", s.Bins, maxBins)
	case !(s.Bound > 0) || math.IsInf(s.Bound, 0):
		return fmt.Errorf("bound %v: must be positive", s.Bound)
	case s.MinWidth < 0 || s.MinHeight < 0 || s.MinSlope < 0:
		return fmt.Errorf("minimum width %v, height %v, slope %v: must not be negative", s.MinWidth, s.MinHeight, s.MinSlope)
	case float64(s.Bins)*s.MinWidth > 1 || float64(s.Bins)*s.MinHeight > 1:
		return fmt.Errorf("%d bins of at least %v × %v leave no room", s.Bins, s.MinWidth, s.MinHeight)
	}
	return nil
}

// spline takes x (n, D) and h (n, D·P) to the values and the log-slopes side by
// side, (n, 2D). splineGrad takes x, h and the gradient in those to the
// gradients in x and h side by side, (n, D+D·P).
type (
	spline struct {
		s       Spline
		inverse bool
	}
	splineGrad spline
)

func (o spline) String() string     { return fmt.Sprintf("spline(%+v,%t)", o.s, o.inverse) }
func (o splineGrad) String() string { return fmt.Sprintf("splineGrad(%+v,%t)", o.s, o.inverse) }

func (o spline) shape(in []dims) (dims, error) {
	x, h := in[0], in[1]
	if h.c != x.c*o.s.Params() || x.rows != h.rows || x.r != h.r {
		return dims{}, fmt.Errorf("%v with parameters %v: want %d for each element", x, h, o.s.Params())
	}
	return dims{x.rows, x.r, 2 * x.c}, o.s.check()
}

func (o spline) diff(xs []Expr, _, g Expr) []Expr {
	x, h := xs[0], xs[1]
	both := x.g.apply(splineGrad(o), x, h, g)
	d := x.Cols()
	return []Expr{both.Slice(0, d), both.Slice(d, both.Cols())}
}

func (o splineGrad) shape(in []dims) (dims, error) {
	return dims{in[0].rows, in[0].r, in[0].c + in[1].c}, nil
}

func (o splineGrad) diff(xs []Expr, _, _ Expr) []Expr {
	xs[0].g.fail(o.String(), "the spline is differentiable once: its second derivative was asked for")
	return []Expr{{}, {}, {}}
}

// Spline maps each element of e by the rational-quadratic spline whose
// parameters stand in h, element by element, and returns the values and the
// logarithms of the slopes. It is differentiable once.
func (e Expr) Spline(h Expr, s Spline) (y, logSlope Expr) { return e.spline(h, s, false) }

// SplineInverse is the inverse of [Expr.Spline], with the log-slopes of the
// inverse.
func (e Expr) SplineInverse(h Expr, s Spline) (x, logSlope Expr) { return e.spline(h, s, true) }

func (e Expr) spline(h Expr, s Spline, inverse bool) (y, logSlope Expr) {
	both := e.apply2(spline{s, inverse}, h)
	d := e.Cols()
	return both.Slice(0, d), both.Slice(d, 2*d)
}

// maxBins bounds the scratch of one element.
const maxBins = 256

// knots is one element's spline, in float64 whatever the element type: a narrow
// bin of a wide box has few digits left in float32.
type knots struct {
	w, h [maxBins]float64 // softmax weights of widths and heights
	s    [maxBins]float64 // raw inner slopes
	k    int              // the bin
	x, y float64          // its left corner
	dx   float64          // its width
	dy   float64
	d0   float64
	d1   float64
}

// softmax fills p and returns the corner sums.
func softmax(p []float64) {
	m := math.Inf(-1)
	for _, v := range p {
		m = math.Max(m, v)
	}
	sum := 0.0
	for i, v := range p {
		p[i] = math.Exp(v - m)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
}

func (s Spline) slope(raw float64) float64 {
	if s.ExpSlope {
		return math.Exp(raw) + s.MinSlope
	}
	v := raw + s.SlopeShift
	return s.MinSlope + math.Max(v, 0) + math.Log1p(math.Exp(-math.Abs(v)))
}

func (s Spline) slopeGrad(raw float64) float64 {
	if s.ExpSlope {
		return math.Exp(raw)
	}
	return kernel.SigmoidOf(raw + s.SlopeShift)
}

// find fills the knots from the parameters and finds the bin that holds v, on
// the x axis or, for the inverse, on the y axis.
func (q *knots) find(s Spline, v float64, inverse bool) {
	K := s.Bins
	softmax(q.w[:K])
	softmax(q.h[:K])
	fw, fh := 1-float64(K)*s.MinWidth, 1-float64(K)*s.MinHeight
	x, y := -s.Bound, -s.Bound
	for k := range K {
		dx, dy := 2*s.Bound*(s.MinWidth+fw*q.w[k]), 2*s.Bound*(s.MinHeight+fh*q.h[k])
		edge := x + dx
		if inverse {
			edge = y + dy
		}
		if v < edge || k == K-1 {
			if k == K-1 { // the last corner is the bound exactly
				dx, dy = math.Max(s.Bound-x, tiny), math.Max(s.Bound-y, tiny)
			}
			q.k, q.x, q.y, q.dx, q.dy = k, x, y, math.Max(dx, tiny), math.Max(dy, tiny)
			break
		}
		x, y = x+dx, y+dy
	}
	q.d0, q.d1 = 1, 1
	if q.k > 0 {
		q.d0 = math.Min(math.Max(s.slope(q.s[q.k-1]), tiny), huge)
	}
	if q.k < K-1 {
		q.d1 = math.Min(math.Max(s.slope(q.s[q.k]), tiny), huge)
	}
}

const (
	tiny = 1e-12
	huge = 1e12
)

// ratio is the position ξ in the bin, in [0, 1], and 1-ξ. Of the inverse, the nearer
// end is solved for: where slopes are steep, all of the bin's height but little may lie
// within a rounding of the other.
func (q *knots) ratio(v float64, inverse bool) (xi, rest float64) {
	if !inverse {
		xi = clamp01((v - q.x) / q.dx)
		return xi, 1 - xi
	}
	s := q.dy / q.dx
	t, end := math.Min(math.Max(v-q.y, 0), q.dy), q.d0
	far := t*(2*s+q.d0+q.d1) > q.dy*(s+q.d0) // beyond the middle
	if far {
		t, end = q.dy-t, q.d1
	}
	// The quadratic a z² + b z + c = 0 of the paper's appendix, its root in the form
	// that does not cancel.
	e := q.d0 + q.d1 - 2*s
	a, b, c := q.dy*(s-end)+t*e, q.dy*end-t*e, -s*t
	sum := math.Abs(b) + math.Sqrt(math.Max(b*b-4*a*c, 0))
	num, den := -2*c, sum
	if b < 0 {
		num, den = sum, 2*a
	}
	z := 0.0
	if den != 0 {
		z = clamp01(num / den)
	}
	if far {
		return 1 - z, z
	}
	return z, 1 - z
}

func clamp01(v float64) float64 { return math.Min(math.Max(v, 0), 1) }

func (q *knots) load(s Spline, at func(int) float64) {
	for k := range s.Bins {
		q.w[k], q.h[k] = at(k), at(s.Bins+k)
	}
	for k := range s.Bins - 1 {
		q.s[k] = at(2*s.Bins + k)
	}
}

// value returns the image of ξ and the log-slope there.
func (q *knots) value(xi, rest float64) (y, logSlope float64) {
	s := q.dy / q.dx
	t := xi * rest
	den := s + (q.d0+q.d1-2*s)*t
	num := s*xi*xi + q.d0*t
	p := q.d1*xi*xi + 2*s*t + q.d0*rest*rest
	return q.y + q.dy*num/den, 2*math.Log(s) + math.Log(p) - 2*math.Log(den)
}

// binGrad is a gradient in the bin's numbers.
type binGrad struct{ x, y, dx, dy, d0, d1, in float64 }

// reverse differentiates gy·value + gl·logSlope in the bin's numbers and in the
// argument.
func (q *knots) reverse(xi, rest, gy, gl float64) binGrad {
	s := q.dy / q.dx
	t := xi * rest
	e := q.d0 + q.d1 - 2*s
	den := s + e*t
	num := s*xi*xi + q.d0*t
	p := q.d1*xi*xi + 2*s*t + q.d0*rest*rest
	r := num / den
	var g binGrad
	g.y = gy
	gn := gy * q.dy / den
	gd := -gn*r - 2*gl/den
	gp := gl / p
	gs := 2*gl/s + gn*xi*xi + gd*(1-2*t) + gp*2*t
	gt := gn*q.d0 + gd*e + gp*2*s
	g.d0 = gn*t + gd*t + gp*rest*rest
	g.d1 = gd*t + gp*xi*xi
	gxi := gn*2*s*xi + gp*2*(q.d1*xi-q.d0*rest) + gt*(rest-xi)
	g.dy = gy*r + gs/q.dx
	g.dx = -gs*s/q.dx - gxi*xi/q.dx
	g.x = -gxi / q.dx
	g.in = gxi / q.dx
	return g
}

// eval maps one element whose parameters are read by at.
func (s Spline) eval(q *knots, v float64, inverse bool, at func(int) float64) (out, logSlope float64) {
	if !(v >= -s.Bound && v <= s.Bound) {
		return v, 0
	}
	q.load(s, at)
	q.find(s, v, inverse)
	xi, rest := q.ratio(v, inverse)
	out, logSlope = q.value(xi, rest)
	if inverse {
		out, logSlope = q.x+xi*q.dx, -logSlope
	}
	return out, logSlope
}

// grad adds the gradients in the parameters by add and returns the one in v.
func (s Spline) grad(q *knots, v, gy, gl float64, inverse bool, at func(int) float64, set func(int, float64)) float64 {
	if !(v >= -s.Bound && v <= s.Bound) {
		for i := range s.Params() {
			set(i, 0)
		}
		return gy
	}
	q.load(s, at)
	q.find(s, v, inverse)
	xi, rest := q.ratio(v, inverse)
	var g binGrad
	var gv float64
	if !inverse {
		g = q.reverse(xi, rest, gy, gl)
		gv = g.in
	} else {
		// x solves S(x; θ) = v: dx = (dv - S_θ dθ)/S', and the log-slope of the
		// inverse is -L(x; θ).
		_, l := q.value(xi, rest)
		slope := math.Exp(l)
		lx := q.reverse(xi, rest, 0, 1).in
		gv = (gy - gl*lx) / slope
		g = q.reverse(xi, rest, -gv, -gl)
	}
	q.spread(s, g, set)
	return gv
}

// spread carries the gradient in the bin's numbers back to the parameters,
// through the cumulative sums and the softmax.
func (q *knots) spread(s Spline, g binGrad, set func(int, float64)) {
	K := s.Bins
	spread := func(p *[maxBins]float64, corner, size, min float64, base int) {
		f := 2 * s.Bound * (1 - float64(K)*min)
		if q.k == K-1 { // its size is what the corner leaves
			corner, size = corner-size, 0
		}
		mean := size * p[q.k]
		for k := range q.k {
			mean += corner * p[k]
		}
		for k := range K {
			d := -mean
			if k < q.k {
				d += corner
			} else if k == q.k {
				d += size
			}
			set(base+k, f*p[k]*d)
		}
	}
	spread(&q.w, g.x, g.dx, s.MinWidth, 0)
	spread(&q.h, g.y, g.dy, s.MinHeight, K)
	for k := range K - 1 {
		var d float64
		switch k {
		case q.k - 1:
			d = g.d0 * s.slopeGrad(q.s[k])
		case q.k:
			d = g.d1 * s.slopeGrad(q.s[k])
		}
		set(2*K+k, d)
	}
}
