package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// total is the sum of the lanes of v, in its lowest lane.
func (v vec) total() Register {
	e := v.e
	h := YMM()
	VEXTRACTF64X4(Imm(1), v.r, h)
	low := v.r.(VecVirtual).AsY()
	add := byType(e, VADDPS, VADDPD)
	add(h, low, low)
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
	s := e.zero()
	Label("panel")
	s.set(s.add(e.loadVec(Mem{Base: p}).add(e.loadVec(Mem{Base: p, Disp: 64}))))
	ADDQ(stride, p)
	DECQ(left)
	JNZ(LabelRef("panel"))
	t := s.total()
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

// flip transposes a square block of one vector's lanes: feature f stands at
// src + f·128, row r goes to dst + r·256. By halves: pairs of rows of single
// elements, then of doubles, then of quarters of the vector.
func flip(e element) {
	TEXT("flip"+e.name, NOSPLIT, fmt.Sprintf("func(dst, src *%s)", e.goType))
	Pragma("noescape")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	n := e.lanes()
	v := make([]VecVirtual, n)
	for i := range v {
		v[i] = ZMM()
		VMOVUPS(Mem{Base: src, Disp: i * panelBytes}, v[i])
	}
	zip := func(lo, hi func(...Op), gap int) {
		out := make([]VecVirtual, n)
		for i := range v {
			if i&gap != 0 {
				continue
			}
			a, b := ZMM(), ZMM()
			lo(v[i+gap], v[i], a)
			hi(v[i+gap], v[i], b)
			out[i], out[i+gap] = a, b
		}
		v = out
	}
	shuffle := func(lo, hi uint64, gap int) {
		zip(func(ops ...Op) { VSHUFF64X2(Imm(lo), ops[0], ops[1], ops[2]) },
			func(ops ...Op) { VSHUFF64X2(Imm(hi), ops[0], ops[1], ops[2]) }, gap)
	}
	// After the zips, vector i holds, in each quarter q, features in the order of
	// the bits; row(i, q) below is where it belongs.
	if e.size == 4 {
		zip(VUNPCKLPS, VUNPCKHPS, 1)
		zip(VUNPCKLPD, VUNPCKHPD, 2)
		shuffle(0x88, 0xdd, 4)
		shuffle(0x88, 0xdd, 8)
	} else {
		zip(VUNPCKLPD, VUNPCKHPD, 1)
		shuffle(0x88, 0xdd, 2)
		shuffle(0x88, 0xdd, 4)
	}
	for i := range v {
		VMOVUPS(v[i], Mem{Base: dst, Disp: rowOf(e, i) * transposedBytes})
	}
	VZEROUPPER()
	RET()
}

// rowOf follows one number of each vector through flip.
func rowOf(e element, i int) int {
	n := e.lanes()
	per := 16 / e.size // elements in a quarter
	// cell[v][lane] = (feature, row), moved as the instructions do.
	type cell struct{ f, r int }
	v := make([][]cell, n)
	for f := range v {
		for r := range n {
			v[f] = append(v[f], cell{f, r})
		}
	}
	unpack := func(gap, size int) {
		out := make([][]cell, n)
		for a := range v {
			if a&gap != 0 {
				continue
			}
			b := a + gap
			var lo, hi []cell
			for q := 0; q < n; q += per {
				for half, to := range []*[]cell{&lo, &hi} {
					for s := 0; s < per/2; s += size {
						at := q + half*per/2 + s
						*to = append(*to, v[a][at:at+size]...)
						*to = append(*to, v[b][at:at+size]...)
					}
				}
			}
			out[a], out[b] = lo, hi
		}
		v = out
	}
	quarters := func(gap int) {
		out := make([][]cell, n)
		for a := range v {
			if a&gap != 0 {
				continue
			}
			b := a + gap
			pick := func(x []cell, q int) []cell { return x[q*per : (q+1)*per] }
			for side, to := range []int{a, b} {
				for _, src := range [][]cell{v[a], v[b]} {
					out[to] = append(out[to], pick(src, side)...)
					out[to] = append(out[to], pick(src, side+2)...)
				}
			}
		}
		v = out
	}
	if e.size == 4 {
		unpack(1, 1)
		unpack(2, 2)
		quarters(4)
		quarters(8)
	} else {
		unpack(1, 1)
		quarters(2)
		quarters(4)
	}
	for lane, c := range v[i] {
		if c.f != lane || c.r != v[i][0].r {
			panic(fmt.Sprintf("flip: vector %d lane %d holds feature %d of row %d", i, lane, c.f, c.r))
		}
	}
	return v[i][0].r
}

// adam is one step of Adam on n elements; c holds the clipping factor, β₁, 1-β₁,
// β₂, 1-β₂, 1/(1-β₁ᵗ), 1/(1-β₂ᵗ), ε, the rate, rate times decay, and the limit of
// a parameter.
func adam(e element) {
	TEXT("adam"+e.name, NOSPLIT, fmt.Sprintf("func(p, d, m, v *%[1]s, n int, c *%[1]s)", e.goType))
	Pragma("noescape")
	p, g, m, v := Load(Param("p"), GP64()), Load(Param("d"), GP64()), Load(Param("m"), GP64()), Load(Param("v"), GP64())
	n, at := Load(Param("n"), GP64()), Load(Param("c"), GP64())
	var c [11]vec
	for i := range c {
		c[i] = e.spread(Mem{Base: at, Disp: i * e.size})
	}
	least := c[10].neg()
	each(e, n, []Register{p, g, m, v}, func(load func(Register) vec, store func(vec, Register)) {
		x := load(g).mul(c[0])
		m1 := load(m).times(c[1], x.mul(c[2]))
		v1 := load(v).times(c[3], x.mul(x).mul(c[4]))
		store(m1, m)
		store(v1, v)
		step := m1.mul(c[5]).div(v1.mul(c[6]).sqrt().add(c[7]))
		old := load(p)
		next := step.minus(c[8], old.minus(c[9], old))
		store(c[10].min(least.max(next)), p)
	})
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
	d := elements[1]
	s, t := d.zero(), d.zero()
	sum := func(v vec) {
		if e.size == 8 {
			s.set(v.times(v, s))
			return
		}
		lo, hi, h := d.vec(), d.vec(), YMM()
		VCVTPS2PD(v.r.(VecVirtual).AsY(), lo.r)
		VEXTRACTF64X4(Imm(1), v.r, h)
		VCVTPS2PD(h, hi.r)
		s.set(lo.times(lo, s))
		t.set(hi.times(hi, t))
	}
	CMPQ(n, Imm(uint64(e.lanes())))
	JLT(LabelRef("tail"))
	Label("loop")
	sum(e.loadVec(Mem{Base: x}))
	ADDQ(Imm(64), x)
	SUBQ(Imm(uint64(e.lanes())), n)
	CMPQ(n, Imm(uint64(e.lanes())))
	JGE(LabelRef("loop"))
	Label("tail")
	TESTQ(n, n)
	JZ(LabelRef("end"))
	k := e.first(n)
	sum(e.loadOnly(Mem{Base: x}, k))
	Label("end")
	r := s.add(t).total()
	Store(r, ReturnIndex(0))
	VZEROUPPER()
	RET()
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
		acc[i] = e.loadVec(Mem{Base: bias, Disp: 64 * i})
	}
	TESTQ(k, k)
	JZ(LabelRef("store"))
	Label("loop")
	v := e.spread(Mem{Base: x})
	for i := range acc {
		e.fma(Mem{Base: wt, Disp: 64 * i}, v.r, acc[i].r)
	}
	ADDQ(Imm(uint64(e.size)), x)
	ADDQ(ld, wt)
	DECQ(k)
	JNZ(LabelRef("loop"))
	Label("store")
	for i := range acc {
		acc[i].store(Mem{Base: y, Disp: 64 * i})
	}
	VZEROUPPER()
	RET()
}

// rowTimes computes nv vectors of one row of a matrix product, y = Σ_i a[i] b[i],
// with the numbers of a astep bytes apart and the rows of b ld bytes. Of the last
// vector, the lanes of tail count.
func rowTimes(e element, nv int) {
	TEXT(fmt.Sprintf("rowtimes%sx%d", e.name, nv), NOSPLIT, fmt.Sprintf("func(k int, a *%[1]s, astep int, b *%[1]s, ld int, y *%[1]s, tail int)", e.goType))
	Pragma("noescape")
	k, a, step := Load(Param("k"), GP64()), Load(Param("a"), GP64()), Load(Param("astep"), GP64())
	b, ld, y := Load(Param("b"), GP64()), Load(Param("ld"), GP64()), Load(Param("y"), GP64())
	tail, mask := Load(Param("tail"), GP64()), e.mask()
	KMOVW(tail.(GPVirtual).As32(), mask.r)
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
			e.fma(e.loadOnly(Mem{Base: b, Disp: 64 * i}, mask).r, v.r, acc[i].r)
		} else {
			e.fma(Mem{Base: b, Disp: 64 * i}, v.r, acc[i].r)
		}
	}
	ADDQ(step, a)
	ADDQ(ld, b)
	DECQ(k)
	JNZ(LabelRef("loop"))
	Label("store")
	for i := range acc {
		if i == nv-1 {
			acc[i].storeOnly(Mem{Base: y, Disp: 64 * i}, mask)
		} else {
			acc[i].store(Mem{Base: y, Disp: 64 * i})
		}
	}
	VZEROUPPER()
	RET()
}

// peak makes n rounds of 24 multiplications and additions on registers alone.
func peak(e element) {
	TEXT("peak"+e.name, NOSPLIT, "func(n int)")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	x := e.all(0)
	acc := make([]vec, 24)
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
