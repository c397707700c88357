package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// fullRows is how many rows a tile of a full product has, fullVecs the most vectors of each:
// 24 sums, for which three vectors and eight numbers are loaded a term.
const (
	fullRows = 8
	fullVecs = 3
)

// full computes nv vectors of rows of c = S b, as sparse does but with all terms, for a
// multiple of fullRows rows. Rows of S are sstep elements apart, their terms tstep, so that S
// may stand by rows or in panels; rows of b, one for each term, bstep.
func full(e element, nv int) {
	TEXT(e.kernel("full", nv), NOSPLIT, fmt.Sprintf("func(rows int, s *%[1]s, sstep, tstep, terms int, b *%[1]s, bstep int, c *%[1]s, cstep int, start *%[1]s, mode int, limits, of *%[1]s, ofstep int)", e.goType))
	Pragma("noescape")
	t := &fullTile{e: e, nv: nv, s: GP64(), b: GP64(), at: GP64()}
	rows := Load(Param("rows"), GP64())
	first := Load(Param("s"), GP64())
	t.tstep, t.bstep = t.step("tstep"), t.step("bstep")
	t.c, t.cstep = Load(Param("c"), GP64()), t.step("cstep")
	t.load()
	Label("row")
	t.start()
	MOVQ(first, t.s)
	t.sum()
	t.store()
	LEAQ(Mem{Base: first, Index: t.times[0], Scale: 8}, first)
	SUBQ(Imm(fullRows), rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// fullTile is the sums of fullRows rows.
type fullTile struct {
	e            element
	nv           int
	acc          [fullRows][]VecVirtual
	s, b         Register    // the next term
	times        [4]Register // 1, 3, 5 and 7 times as far as rows are apart
	tstep, bstep Register
	c, cstep     Register
	at           Register
}

// step is a parameter that counts elements, in bytes.
func (t *fullTile) step(name string) Register {
	r := Load(Param(name), GP64())
	SHLQ(Imm(t.e.shift()), r)
	return r
}

func (t *fullTile) load() {
	one := t.step("sstep")
	t.times[0] = one
	for i := range t.times[1:] {
		t.times[i+1] = GP64()
		LEAQ(Mem{Base: t.times[i], Index: one, Scale: 2}, t.times[i+1])
	}
	for i := range t.acc {
		for range t.nv {
			t.acc[i] = append(t.acc[i], t.e.vec().r)
		}
	}
}

// number is that of a row in the next term.
func (t *fullTile) number(row int) Mem {
	m := Mem{Base: t.s}
	for shift := uint8(1); row > 0; shift *= 2 {
		if row%2 == 1 {
			m.Index, m.Scale = t.times[row/2], shift
			break
		}
		row /= 2
	}
	return m
}

// each calls f for all sums and their places in rows that begin at base, step bytes apart.
func (t *fullTile) each(base, step Register, f func(m Mem, z VecVirtual)) {
	for i := range t.acc {
		for v, z := range t.acc[i] {
			f(Mem{Base: base, Disp: v * t.e.width()}, z)
		}
		ADDQ(step, base)
	}
}

// start starts the sums as the mode says.
func (t *fullTile) start() {
	startSums(t.e, Load(Param("mode"), t.at), slices.Concat(t.acc[:]...), func() {
		Load(Param("start"), t.at)
		for v, z := range t.acc[0] {
			t.e.load(Mem{Base: t.at, Disp: v * t.e.width()}, z)
			for i := range t.acc[1:] {
				VMOVUPS(z, t.acc[i+1][v])
			}
		}
	}, func() {
		MOVQ(t.c, t.at)
		t.each(t.at, t.cstep, func(m Mem, z VecVirtual) { t.e.load(m, z) })
	})
}

// sum goes over the terms, two at a time.
func (t *fullTile) sum() {
	Load(Param("b"), t.b)
	left := t.at
	Load(Param("terms"), left)
	SUBQ(Imm(2), left)
	JLT(LabelRef("last"))
	Label("loop")
	t.term(Mem{Base: t.b})
	t.term(Mem{Base: t.b, Index: t.bstep, Scale: 1})
	LEAQ(Mem{Base: t.b, Index: t.bstep, Scale: 2}, t.b)
	SUBQ(Imm(2), left)
	JGE(LabelRef("loop"))
	Label("last")
	TESTQ(U32(1), left)
	JZ(LabelRef("store"))
	t.term(Mem{Base: t.b})
	Label("store")
}

// term adds the next term, whose row of b is at m.
func (t *fullTile) term(m Mem) {
	b := make([]VecVirtual, t.nv)
	for v := range b {
		b[v] = t.e.vec().r
		t.e.load(m.Offset(v*t.e.width()), b[v])
	}
	for i := range t.acc {
		x := t.e.vec().r
		t.e.broadcast(t.number(i), x)
		for v, z := range t.acc[i] {
			t.e.fma(b[v], x, z)
		}
	}
	ADDQ(t.tstep, t.s)
}

// store writes the sums to c: within limits, if there are any, or, with rows of, zero where
// the element of these does not lie between them.
func (t *fullTile) store() {
	e := t.e
	Load(Param("limits"), t.at)
	TESTQ(t.at, t.at)
	JZ(LabelRef("plain"))
	lo, hi := e.spread(Mem{Base: t.at}), e.spread(Mem{Base: t.at, Disp: e.size})
	Load(Param("of"), t.at)
	TESTQ(t.at, t.at)
	JNZ(LabelRef("gate"))
	for i := range t.acc {
		for _, z := range t.acc[i] {
			v := vec{e: e, r: z}
			v.set(hi.min(lo.max(v)))
		}
	}
	JMP(LabelRef("plain"))
	Label("gate")
	Load(Param("ofstep"), t.b)
	SHLQ(Imm(e.shift()), t.b)
	t.each(t.at, t.b, func(m Mem, z VecVirtual) {
		v := vec{e: e, r: z}
		v.set(v.onlyWithin(e.loadVec(m), lo, hi))
	})
	Store(t.at, Param("of"))
	Label("plain")
	t.each(t.c, t.cstep, func(m Mem, z VecVirtual) { e.load(z, m) })
}
