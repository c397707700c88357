package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// The functions below are for one vector. Their errors are bounded in
// vector_test.go; their special values follow package math.

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
	// log 2 in two parts, the first with few enough bits for an exact product.
	hi2, lo2 := 0.693359375, math.Ln2-0.693359375
	if v.e.size == 8 {
		hi2, lo2 = 6.93147180369123816490e-01, 1.90821492927058770002e-10
	}
	r = n.scaled(-hi2, v)
	return n, n.scaled(-lo2, r)
}

func (e element) expRange() (lo, hi float64) {
	if e.size == 4 {
		return -105, 89.5
	}
	return -746, 710.5
}

// exp is eᵛ: a Taylor polynomial of the rest after powers of two.
func (v vec) exp() vec {
	lo, hi := v.e.expRange()
	n, r := reduceExp(v, lo, hi)
	return r.expTail().addc(1).scale(n)
}

// expTail is eʳ - 1 for |r| ≤ log(2)/2.
func (r vec) expTail() vec {
	terms := 6
	if r.e.size == 8 {
		terms = 12
	}
	q := r.polynomial(factorials(2, terms))
	return q.times(r.mul(r), r)
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

// logParts writes v = 2^k (1+f), 1+f in [0.75, 1.5).
func (v vec) logParts() (k, f vec) {
	m, e, em := v.e.vec(), v.e.vec(), v.e.vec()
	byType(v.e, VGETMANTPS, VGETMANTPD)(Imm(0x0b), v.r, m.r)
	byType(v.e, VGETEXPPS, VGETEXPPD)(v.r, e.r)
	byType(v.e, VGETEXPPS, VGETEXPPD)(m.r, em.r)
	return e.sub(em), m.addc(-1)
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
	k, f := v.logParts()
	out := logSum(k, f)
	out.put(v.comparec(equal, 0), v.e.all(math.Inf(-1)))
	out.put(v.comparec(equal, math.Inf(1)), v)
	return out
}

// log1p is log(1+v), with the rounding of 1+v made good.
func (v vec) log1p() vec {
	u := v.addc(1)
	c := v.sub(u.addc(-1)).div(u)
	k, f := u.logParts()
	out := logSum(k, f).add(c)
	out.put(u.comparec(equal, 0), v.e.all(math.Inf(-1)))
	out.put(v.comparec(equal, math.Inf(1)), v)
	out.put(v.comparec(equal, 0), v)
	return out
}

// tanh is 1 - 2/(t+2) with t = expm1(2|v|), and where that cancels a polynomial
// (Cephes' coefficients) or, in float64, t/(t+2).
func (v vec) tanh() vec {
	a := v.abs()
	t := a.add(a).expm1()
	den := t.addc(2)
	q := v.e.all(1).sub(v.e.all(2).div(den))
	if v.e.size == 4 {
		z := a.mul(a)
		p := z.polynomial([]float64{-3.33332819422e-1, 1.33314422036e-1, -5.37397155531e-2, 2.06390887954e-2, -5.70498872745e-3})
		q.put(a.comparec(less, 0.625), p.mul(z).times(a, a))
	} else {
		q.put(a.comparec(less, 0.5), t.div(den))
	}
	return q.or(v.signOf())
}

// expOfNegAbs is e^-|v|.
func (v vec) expOfNegAbs() vec { return v.abs().neg().exp() }

// sigmoid is 1/(1+e⁻ᵛ), by the exponential of a negative number.
func (v vec) sigmoid() vec {
	e := v.expOfNegAbs()
	num := e.pick(v.comparec(notLess, 0), v.e.all(1))
	return num.div(e.addc(1))
}

// softplus is log(1+eᵛ).
func (v vec) softplus() vec {
	return v.maxc(0).add(v.expOfNegAbs().log1p())
}
