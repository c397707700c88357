package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
)

// The polynomials of the normal distribution function, from ../testdata/normal.py;
// ../normal.go says what they are.
var (
	tailTerms = map[int][]float64{
		4: {
			0.91129334523208768618, -0.12487085645602728807, -0.12999256488087423447, 0.12851299562645923559, -0.016494900030701691697,
			-0.034877810785778842353, 0.013180199615508872712, 0.0092759474343984662234, -0.0053698417878268172842, -0.0025015224618300155097,
			0.0015771374526303950427, 0.00060929871726523174534, -0.00025110293202423760358, -0.000090335213665126545204,
		},
		8: {
			0.91129333510916154292, -0.12487086013623283546, -0.12999156978443560278, 0.12851335754054925797, -0.016511072461764001361,
			-0.034883704636101845745, 0.013280297998320074689, 0.0093125764382800961918, -0.0056719325339179726557, -0.0026128836224966234931,
			0.0020661534494913854656, 0.00079204345672160764297, -0.00068525662845721823773, -0.00025714560740552165149, 0.00020775162557869047057,
			0.000085087028945116361574, -0.000056544583220659477237, -0.000026726861357289824941, 0.000013405816803939512584, 7.3770422919088033742e-6,
			-2.6661096598709358776e-6, -1.6333911528029763507e-6, 4.2591134053172259257e-7, 2.5218673850400599518e-7, -5.1042260080399832984e-8,
			-1.9766089357481959824e-8, 3.6344519275299403264e-9, -7.4122900439341408158e-11,
		},
	}
	centerTerms = map[int][]float64{
		4: {
			2.5066282710936201546, 2.6249405763963708945, 5.7711174689878349999, 15.79732912006439776, 41.776982619414639235,
			243.21377831110203326,
		},
		8: {
			2.5066282746310004755, 2.6249349909539069488, 5.7725335384338244407, 15.667609035874586889, 47.035772225120528708,
			149.83168153230261444, 496.12672454651956124, 1697.3476515117564003, 5622.3978171616620693, 26234.853977814611232,
			941.82210495997950929, 780909.76434820147531,
		},
	}
	startTerms = map[int][]float64{
		4: {
			2.7117119598775276444, -4.0029145585525958388, 3.7866110674697942671, -1.429785999215549702,
		},
		8: {
			3.2333834163220862298, -8.9575549043430354525, 20.851416179397202836, -28.822619256848386141, 20.839234326568468178,
			-6.0762360668825953578,
		},
	}
)

const sqrt2Pi = 2.50662827463100050242

// tail is the hazard at -t, t ≥ 0, and its excess over t.
func (t vec) tail() (h, excess vec) {
	huge := t.minc(1e18) // where the argument of the polynomial has long been one
	u := huge.addc(-3.5).div(huge.addc(3.5))
	excess = u.polynomial(tailTerms[t.e.size]).div(t.timesc(t.e.all(0.75), 1))
	return t.add(excess), excess
}

// gauss is exp(-t²/2), the rounding of t² made good.
func (t vec) gauss() vec {
	t = t.minc(40)
	hi := t.mul(t)
	lo := t.times(t, hi.neg())
	g := hi.mulc(-0.5).exp()
	return g.minus(lo.mulc(0.5), g)
}

// logCDF is log Φ(v): -v²/2 - log(√2π h) below zero, log1p(-exp(-v²/2)/(√2π h)) above.
func (v vec) logCDF() vec {
	t := v.abs()
	h, _ := t.tail()
	h = h.mulc(sqrt2Pi)
	above := v.comparec(greater, 0)
	p := t.gauss().neg().div(h)
	u := p.addc(1)
	rest := p.sub(u.addc(-1)).div(u)
	k, f := h.pick(above, u).logParts(false)
	l := logSum(k, f)
	return t.mulc(0.5).times(t, l).pick(above, l.add(rest)).orc(v.e.sign())
}

// hazard is φ(v)/Φ(v), or what that is above -v.
func (v vec) hazard(excess bool) vec {
	t := v.abs()
	h, ex := t.tail()
	g := t.gauss()
	out := g.div(v.e.all(sqrt2Pi).sub(g.div(h)))
	below := v.comparec(atMost, 0)
	if excess {
		return v.add(out).pick(below, ex)
	}
	return out.pick(below, h)
}

// labels counts the places that functions jump to.
var labels int

// quantile is the z with log Φ(z) = v.
func (v vec) quantile() vec {
	e := v.e
	// log 2 is added in two parts, the first of which leaves no error next to -log 2.
	high := math.Ln2
	if e.size == 4 {
		high = float64(float32(math.Ln2))
	}
	var local shelf
	if e.half {
		local.base = AllocLocal(2 * e.width()).Base
	}
	w := local.keep(v.addc(high).addc(ln2Rest(high)))
	above := local.again(e, func() mask { return w.comparec(greater, 0.35) })
	below := local.again(e, func() mask { return w.comparec(less, -0.55) })
	// The logarithm of the lower of the two probabilities.
	labels++
	label := fmt.Sprint("below", labels)
	l := v.copy()
	above().none(label)
	l.put(above(), v.expm1().neg().log())
	Label(label)
	out := l.lowerQuantile(&local)
	out.put(below(), out.neg())
	// Between, a polynomial of the distance from 1/2.
	terms := 8
	if e.size == 8 {
		terms = 14
	}
	w2 := vec{e: e, r: w.reg()}
	q := w2.polynomial(factorials(2, terms)).times(w2.mul(w2), w2).mulc(0.5)
	center := q.mul(q).polynomial(centerTerms[e.size]).mul(q)
	return center.pick(above(), out).pick(below(), out)
}

// ln2Rest is what a rounded log 2 lacks.
func ln2Rest(high float64) float64 { return math.Ln2 - high + 2.3190468138462996e-17 }

// lowerQuantile is the t > 0 with log Φ(-t) = l, for l < -1.2, by the series in
// ../normal.go: two terms of it in float32, four in float64.
func (l vec) lowerQuantile(local *shelf) vec {
	e := l.e
	farthest := 1e20
	if e.size == 4 {
		farthest = 1e10
	}
	one, root := e.all(1), local.keep(l.neg().sqrt())
	far := local.again(e, func() mask { return root.comparec(greater, math.Sqrt(farthest)) })
	v, l := (vec{e: e, r: root.reg()}).minc(math.Sqrt(farthest)), l.maxc(-farthest)
	i := one.div(v)
	t := i.polynomial(startTerms[e.size]).minus(i.mul(i), e.all(math.Sqrt2)).mul(v)
	h, excess := t.tail()
	k, f := h.mulc(sqrt2Pi).logParts(false)
	s := t.mulc(0.5).minus(t, logSum(k, f).add(l).neg())
	m := one.div(h)
	y, d := s.mul(m), excess.mul(m)
	c := d.mulc(-0.5).times(s, one)
	if e.size == 8 {
		ss, yy := s.mul(s), y.mul(y)
		third := d.timesc(e.all(2), -1).mul(d).times(ss, yy)
		fourth := d.minus(d, d).timesc(e.all(6), -1).mul(d).mul(ss).add(d.timesc(e.all(-7), 1).mul(yy))
		c = third.scaled(1.0/6, c)
		c = fourth.mul(s).scaled(1.0/24, c)
	}
	t = y.times(c, t)
	t.put(far(), root.mulc(math.Sqrt2))
	return t
}
