package kernel

import (
	"math"
	"math/bits"
)

// π/2 as a sum of three numbers.
const (
	halfPi1 = 1.5707963267948966
	halfPi2 = 6.123233995736766e-17
	halfPi3 = -1.4973849048591698e-33
)

// twoOverPi is the digits of 2/π in base 2⁶⁴.
var twoOverPi = [21]uint64{
	0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
	0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
	0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
	0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
	0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d,
	0xa9e391615ee61b08,
}

// quarterTurns writes x as n π/2 + r + rest, n up to multiples of four. Package math
// keeps too few digits of large numbers next to multiples of π/2.
func quarterTurns(x float64) (n int, r, rest float64) {
	if math.Abs(x) >= 0x1p30 {
		return farTurns(x)
	}
	q := math.Round(x * (2 / math.Pi))
	exact := math.FMA(-q, halfPi1, x) // without an error: a multiple of x's or halfPi1's last place
	p := float64(q * halfPi2)         // rounded, whatever the compiler would fuse
	r = exact - p
	return int(q), r, math.FMA(-q, halfPi3, exact-r-p+math.FMA(-q, halfPi2, p))
}

// farTurns is quarterTurns for large numbers (Payne & Hanek 1983): of the product of
// x = m 2ᵉ and 2/π, only 256 digits matter, those below multiples of four.
func farTurns(x float64) (n int, r, rest float64) {
	b := math.Float64bits(x)
	m, e := b&(1<<52-1)|1<<52, int(b>>52&0x7ff)-1023-52
	// The product of m and the digits of 2/π from e-2 on, modulo 2²⁵⁶, least word first.
	var v [4]uint64
	word, shift := (e-2+64)/64-1, uint(e-2+64)%64
	digits := func(i int) uint64 {
		if i < 0 {
			return 0
		}
		return twoOverPi[i]
	}
	var carry uint64
	for i := range v {
		w := digits(word+3-i)<<shift | digits(word+4-i)>>(64-shift)
		hi, lo := bits.Mul64(m, w)
		v[i], carry = bits.Add64(lo, carry, 0)
		carry += hi
	}
	// Its first two digits, rounded, are n; the others a fraction of either sign.
	n = int((v[3] + 1<<61) >> 62)
	v[3] -= uint64(n) << 62
	sign := math.Copysign(1, x)
	if v[3]>>63 == 1 {
		sign = -sign
		borrow := uint64(0)
		for i := range v {
			v[i], borrow = bits.Sub64(0, v[i], borrow)
		}
	}
	if x < 0 {
		n = -n
	}
	// The fraction from its first digit on, as two numbers, times π/2.
	scale := -254
	for v[3] == 0 {
		v[3], v[2], v[1], v[0] = v[2], v[1], v[0], 0
		scale -= 64
	}
	z := uint(bits.LeadingZeros64(v[3]))
	top, low := v[3]<<z|v[2]>>(64-z), v[2]<<z|v[1]>>(64-z)
	hi := math.Ldexp(sign*float64(top>>11), scale+192+11-int(z))
	lo := math.Ldexp(sign*float64(top<<53>>11|low>>22), scale+192+11-int(z)-53)
	r = float64(hi * halfPi1)
	return n, r, math.FMA(hi, halfPi1, -r) + hi*halfPi2 + lo*halfPi1
}

// turned is the sine of x and n quarters of a turn more.
func turned(x float64, n int) float64 {
	m, r, rest := quarterTurns(x)
	sin, cos := math.Sincos(r)
	switch (n + m) & 3 {
	case 0:
		return sin + rest*cos
	case 1:
		return cos - rest*sin
	case 2:
		return -sin - rest*cos
	}
	return rest*sin - cos
}

func sinOf(x float64) float64 {
	if x == 0 || math.IsInf(x, 0) || x != x {
		return math.Sin(x)
	}
	return turned(x, 0)
}

func cosOf(x float64) float64 {
	if math.IsInf(x, 0) || x != x {
		return math.NaN()
	}
	return turned(x, 1)
}
