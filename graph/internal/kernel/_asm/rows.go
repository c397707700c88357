package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// total is the sum of the lanes of v, in its lowest lane.
func (v vec) total() Register {
	e := v.e
	low := v.r.(VecVirtual).AsY()
	add := byType(e, VADDPS, VADDPD)
	if !e.half {
		h := YMM()
		VEXTRACTF64X4(Imm(1), v.r, h)
		add(h, low, low)
	}
	q := XMM()
	VEXTRACTF128(Imm(1), low, q)
	x := low.(VecVirtual).AsX()
	add(q, x, x)
	s := XMM()
	if e.size == 4 {
		VSHUFPD(Imm(1), x, x, s)
		VADDPS(s, x, x)
		VMOVSHDUP(x, s)
		VADDSS(s, x, x)
	} else {
		VSHUFPD(Imm(1), x, x, s)
		VADDSD(s, x, x)
	}
	return x
}

// blockBytes is what AVX-512 adds at once. For AVX2 it is two vectors, so that sums
// come out to the same bits.
const blockBytes = 64

func (e element) zeros(n int) []vec {
	z := make([]vec, n)
	for i := range z {
		z[i] = e.zero()
	}
	return z
}

// fold2 is the one vector, or the sum of two.
func fold2(v []vec) vec {
	if len(v) == 2 {
		return v[0].add(v[1])
	}
	return v[0]
}

// sumRows adds the sum of the lines of each feature over np panels to acc.
func sumRows(e element) {
	TEXT("sumrows"+e.name, NOSPLIT, fmt.Sprintf("func(acc, x *%s, np, stride, n int)", e.goType))
	Pragma("noescape")
	acc, x, np := Load(Param("acc"), GP64()), Load(Param("x"), GP64()), Load(Param("np"), GP64())
	stride, n := Load(Param("stride"), GP64()), Load(Param("n"), GP64())
	TESTQ(n, n)
	JZ(LabelRef("end"))
	Label("feature")
	p, left := GP64(), GP64()
	MOVQ(x, p)
	MOVQ(np, left)
	// The two halves of a line are added to one block.
	s := e.zeros(blockBytes / e.width())
	Label("panel")
	for i, v := range s {
		at := i * e.width()
		v.set(v.add(e.loadVec(Mem{Base: p, Disp: at}).add(e.loadVec(Mem{Base: p, Disp: at + blockBytes}))))
	}
	ADDQ(stride, p)
	DECQ(left)
	JNZ(LabelRef("panel"))
	t := fold2(s).total()
	if e.size == 4 {
		VADDSS(Mem{Base: acc}, t, t)
		VMOVSS(t, Mem{Base: acc})
	} else {
		VADDSD(Mem{Base: acc}, t, t)
		VMOVSD(t, Mem{Base: acc})
	}
	ADDQ(Imm(uint64(e.size)), acc)
	ADDQ(U32(panelBytes), x)
	DECQ(n)
	JNZ(LabelRef("feature"))
	Label("end")
	VZEROUPPER()
	RET()
}

// adam is one step of Adam on n elements; c holds the clipping factor, β₁, 1-β₁,
// β₂, 1-β₂, 1/(1-β₁ᵗ), 1/(1-β₂ᵗ), ε, the rate, rate times decay, the limit of a
// parameter, and the share by which, if averaged, a moves towards the new parameters.
func adam(e element, averaged bool) {
	name, more := "adam", ""
	if averaged {
		name, more = "adamavg", ", a"
	}
	TEXT(name+e.name, NOSPLIT, fmt.Sprintf("func(p, d, m, v%[2]s *%[1]s, n int, c *%[1]s)", e.goType, more))
	Pragma("noescape")
	p, g, m, v := Load(Param("p"), GP64()), Load(Param("d"), GP64()), Load(Param("m"), GP64()), Load(Param("v"), GP64())
	n, at := Load(Param("n"), GP64()), Load(Param("c"), GP64())
	ptrs := []Register{p, g, m, v}
	if averaged {
		ptrs = append(ptrs, Load(Param("a"), GP64()))
	}
	var c [12]vec
	var local shelf
	if e.half {
		local.base = AllocLocal(13 * e.width()).Base
	}
	for i := range c {
		c[i] = local.keep(e.spread(Mem{Base: at, Disp: i * e.size}))
	}
	least := local.keep(c[10].neg())
	each(e, n, ptrs, func(load func(Register) vec, store func(vec, Register)) {
		x := load(g).mul(c[0])
		m1 := load(m).times(c[1], x.mul(c[2])).flushed()
		v1 := load(v).times(c[3], x.mul(x).mul(c[4])).flushed()
		store(m1, m)
		store(v1, v)
		step := m1.mul(c[5]).div(v1.mul(c[6]).sqrt().add(c[7]))
		old := load(p)
		next := c[10].min(least.max(step.minus(c[8], old.minus(c[9], old))))
		store(next, p)
		if averaged {
			mean := load(ptrs[4])
			store(next.sub(mean).times(c[11], mean), ptrs[4])
		}
	})
}

// flushed is v with zeros for subnormal numbers.
func (v vec) flushed() vec {
	least := math.Float64frombits(1 << 52)
	if v.e.size == 4 {
		least = float64(math.Float32frombits(1 << 23))
	}
	return v.pick(v.abs().comparec(less, least), v.e.zero())
}

// average moves n elements of a towards b by the share w.
func average(e element) {
	TEXT("average"+e.name, NOSPLIT, fmt.Sprintf("func(a, b *%[1]s, n int, w %[1]s)", e.goType))
	Pragma("noescape")
	a, b, n, w := Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("n"), GP64()), e.param("w")
	each(e, n, []Register{a, b}, func(load func(Register) vec, store func(vec, Register)) {
		old := load(a)
		store(load(b).sub(old).times(w, old), a)
	})
}

// sumSquares is Σ x² in float64.
func sumSquares(e element) {
	TEXT("sumsq"+e.name, NOSPLIT, fmt.Sprintf("func(x *%s, n int) float64", e.goType))
	Pragma("noescape")
	x, n := Load(Param("x"), GP64()), Load(Param("n"), GP64())
	d := double(e.half)
	parts := blockBytes / e.width()
	s, t := d.zeros(parts), d.zeros(parts)
	add := func(to, v vec) { to.set(v.times(v, to)) }
	sum := func(i int, v vec) {
		switch {
		case e.size == 8:
			add(s[i], v)
		case e.half: // the block's first eight numbers go to s, the others to t
			lo, hi := v.doubles()
			to := [][]vec{s, t}[i]
			add(to[0], lo)
			add(to[1], hi)
		default:
			lo, hi := v.doubles()
			add(s[0], lo)
			add(t[0], hi)
		}
	}
	block := uint64(blockBytes / e.size)
	CMPQ(n, Imm(block))
	JLT(LabelRef("tail"))
	Label("loop")
	for i := range parts {
		sum(i, e.loadVec(Mem{Base: x, Disp: i * e.width()}))
	}
	ADDQ(Imm(blockBytes), x)
	SUBQ(Imm(block), n)
	CMPQ(n, Imm(block))
	JGE(LabelRef("loop"))
	Label("tail")
	TESTQ(n, n)
	JZ(LabelRef("end"))
	for i := range parts {
		count := GP64()
		MOVQ(n, count)
		if parts > 1 {
			most := GP64()
			MOVQ(U32(uint32(e.lanes())), most)
			CMPQ(count, most)
			CMOVQGT(most, count)
			SUBQ(count, n)
		}
		sum(i, e.loadOnly(Mem{Base: x, Disp: i * e.width()}, e.first(count)))
	}
	Label("end")
	for i := range s {
		s[i] = s[i].add(t[i])
	}
	r := fold2(s).total()
	Store(r, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// doubles are the numbers of a vector of float32, in two of float64.
func (v vec) doubles() (lo, hi vec) {
	d := double(v.e.half)
	lo, hi = d.vec(), d.vec()
	y := v.r.(VecVirtual)
	if v.e.half {
		h := XMM()
		VCVTPS2PD(y.AsX(), lo.r)
		VEXTRACTF128(Imm(1), v.r, h)
		VCVTPS2PD(h, hi.r)
		return lo, hi
	}
	h := YMM()
	VCVTPS2PD(y.AsY(), lo.r)
	VEXTRACTF64X4(Imm(1), v.r, h)
	VCVTPS2PD(h, hi.r)
	return lo, hi
}

// column computes nv vectors of outputs for one row, y = bias + Σ_i x[i] wt[i],
// with the rows of wt ld bytes apart. The sum runs in order of i, one
// multiplication and addition at a time, as in the products over panels.
func column(e element, nv int) {
	TEXT(fmt.Sprintf("column%sx%d", e.name, nv), NOSPLIT, fmt.Sprintf("func(k int, x, wt *%[1]s, ld int, y, bias *%[1]s)", e.goType))
	Pragma("noescape")
	k, x, wt := Load(Param("k"), GP64()), Load(Param("x"), GP64()), Load(Param("wt"), GP64())
	ld, y, bias := Load(Param("ld"), GP64()), Load(Param("y"), GP64()), Load(Param("bias"), GP64())
	acc := make([]vec, nv)
	for i := range acc {
		acc[i] = e.loadVec(Mem{Base: bias, Disp: e.width() * i})
	}
	TESTQ(k, k)
	JZ(LabelRef("store"))
	Label("loop")
	v := e.spread(Mem{Base: x})
	for i := range acc {
		e.fma(Mem{Base: wt, Disp: e.width() * i}, v.r, acc[i].r)
	}
	ADDQ(Imm(uint64(e.size)), x)
	ADDQ(ld, wt)
	DECQ(k)
	JNZ(LabelRef("loop"))
	Label("store")
	for i := range acc {
		acc[i].store(Mem{Base: y, Disp: e.width() * i})
	}
	VZEROUPPER()
	RET()
}

// rowTimes computes nv vectors of one row of a matrix product, y = Σ_i a[i] b[i],
// with the numbers of a astep bytes apart and the rows of b ld bytes. Of the last
// vector, the first tail lanes count.
func rowTimes(e element, nv int) {
	TEXT(fmt.Sprintf("rowtimes%sx%d", e.name, nv), NOSPLIT, fmt.Sprintf("func(k int, a *%[1]s, astep int, b *%[1]s, ld int, y *%[1]s, tail int)", e.goType))
	Pragma("noescape")
	k, a, step := Load(Param("k"), GP64()), Load(Param("a"), GP64()), Load(Param("astep"), GP64())
	b, ld, y := Load(Param("b"), GP64()), Load(Param("ld"), GP64()), Load(Param("y"), GP64())
	mask := e.first(Load(Param("tail"), GP64()))
	acc := make([]vec, nv)
	for i := range acc {
		acc[i] = e.zero()
	}
	TESTQ(k, k)
	JZ(LabelRef("store"))
	Label("loop")
	v := e.spread(Mem{Base: a})
	for i := range acc {
		if i == nv-1 {
			e.fma(e.loadOnly(Mem{Base: b, Disp: e.width() * i}, mask).r, v.r, acc[i].r)
		} else {
			e.fma(Mem{Base: b, Disp: e.width() * i}, v.r, acc[i].r)
		}
	}
	ADDQ(step, a)
	ADDQ(ld, b)
	DECQ(k)
	JNZ(LabelRef("loop"))
	Label("store")
	for i := range acc {
		if i == nv-1 {
			acc[i].storeOnly(Mem{Base: y, Disp: e.width() * i}, mask)
		} else {
			acc[i].store(Mem{Base: y, Disp: e.width() * i})
		}
	}
	VZEROUPPER()
	RET()
}

// peak makes n rounds of 24 multiplications and additions on registers alone, or 12.
func peak(e element) {
	TEXT("peak"+e.name, NOSPLIT, "func(n int)")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	x := e.all(0)
	acc := make([]vec, 24)
	if e.half {
		acc = acc[:12]
	}
	for i := range acc {
		acc[i] = e.all(1)
	}
	Label("loop")
	for i := range acc {
		e.fma(x.r, x.r, acc[i].r)
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
