package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// pairTile is the most features of a tile that is two panels wide: 24 sums, four
// vectors of the panels, and the rest for elements of A.
const pairTile = 6

// pairProduct is product for two panels at once, the second bstep elements behind
// the first, c and of likewise: half as many elements of A are loaded for each
// multiplication. What the next call wants is fetched on the way: three rows of A
// from ahead on (nn), or what is behind this tile in its own rows (tn).
func pairProduct(e element, mr int, trans bool) {
	name := "nnp"
	if trans {
		name = "tnp"
	}
	TEXT(fmt.Sprintf("%s%sx%d", name, e.name, mr), NOSPLIT,
		fmt.Sprintf("func(k int, a *%[1]s, lda int, b *%[1]s, bstep int, c *%[1]s, cstep int, bias *%[1]s, mode int, limits, of *%[1]s, ofstep int, ahead *%[1]s)", e.goType))
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	a := Load(Param("a"), GP64())
	lda := Load(Param("lda"), GP64())
	b := Load(Param("b"), GP64())
	b2 := Load(Param("bstep"), GP64())
	mode := Load(Param("mode"), GP64())
	SHLQ(Imm(e.shift()), lda)
	LEAQ(Mem{Base: b, Index: b2, Scale: uint8(e.size)}, b2)
	base := []Register{a}
	if !trans && mr > 3 {
		q := GP64()
		LEAQ(Mem{Base: lda, Index: lda, Scale: 2}, q)
		ADDQ(a, q)
		base = append(base, q)
	}
	ahead := Load(Param("ahead"), GP64())
	var acc [][4]VecVirtual
	for range mr {
		acc = append(acc, [4]VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()})
	}
	// panels finds the two panels of a parameter.
	panels := func(name, step string) func(feature, v int) Mem {
		c := Load(Param(name), GP64())
		c2 := Load(Param(step), GP64())
		LEAQ(Mem{Base: c, Index: c2, Scale: uint8(e.size)}, c2)
		return func(feature, v int) Mem {
			if v < 2 {
				return Mem{Base: c, Disp: feature*panelBytes + 64*v}
			}
			return Mem{Base: c2, Disp: feature*panelBytes + 64*(v-2)}
		}
	}
	CMPQ(mode, Imm(1))
	JEQ(LabelRef("bias"))
	JGT(LabelRef("resume"))
	for i := range mr {
		for _, z := range acc[i] {
			VPXORQ(z, z, z)
		}
	}
	JMP(LabelRef("begin"))
	Label("bias")
	bias := Load(Param("bias"), GP64())
	for i := range mr {
		e.broadcast(Mem{Base: bias, Disp: i * e.size}, acc[i][0])
		for v := 1; v < 4; v++ {
			VMOVUPS(acc[i][0], acc[i][v])
		}
	}
	JMP(LabelRef("begin"))
	Label("resume")
	held := panels("c", "cstep")
	for i := range mr {
		for v, z := range acc[i] {
			e.load(held(i, v), z)
		}
	}
	Label("begin")
	step := func(u int) {
		x := [4]VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}
		for v := range x {
			from := b
			if v >= 2 {
				from = b2
			}
			e.load(Mem{Base: from, Disp: u*panelBytes + 64*(v%2)}, x[v])
		}
		for i := range mr {
			m := Mem{Base: base[0], Disp: i * e.size}
			if !trans {
				m = Mem{Base: base[i/3], Disp: u * e.size}
				if r := i % 3; r > 0 {
					m.Index, m.Scale = lda, uint8(r)
				}
			}
			w := ZMM()
			e.broadcast(m, w)
			for v := range x {
				e.fma(w, x[v], acc[i][v])
			}
		}
		if trans {
			PREFETCHT0(Mem{Base: a, Disp: 64})
			ADDQ(lda, a)
		}
	}
	advance := func(n int) {
		ADDQ(U32(uint32(n*panelBytes)), b)
		ADDQ(U32(uint32(n*panelBytes)), b2)
		if !trans {
			for _, q := range base {
				ADDQ(Imm(uint64(n*e.size)), q)
			}
		}
	}
	CMPQ(k, Imm(4))
	JLT(LabelRef("tail"))
	Label("loop")
	if !trans {
		PREFETCHT1(Mem{Base: ahead})
		PREFETCHT1(Mem{Base: ahead, Index: lda, Scale: 1})
		PREFETCHT1(Mem{Base: ahead, Index: lda, Scale: 2})
		ADDQ(Imm(uint64(4*e.size)), ahead)
	}
	for u := range 4 {
		step(u)
	}
	advance(4)
	SUBQ(Imm(4), k)
	CMPQ(k, Imm(4))
	JGE(LabelRef("loop"))
	Label("tail")
	TESTQ(k, k)
	JZ(LabelRef("store"))
	step(0)
	advance(1)
	DECQ(k)
	JMP(LabelRef("tail"))
	Label("store")
	out := panels("c", "cstep")
	limits := Load(Param("limits"), GP64())
	TESTQ(limits, limits)
	JZ(LabelRef("plain"))
	lo, hi := e.spread(Mem{Base: limits}), e.spread(Mem{Base: limits, Disp: e.size})
	if trans {
		of := panels("of", "ofstep")
		for i := range mr {
			for v, z := range acc[i] {
				y := e.loadVec(of(i, v))
				above, within := y.compare(greater, lo), y.compare(less, hi)
				vec{e, z, nil}.only(above.and(within)).store(out(i, v))
			}
		}
	} else {
		for i := range mr {
			for v, z := range acc[i] {
				hi.min(lo.max(vec{e, z, nil})).store(out(i, v))
			}
		}
	}
	VZEROUPPER()
	RET()
	Label("plain")
	for i := range mr {
		for v, z := range acc[i] {
			e.load(z, out(i, v))
		}
	}
	VZEROUPPER()
	RET()
}

// transposedBytes is the distance between rows of transposed inputs: four vectors.
const transposedBytes = 2 * panelBytes

// outerWide is outer for four vectors of columns.
func outerWide(e element, mr int) { outerTile(e, fmt.Sprintf("outerw%sx%d", e.name, mr), mr, 4) }

// outer adds mr rows by two vectors of columns of a weight gradient,
// c[i] = Σ_r g[i][r] xt[r] or, with add, += over the rows r of np panels.
func outer(e element, mr int) { outerTile(e, fmt.Sprintf("outer%sx%d", e.name, mr), mr, 2) }

// outerTile is the body of both. Panels of g are astep elements apart; xt has four
// vectors for each row, of which nv are taken. The tile stays in registers
// throughout; the tile at ahead, which is the next, is fetched by then.
func outerTile(e element, name string, mr, nv int) {
	TEXT(name, NOSPLIT, fmt.Sprintf("func(np int, a *%[1]s, astep int, xt *%[1]s, c *%[1]s, ldc, add int, ahead *%[1]s)", e.goType))
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
	acc := make([][]VecVirtual, mr)
	for i := range acc {
		for range nv {
			z := ZMM()
			VPXORQ(z, z, z)
			acc[i] = append(acc[i], z)
		}
	}
	rows := GP64()
	Label("panel")
	for range (mr + 3) / 4 { // of the four panels of a shard each fetches its part
		for v := range nv {
			PREFETCHT0(Mem{Base: ahead, Disp: 64 * v})
		}
		ADDQ(ldc, ahead)
	}
	MOVQ(U32(uint32(panelBytes/e.size/4)), rows)
	Label("row")
	for u := range 4 {
		x := make([]VecVirtual, nv)
		for v := range x {
			x[v] = ZMM()
			e.load(Mem{Base: xt, Disp: u*transposedBytes + 64*v}, x[v])
		}
		for i := range mr {
			w := ZMM()
			e.broadcast(Mem{Base: g, Disp: i*panelBytes + u*e.size}, w)
			for v := range x {
				e.fma(w, x[v], acc[i][v])
			}
		}
	}
	ADDQ(U32(4*transposedBytes), xt)
	ADDQ(Imm(uint64(4*e.size)), g)
	DECQ(rows)
	JNZ(LabelRef("row"))
	ADDQ(gstep, g)
	DECQ(np)
	JNZ(LabelRef("panel"))
	add := Load(Param("add"), GP64())
	TESTQ(add, add)
	JZ(LabelRef("store"))
	held := GP64()
	MOVQ(c, held)
	for i := range mr {
		for v, z := range acc[i] {
			e.add(Mem{Base: held, Disp: 64 * v}, z, z)
		}
		ADDQ(ldc, held)
	}
	Label("store")
	for i := range mr {
		for v, z := range acc[i] {
			e.load(z, Mem{Base: c, Disp: 64 * v})
		}
		ADDQ(ldc, c)
	}
	VZEROUPPER()
	RET()
}
