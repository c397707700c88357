package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// transposed is the distance in bytes between rows of transposed inputs: four vectors,
// or two for AVX2, where the next two stand behind all of the rows.
func (e element) transposed() int {
	if e.half {
		return panelBytes / 2
	}
	return 2 * panelBytes
}

// outer adds mr rows by nv vectors of columns of a weight gradient, c[i] = Σ_r g[i][r]
// xt[r] or, with add, += over the rows r of np panels. Panels of g are astep elements
// apart; xt has vectors of each row side by side, of which nv are taken. The tile stays in
// registers throughout; the tile at ahead, which is the next, is fetched by then. Of each
// unit only the columns whose bits are in keep are written, or all if it is nil: but for
// AVX2 and for the widest tiles, which always write all.
func outer(e element, mr, nv int) {
	name := map[int]string{1: "outern", 2: "outer", 4: "outerw"}[nv]
	TEXT(e.kernel(name, mr), NOSPLIT, fmt.Sprintf("func(np int, a *%[1]s, astep int, xt *%[1]s, c *%[1]s, ldc, add int, keep *uint32, ahead *%[1]s)", e.goType))
	Pragma("noescape")
	np := Load(Param("np"), GP64())
	g := Load(Param("a"), GP64())
	gstep := Load(Param("astep"), GP64())
	xt := Load(Param("xt"), GP64())
	c := Load(Param("c"), GP64())
	ldc := Load(Param("ldc"), GP64())
	ahead := Load(Param("ahead"), GP64())
	SHLQ(Imm(e.shift()), gstep)
	SHLQ(Imm(e.shift()), ldc)
	SUBQ(U32(panelBytes), gstep)
	half := e.firstHalf()
	if half != nil {
		Load(Param("np"), np)
		Load(Param("a"), g)
		for _, p := range []struct {
			name string
			at   Register
		}{{"c", c}, {"ahead", ahead}} {
			Load(Param(p.name), p.at)
			ADDQ(half, p.at)
		}
	}
	acc := make([][]VecVirtual, mr)
	for i := range acc {
		for range nv {
			z := e.vec().r
			e.clear(z)
			acc[i] = append(acc[i], z)
		}
	}
	rows, width := GP64(), e.width()
	Label("panel")
	for range (mr + 3) / 4 { // of the four panels of a shard each fetches its part
		for v := 0; v < nv*width; v += 64 {
			PREFETCHT0(Mem{Base: ahead, Disp: v})
		}
		ADDQ(ldc, ahead)
	}
	MOVQ(U32(uint32(panelBytes/e.size/4)), rows)
	Label("row")
	for u := range 4 {
		x := make([]VecVirtual, nv)
		for v := range x {
			x[v] = e.vec().r
			e.load(Mem{Base: xt, Disp: u*e.transposed() + width*v}, x[v])
		}
		for i := range mr {
			m := Mem{Base: g, Disp: i*panelBytes + u*e.size}
			if !e.half && (nv == 1 || nv == 2 && i%3 > 0) { // fewer instructions, more loads
				for v := range x {
					byType(e, iFMA1.singleAll, iFMA1.doubleAll)(m, x[v], acc[i][v])
				}
				continue
			}
			w := e.vec().r
			e.broadcast(m, w)
			for v := range x {
				e.fma(w, x[v], acc[i][v])
			}
		}
	}
	ADDQ(U32(uint32(4*e.transposed())), xt)
	ADDQ(Imm(uint64(4*e.size)), g)
	DECQ(rows)
	JNZ(LabelRef("row"))
	ADDQ(gstep, g)
	DECQ(np)
	JNZ(LabelRef("panel"))
	if half != nil || nv > 2 {
		storeOuter(e, acc, c, ldc)
		ret(half)
		return
	}
	keep := Load(Param("keep"), GP64())
	TESTQ(keep, keep)
	JNZ(LabelRef("some"))
	storeOuter(e, acc, c, ldc)
	ret(half)
	Label("some")
	storeSome(e, acc, c, ldc, keep)
	ret(half)
}

// storeSome is storeOuter for the columns of each unit that keep names.
func storeSome(e element, acc [][]VecVirtual, c, ldc, keep Register) {
	add := Load(Param("add"), GP64()) // all bits or none: which of keep hold sums already
	NEGQ(add)
	bits, held := GP32(), GP32()
	for i := range acc {
		MOVL(Mem{Base: keep, Disp: 4 * i}, bits)
		for v, z := range acc[i] {
			at, old, all := Mem{Base: c, Disp: e.width() * v}, e.mask(), e.mask()
			MOVL(bits, held)
			ANDL(add.(GPVirtual).As32(), held)
			KMOVW(held, old.r)
			KMOVW(bits, all.r)
			vec{e: e, r: z}.add(e.loadOnly(at, old)).storeOnly(at, all)
			SHRL(Imm(uint64(e.lanes())), bits)
		}
		ADDQ(ldc, c)
	}
}

// storeOuter writes the sums of an outer product to c, or adds them to what it holds.
func storeOuter(e element, acc [][]VecVirtual, c, ldc Register) {
	add := Load(Param("add"), GP64())
	TESTQ(add, add)
	JZ(LabelRef("store"))
	held := GP64()
	MOVQ(c, held)
	for i := range acc {
		for v, z := range acc[i] {
			e.add(Mem{Base: held, Disp: e.width() * v}, z, z)
		}
		ADDQ(ldc, held)
	}
	Label("store")
	for i := range acc {
		for v, z := range acc[i] {
			e.load(z, Mem{Base: c, Disp: e.width() * v})
		}
		ADDQ(ldc, c)
	}
}

// dots is outer for k inputs, few: one unit at a time, rows across the lanes.
func dots(e element, k int) {
	TEXT(fmt.Sprintf("dots%sx%d", e.name, k), NOSPLIT,
		fmt.Sprintf("func(np int, a *%[1]s, astep int, x *%[1]s, xstep int, c *%[1]s)", e.goType))
	Pragma("noescape")
	np, a, x := Load(Param("np"), GP64()), Load(Param("a"), GP64()), Load(Param("x"), GP64())
	astep, xstep := Load(Param("astep"), GP64()), Load(Param("xstep"), GP64())
	shift := uint64(2)
	if e.size == 8 {
		shift = 3
	}
	SHLQ(Imm(shift), astep)
	SHLQ(Imm(shift), xstep)
	acc := make([]vec, k)
	for i := range acc {
		acc[i] = e.zero()
	}
	Label("panel")
	for half := 0; half < panelBytes; half += e.width() {
		u := e.loadVec(Mem{Base: a, Disp: half})
		for i := range acc {
			e.fma(Mem{Base: x, Disp: i*panelBytes + half}, u.r, acc[i].r)
		}
	}
	ADDQ(astep, a)
	ADDQ(xstep, x)
	DECQ(np)
	JNZ(LabelRef("panel"))
	c := Load(Param("c"), GP64())
	for i := range acc {
		t := acc[i].total()
		if e.size == 4 {
			VMOVSS(t, Mem{Base: c, Disp: i * e.size})
		} else {
			VMOVSD(t, Mem{Base: c, Disp: i * e.size})
		}
	}
	VZEROUPPER()
	RET()
}
