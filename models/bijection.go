package models

import (
	"math"
	"sort"
)

// bijection maps the numbers of a column onto the real line, v = g(x), and back.
//
// A number of a discrete column stands for a cell of the line: toLine is then the
// point at r, from 0 to 1, between the ends of its cell, and fromLine the number in
// whose cell v lies. Other columns do not look at r.
type bijection interface {
	toLine(x, r float64) float64
	// fromLine gives a number of the column whatever v is.
	fromLine(v float64) float64
	// slopes returns log dv/dx, dv/dx and the derivative of the first; in a discrete
	// column log dv/dr, 0 and 0.
	slopes(x, r float64) (log, slope, dlog float64)
}

// identity is v = x.
type identity struct{}

func (identity) toLine(x, _ float64) float64 { return x }

func (identity) fromLine(v float64) float64 { return v }

func (identity) slopes(_, _ float64) (log, slope, dlog float64) { return 0, 1, 0 }

// logarithm is v = log x.
type logarithm struct{}

func (logarithm) toLine(x, _ float64) float64 { return math.Log(x) }

func (logarithm) fromLine(v float64) float64 {
	return math.Min(math.Max(math.Exp(v), math.SmallestNonzeroFloat64), math.MaxFloat64)
}

func (logarithm) slopes(x, _ float64) (log, slope, dlog float64) {
	return -math.Log(x), 1 / x, -1 / x
}

// logit is v = log (x - lo)/(hi - x).
type logit struct{ lo, hi float64 }

func (g logit) toLine(x, _ float64) float64 { return math.Log((x - g.lo) / (g.hi - x)) }

func (g logit) fromLine(v float64) float64 {
	x := g.lo + (g.hi-g.lo)/(1+math.Exp(-v))
	return math.Min(math.Max(x, math.Nextafter(g.lo, g.hi)), math.Nextafter(g.hi, g.lo))
}

func (g logit) slopes(x, _ float64) (log, slope, dlog float64) {
	a, b := x-g.lo, g.hi-x
	slope = (g.hi - g.lo) / a / b
	log = math.Log(slope)
	if math.IsInf(slope, 0) { // a hair from an end
		log = math.Log(g.hi-g.lo) - math.Log(a) - math.Log(b)
	}
	return log, slope, 1/b - 1/a
}

// turn is the part of a turn that a periodic column has made from its origin.
type turn struct{ origin, period float64 }

// of is that part, 0 ≤ t < 1.
func (g turn) of(x float64) float64 {
	t := (x - g.origin) / g.period
	if t -= math.Floor(t); t >= 1 { // a hair below the origin
		return 0
	}
	return t
}

// value is the x from the origin up to one period on that has made t turns.
func (g turn) value(t float64) float64 {
	if x := g.origin + g.period*(t-math.Floor(t)); x < g.origin+g.period {
		return x
	}
	return g.origin
}

// angle is a map of the circle that stands for mean and scale: with φ the angle from
// the mean direction,
//
//	v = 2 atan(tan(φ/2)/s)
//
// which makes a wrapped Cauchy density uniform (McCullagh 1996). At s = 1 it is a turn.
type angle struct {
	turn
	mean, s float64
}

// from is φ, from -π up to π.
func (g angle) from(x float64) float64 {
	f := 2*math.Pi*g.of(x) - math.Pi - g.mean
	return f - 2*math.Pi*math.Floor(f/(2*math.Pi)+0.5)
}

func (g angle) toLine(x, _ float64) float64 {
	sin, cos := math.Sincos(g.from(x) / 2)
	return 2 * math.Atan2(sin, g.s*cos)
}

func (g angle) fromLine(v float64) float64 {
	sin, cos := math.Sincos(v / 2)
	return g.value((2*math.Atan2(g.s*sin, cos)+g.mean)/(2*math.Pi) + 0.5)
}

func (g angle) slopes(x, _ float64) (log, slope, dlog float64) {
	sin, cos := math.Sincos(g.from(x) / 2)
	d := g.s*g.s*cos*cos + sin*sin
	turn := 2 * math.Pi / g.period
	slope = turn * g.s / d
	return math.Log(slope), slope, -(1 - g.s*g.s) * sin * cos / d * turn
}

// opened is a circle cut open at the seam: v is the logit of the part of a turn that
// x has made from there.
type opened struct{ turn, seam turn }

var unit = logit{0, 1}

// place is that part, inside (0, 1).
func (g opened) place(x float64) float64 {
	return math.Min(math.Max(g.seam.of(x), 0x1p-60), 1-0x1p-53)
}

func (g opened) toLine(x, _ float64) float64 { return unit.toLine(g.place(x), 0) }

func (g opened) fromLine(v float64) float64 {
	return g.turn.value(g.turn.of(g.seam.value(unit.fromLine(v))))
}

func (g opened) slopes(x, _ float64) (log, slope, dlog float64) {
	log, slope, dlog = unit.slopes(g.place(x), 0)
	return log - math.Log(g.seam.period), slope / g.seam.period, dlog / g.seam.period
}

// whole is v = n - ½ + r for whole numbers n.
type whole struct{}

func (whole) toLine(x, r float64) float64 { return x - 0.5 + r }

func (whole) fromLine(v float64) float64 { return math.Floor(v + 0.5) }

func (whole) slopes(_, _ float64) (log, slope, dlog float64) { return 0, 0, 0 }

// wholeOn is g(n - ½ + r), for whole numbers from least to most: between ends or, if it
// turns, on a circle.
type wholeOn struct {
	g           bijection
	least, most float64
	turns       bool
}

func (g wholeOn) toLine(x, r float64) float64 { return g.g.toLine(x-0.5+r, 0) }

func (g wholeOn) fromLine(v float64) float64 {
	n := math.Floor(g.g.fromLine(v) + 0.5)
	if g.turns && n > g.most {
		return g.least
	}
	return math.Min(math.Max(n, g.least), g.most)
}

func (g wholeOn) slopes(x, r float64) (log, slope, dlog float64) {
	log, _, _ = g.g.slopes(x-0.5+r, 0)
	return log, 0, 0
}

// levels is the normal quantile of a point in the level's cell, the interval
// between two neighbours of cuts, which go from 0 to 1. Where the cells are as wide
// as their levels are frequent, v is standard normal.
type levels struct {
	values *Values
	cuts   []float64
}

func (g levels) toLine(x, r float64) float64 {
	k := g.values.level(x)
	u := g.cuts[k] + r*(g.cuts[k+1]-g.cuts[k])
	u = math.Min(math.Max(u, 0x1p-53), 1-0x1p-53)
	return math.Sqrt2 * math.Erfinv(2*u-1)
}

func (g levels) fromLine(v float64) float64 {
	u := 0.5 * math.Erfc(-v/math.Sqrt2)
	k := sort.Search(len(g.cuts)-2, func(k int) bool { return u < g.cuts[k+1] })
	return g.values.number(k)
}

// slopes: the density of a standard normal at v is du/dv.
func (g levels) slopes(x, r float64) (log, slope, dlog float64) {
	k := g.values.level(x)
	v := g.toLine(x, r)
	return 0.5*(v*v+math.Log(2*math.Pi)) + math.Log(g.cuts[k+1]-g.cuts[k]), 0, 0
}
