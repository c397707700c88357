package main

import (
	"fmt"
	"math"
	"math/big"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"
)

// circularReach is how far sine and cosine are good; package kernel has it too.
func (e element) circularReach() float64 {
	if e.size == 4 {
		return 0x1p16
	}
	return 0x1p30
}

// circular is the sine or the cosine. It stops before the first vector that has an
// element beyond reach, and returns how many elements are left.
func circular(e element, name string, cosine bool) {
	TEXT("v"+name+e.name, NOSPLIT, fmt.Sprintf("func(dst, src *%s, n int) int", e.goType))
	Pragma("noescape")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64())
	sweep(e, n, []Register{dst, src}, func(load func(Register) vec, store func(vec, Register)) {
		v := load(src)
		v.abs().comparec(greater, e.circularReach()).any("far")
		store(v.circular(cosine), dst)
	})
	XORQ(n, n)
	Label("far")
	Store(n, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// halfPi is π/2 as a sum of three numbers.
func (e element) halfPi() (parts [3]float64) {
	rest, _, err := big.ParseFloat("1.57079632679489661923132169163975144209858469968755291048747229615390820314310449931", 10, 260, big.ToNearestEven)
	if err != nil {
		panic(err)
	}
	for i := range parts {
		parts[i], _ = rest.Float64()
		if e.size == 4 {
			f, _ := rest.Float32()
			parts[i] = float64(f)
		}
		rest.Sub(rest, big.NewFloat(parts[i]))
	}
	return parts
}

// circular is sin v or cos v = ±sin r or ±cos r, with |v| = n π/2 + r (Cody & Waite
// 1980). The product of n and the first part of π/2 leaves an exact difference,
// for it is a multiple of the last place of that part or of v and less than one; the
// second part then leaves r, and a rest of what was rounded in it and its product.
// Both series are evaluated, and the lowest bit of n chooses. The largest errors seen
// are 0.72 units in the last place in float32, of every 17th number in reach, and 0.70
// in float64, of random numbers and of those next to multiples of π/4.
func (v vec) circular(cosine bool) vec {
	e := v.e
	half := e.halfPi()
	a := v.abs()
	n := a.mulc(2 / math.Pi).round(8)
	exact := n.scaled(-half[0], a)
	p := n.mulc(half[1])
	r := exact.sub(p)
	rest := n.scaled(-half[2], exact.sub(r).sub(p).add(n.scaled(-half[1], p)))
	sinTerms, cosTerms := factorials(3, 7), factorials(4, 7)
	if e.size == 8 {
		sinTerms, cosTerms = factorials(3, 15), factorials(4, 13)
	}
	z := r.mul(r)
	// r + r³ S(z) + rest (1 - z/2)
	sin := z.polynomial(alternate(sinTerms, -1)).times(r.mul(z), rest.minus(z.mulc(0.5), rest)).add(r)
	// 1 - r²/2, what its rounding left, and z² C(z) - r rest
	h, one := r.mulc(0.5), e.all(1)
	w := h.minus(r, one)
	cos := r.minus(rest, z.polynomial(alternate(cosTerms, 1)).times(z.mul(z), h.minus(r, one.sub(w)))).add(w)
	// n counts quarters of a turn: its last bit says which series, the next which sign.
	quarters := math.Ldexp(1, int(e.digits()))
	if cosine {
		quarters++
	}
	bits := n.addc(quarters)
	out := sin.pick(bits.shiftLeft(uint64(8*e.size-1)).negative(), cos)
	sign := bits.shiftLeft(uint64(8*e.size - 2)).signOf()
	if !cosine {
		sign = sign.xor(v.signOf())
	}
	return out.xor(sign)
}

// alternate is every other number of c with alternating signs, the first times sign.
func alternate(c []float64, sign float64) []float64 {
	var out []float64
	for i := 0; i < len(c); i += 2 {
		out = append(out, sign*c[i])
		sign = -sign
	}
	return out
}

// atanTerms approximate (atan(√s)/√s - 1)/s for s ≤ 1/4, by Chebyshev interpolation.
var atanTerms = map[int][]float64{
	4: {-0.33333332901484685444, 0.19999875249782640675, -0.14279801095810956163, 0.11006880681346317976, -0.082355057636362814052,
		0.04225685963021551939},
	8: {
		-0.33333333333333332955, 0.19999999999999487945, -0.14285714285599187982, 0.11111111100917375127, -0.090909086203225222475,
		0.076922947125402844808, -0.066664356772359478186, 0.058795784295824248582, -0.052400995079947131128, 0.046280248685701532364,
		-0.038066536720573659072, 0.025006503566489507529, -0.0092157920470898591016,
	},
}

// atan is the arc tangent: of v itself, or π/4 and that of (v-1)/(v+1), or π/2 and that
// of -1/v, so that what is left is at most tan(π/8).
func (v vec) atan() vec {
	e := v.e
	a, one, zero := v.abs(), e.all(1), e.zero()
	mid, far := a.comparec(greater, 0.5), a.comparec(greater, 2)
	num := a.pick(mid, a.sub(one)).pick(far, e.all(-1))
	den := one.pick(mid, a.add(one)).pick(far, a)
	r := num.div(den)
	z := r.mul(r)
	// The offsets are π/4 and twice that, in two parts.
	half := e.halfPi()
	hi := zero.pick(mid, e.all(half[0]/2)).pick(far, e.all(half[0]))
	lo := zero.pick(mid, e.all(half[1]/2)).pick(far, e.all(half[1]))
	t := z.polynomial(atanTerms[e.size]).times(r.mul(z), lo).add(r)
	return hi.add(t).or(v.signOf())
}
