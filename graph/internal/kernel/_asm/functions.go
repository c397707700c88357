package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// The functions below are for one vector. Their special values follow package math;
// their errors are bounded in vec_test.go. The largest seen, in units in the last place,
// of every 17th number of float32 from 5e-10 to 256 (of sigmoid and softplus every one from
// -5 to -2e-6) and of 25,000 random numbers of float64, against 45 digits:
//
//	           float32  float64
//	exp           1.10     1.09
//	expm1         1.61     1.68
//	log           0.91     0.79
//	log1p         1.44     1.14
//	tanh          1.31     1.25
//	sigmoid       2.00     1.97
//	softplus      1.62     1.59
//	erf           1.19     1.25
//	atan          1.36     1.27

// factorials is n terms 1/i! from i = from on.
func factorials(from, n int) []float64 {
	c := make([]float64, n)
	f := 1.0
	for i := 1; i < from+n; i++ {
		f *= float64(i)
		if i >= from {
			c[i-from] = 1 / f
		}
	}
	if from == 0 {
		c[0] = 1
	}
	return c
}

// reduceExp writes v = n log 2 + r with |r| ≤ log(2)/2, after bringing v into
// [lo, hi]; v that is no number stays so.
func reduceExp(v vec, lo, hi float64) (n, r vec) {
	v = v.minc(hi).maxc(lo)
	n = v.mulc(math.Log2E).round(8)
	ln2, rest := v.e.ln2()
	return n, n.scaled(-rest, n.scaled(-ln2, v))
}

// ln2 is log 2 in two parts, the first with few enough bits for an exact product.
func (e element) ln2() (high, rest float64) {
	if e.size == 4 {
		return 0.693359375, math.Ln2 - 0.693359375
	}
	return 6.93147180369123816490e-01, 1.90821492927058770002e-10
}

func (e element) expRange() (lo, hi float64) {
	if e.size == 4 {
		return -105, 89.5
	}
	return -746, 710.5
}

// exp is eᵛ: a polynomial of the rest after powers of two.
func (v vec) exp() vec {
	lo, hi := v.e.expRange()
	n, r := reduceExp(v, lo, hi)
	return r.expTail().addc(1).scale(n)
}

// expTail is eʳ - 1 for |r| ≤ log(2)/2, r + r² times expTerms.
func (r vec) expTail() vec { return r.expTerms().times(r.mul(r), r) }

// expTerms are (eʳ - 1 - r)/r².
func (r vec) expTerms() vec { return r.polynomial(expTerms[r.e.size]) }

// expTerms approximate (eʳ - 1 - r)/r² for |r| ≤ log(2)/2 by Chebyshev interpolation;
// eʳ is then within 1e-8 and 2.5e-17 of itself.
var expTerms = map[int][]float64{
	4: {0.5, 0.1666657684599397631, 0.04166655443768593889, 0.008363202971575854946, 0.001392621346633244303},
	8: {0.5, 0.1666666666666666745588, 0.04166666666662399151589, 0.008333333333330051346, 0.001388888891728179331, 0.0001984126986310596875,
		0.00002480152119021772765, 2.755726837868419287e-6, 2.762013871973399557e-7, 2.510042415700506679e-8},
}

// expOfNegative is eᵛ for v ≤ 0 where it is added to others, of which one is 1: what is
// much less may be off by some units in its last place.
func (v vec) expOfNegative() vec {
	lo, _ := v.e.expRange()
	v = v.maxc(lo)
	n := v.mulc(math.Log2E).round(8)
	ln2, rest := v.e.ln2()
	return n.scaled(-ln2-rest, v).expTail().addc(1).scale(n)
}

// expm1 is eᵛ - 1.
func (v vec) expm1() vec {
	lo, hi := -40.0, 88.9 // the largest n is 128, or 1024
	if v.e.size == 8 {
		hi = 709.9
	}
	n, r := reduceExp(v, lo, hi)
	p := r.expTail()
	// 2ⁿ p + (2ⁿ - 1), halved on the way for the largest n.
	half := v.e.all(0.5).scale(n)
	out := p.times(half, half.addc(-0.5))
	out = out.add(out)
	out.put(n.comparec(equal, 0), p)
	out.put(v.comparec(equal, 0), v)
	return out
}

// logParts writes v = 2^k (1+f), 1+f in [0.75, 1.5). What is negative or no number
// gives no number; zero, infinities and, unless tiny, subnormals anything.
func (v vec) logParts(tiny bool) (k, f vec) {
	if v.e.half {
		return v.logParts2(tiny)
	}
	m, e, em := v.e.vec(), v.e.vec(), v.e.vec()
	byType(v.e, VGETMANTPS, VGETMANTPD)(Imm(0x0b), v.reg(), m.r)
	byType(v.e, VGETEXPPS, VGETEXPPD)(v.reg(), e.r)
	byType(v.e, VGETEXPPS, VGETEXPPD)(m.r, em.r)
	return e.sub(em), m.addc(-1)
}

// logParts2 is logParts for AVX2: the exponent is what stands before the digits
// after adding the distance from 0.75 to 1.
func (v vec) logParts2(tiny bool) (k, f vec) {
	e, d, u := v.e, v.e.digits(), v
	var small mask
	if tiny {
		small = v.comparec(less, math.Ldexp(1, 1-int(e.bias())))
		u = v.pick(small, v.mulc(math.Ldexp(1, int(d)+1)))
	}
	t := u.plus(e.bits(1) - e.bits(0.75))
	k = t.shiftRight(d).orc(e.bits(math.Ldexp(1, int(d)))).addc(-math.Ldexp(1, int(d)) - e.bias())
	if tiny {
		k = k.sub(e.all(float64(d + 1)).only(small))
	}
	k.put(v.comparec(notAtLeast, 0), e.spread(e.pattern(e.bits(math.NaN()))))
	return k, t.andc(1<<d - 1).plus(e.bits(0.75)).addc(-1)
}

// bits is the pattern of a number.
func (e element) bits(x float64) uint64 {
	if e.size == 4 {
		return uint64(math.Float32bits(float32(x)))
	}
	return math.Float64bits(x)
}

// logSum is k log 2 + log(1+f) with 1+f in [0.75, 1.5), by the series of
// 2 atanh(s), s = f/(2+f).
func logSum(k, f vec) vec {
	hi, lo := 6.9313812256e-01, 9.0580006145e-06
	terms := 5
	if k.e.size == 8 {
		hi, lo = 6.93147180369123816490e-01, 1.90821492927058770002e-10
		terms = 11
	}
	var c []float64
	for i := range terms {
		c = append(c, 2/float64(2*i+3))
	}
	s := f.div(f.addc(2))
	z := s.mul(s)
	R := z.polynomial(c).mul(z)
	hfsq := f.mul(f).mulc(0.5)
	// f - (f²/2 - (s (f²/2 + R) + k lo)) + k hi
	t := hfsq.add(R).times(s, k.mulc(lo))
	return k.scaled(hi, f.sub(hfsq.sub(t)))
}

// log is the natural logarithm.
func (v vec) log() vec {
	k, f := v.logParts(true)
	out := logSum(k, f)
	out.put(v.comparec(equal, 0), v.e.all(math.Inf(-1)))
	out.put(v.comparec(equal, math.Inf(1)), v)
	return out
}

// log1p is log(1+v), with the rounding of 1+v made good.
func (v vec) log1p() vec {
	u := v.addc(1)
	c := v.sub(u.addc(-1)).div(u)
	k, f := u.logParts(false)
	out := logSum(k, f).add(c)
	out.put(u.comparec(equal, 0), v.e.all(math.Inf(-1)))
	out.put(v.comparec(equal, math.Inf(1)), v)
	out.put(v.comparec(equal, 0), v)
	return out
}

// tanhTerms approximate (tanh(√z)/√z - 1)/z for √z ≤ 0.625: Cephes' in float32, by
// Chebyshev interpolation in float64.
var tanhTerms = map[int][]float64{
	4: {-3.33332819422e-1, 1.33314422036e-1, -5.37397155531e-2, 2.06390887954e-2, -5.70498872745e-3},
	8: {-0.33333333333333332938, 0.13333333333333041602, -0.05396825396789699169, 0.021869488519008305756, -0.008863235103240877925,
		0.0035921217511549622695, -0.0014557754120478055104, 0.0005896606577757043347, -0.00023759064960555619551,
		0.000092571161295567682707, -0.000031201101425797400033, 6.48516348279311315e-6},
}

// tanh is 1 - 2/(t+2) with t = expm1(2|v|), and where that cancels a polynomial.
func (v vec) tanh() vec {
	a := v.abs()
	t := a.add(a).expm1()
	q := v.e.all(1).sub(v.e.all(2).div(t.addc(2)))
	z := a.mul(a)
	q.put(a.comparec(less, 0.625), z.polynomial(tanhTerms[v.e.size]).mul(z).times(a, a))
	return q.or(v.signOf())
}

// expOfNegAbs is e^-|v|, with what the rest after powers of two lost made good: the
// sums and quotients that it goes into have errors of their own.
func (v vec) expOfNegAbs() vec {
	lo, hi := v.e.expRange()
	v = v.abs().neg()
	n, r := reduceExp(v, lo, hi)
	ln2, rest := v.e.ln2()
	high := n.scaled(-ln2, v.maxc(lo)) // exact
	low := n.scaled(-rest, high.sub(r))
	return r.expTerms().times(r.mul(r), low).add(r).addc(1).scale(n)
}

// sigmoid is 1/(1+e⁻ᵛ). With e⁻ᵛ = 2ⁿ (1+p) and a = 2^-|n| it is 1/(1+a + a p) or,
// for negative v, a/(1+a + p): the denominator is rounded once.
func (v vec) sigmoid() vec {
	e := v.e
	lo, _ := e.expRange()
	n, r := reduceExp(v.neg(), lo, -lo)
	a, one := e.all(1).scale(n.abs().neg()), e.all(1)
	below := v.comparec(less, 0)
	den := r.expTail().times(a.pick(below, one), a).add(one)
	return one.pick(below, a).div(den)
}

// softplus is log(1+eᵛ).
func (v vec) softplus() vec {
	return v.maxc(0).add(v.expOfNegAbs().log1pOfShare())
}

// log1pOfShare is log(1+v) for 0 ≤ v ≤ 1, where 1+v or half of it is one and a number
// that needs no rounding.
func (v vec) log1pOfShare() vec {
	above := v.comparec(greater, 0.5)
	return logSum(v.e.all(1).only(above), v.pick(above, v.addc(-1).mulc(0.5)))
}

// erfTerms approximate, by Chebyshev interpolation written out in powers of an
// argument that runs from -1 to 1: erf(√z)/√z - 1 for z ≤ 1, and log erfc(t) on
// [1, 2.25] and on [2.25, 6].
var erfTerms = map[int][3][]float64{
	4: {
		{-0.034531261362430940256, -0.14053608902112114771, 0.019852497722455812646, -0.0022854856122122420567, 0.00021751199062088990318, -0.000017536914180800596607, 1.2316395977478375356e-6, -7.5523785714742159494e-8},
		{-3.8370887036027646608, -2.3332037246044895408, -0.35225978277294841659, -0.0056174177789483685435, 0.00080416931555994885848, -0.00010520434670433049601, 0.00001161412938354753554, -8.4667701759493258932e-7},
		{-19.03254276446739192, -15.899833466654560409, -3.4270811557544051317, -0.023180681302008885297, 0.0065324671065034026179, -0.0018595608274495993678, 0.00053385636896202765123, -0.00017688138075352830147, 0.00004705106143776829138},
	},
	8: {
		{-0.034531261330132691677, -0.14053608902271712098, 0.019852496688983707442, -0.0022854855611440673008, 0.00021751715604159779328, -0.000017537169441492100108, 1.2233827383720746283e-6, -7.5115691606781443116e-8, 4.1158005414544703258e-9, -2.0352493920236874391e-10, 9.1676891881198066038e-12, -3.7910930401500381449e-13, 1.4488212905007758461e-14, -5.1660613465514057744e-16, 1.7130815549079139692e-17},
		{-3.8370887037779426784, -2.3332037244203858865, -0.35225977721012521341, -0.0056174236635133627577, 0.00080414265830107316695, -0.00010517510615880282651, 0.000011652138452131498939, -8.9272799061572515121e-7, -1.1563794323872037541e-8, 2.1840628956942141458e-8, -5.2997196188830477448e-9, 8.5762428708554632207e-10, -9.6474125371910347194e-11, 4.03703442237472052e-12, 1.7694728911371003503e-12, -5.2664107595591182339e-13},
		{-19.03254276446739192, -15.899833882419279904, -3.4270810599259320149, -0.023175156726725698085, 0.006531191955636729683, -0.0018792646715843282403, 0.00053842167170347380994, -0.00015118387080233954178, 0.000041044974648549420586, -0.00001060928812147962037, 2.5483191642767702669e-6, -5.3802178836354962951e-7, 8.8575348186413930603e-8, -9.2896336738758467585e-9, -3.7409411798006234285e-9, 5.8591393527441930248e-9, -2.1568362281458853757e-9},
	},
}

// erf is the error function: odd around zero, and 1 - erfc beyond one.
func (v vec) erf() vec {
	a, e := v.abs(), v.e
	terms := erfTerms[e.size]
	near := a.mul(a).timesc(e.all(2), -1).polynomial(terms[0])
	near = near.times(a, a)
	t := a.minc(6)
	mid := t.timesc(e.all(1/0.625), -1.625/0.625).polynomial(terms[1])
	far := t.timesc(e.all(1/1.875), -4.125/1.875).polynomial(terms[2])
	out := e.all(1).sub(mid.pick(t.comparec(greater, 2.25), far).exp())
	out.put(a.comparec(less, 1), near)
	return out.or(v.signOf())
}
