package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// sparseVecs is the most vectors of a sparse row's result: eight sums hide how long a
// multiplication takes.
const sparseVecs = 8

// sparseShift is the logarithm of how many bytes rows of the right operand of a sparse
// product are apart.
func (e element) sparseShift() uint64 { return uint64(bits.Len(uint(sparseVecs*e.width())) - 1) }

// sparse computes rows of c = S b for a matrix S of which each row says by bits which of
// its numbers are not zero: only these are multiplied, in order. Rows of S are sstep
// elements apart, their bits bitstep bytes. Bits count from the one numbered first, 0 to 7,
// of the first byte on, 57 at most; keep has ones for those that are meant. A row of c has nv
// vectors. Mode 0 starts at zero, 1 at the nv vectors of start, 2 at what c holds. Sums are
// written to c or, if there is one, to out, whose rows are outstep elements apart: within
// limits, if those are given, and added to what is there if add is not zero. With rows of,
// too, limits are for these instead: where their element does not lie between them the
// result is zero.
//
// What is wanted next is fetched on the way, 256 bytes for each row: from ahead on, aheadstep
// elements farther each time and, after aheadrows of them, 256 bytes behind the first.
func sparse(e element, nv int) {
	TEXT(e.kernel("sparse", nv), NOSPLIT, fmt.Sprintf("func(rows int, s *%[1]s, sstep int, bits *uint8, bitstep, first int, keep uint64, b, c *%[1]s, cstep int, start *%[1]s, mode int, out *%[1]s, outstep, add int, limits, of *%[1]s, ofstep int, ahead *%[1]s, aheadstep, aheadrows int)", e.goType))
	Pragma("noescape")
	t := &sparseTile{e: e, left: GP64(), coming: GP64(), at: GP64()}
	rows := Load(Param("rows"), GP64())
	t.s, t.bits, t.b = Load(Param("s"), GP64()), Load(Param("bits"), GP64()), Load(Param("b"), GP64())
	t.c, t.out = Load(Param("c"), GP64()), Load(Param("out"), GP64())
	t.sstep, t.bitstep = Load(Param("sstep"), GP64()), Load(Param("bitstep"), GP64())
	cstep := Load(Param("cstep"), GP64())
	t.keep, t.ahead, t.fetched = Load(Param("keep"), GP64()), Load(Param("ahead"), GP64()), Load(Param("aheadrows"), GP64())
	SHLQ(Imm(e.shift()), t.sstep)
	SHLQ(Imm(e.shift()), cstep)
	for range nv {
		t.acc = append(t.acc, e.vec().r)
	}
	t.look()
	Label("row")
	t.fetch()
	t.start()
	t.sum()
	t.store()
	ADDQ(t.sstep, t.s)
	ADDQ(cstep, t.c)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// sparseTile is the sums of a row.
type sparseTile struct {
	e              element
	acc            []VecVirtual
	s, sstep       Register
	bits, bitstep  Register
	keep           Register
	b, c, out      Register
	ahead, fetched Register
	left, coming   Register // bits of the terms that are left, and of the next row
	at             Register
}

// all calls f for each sum and its place in a row.
func (t *sparseTile) all(row Register, f func(m Mem, z VecVirtual)) {
	for i, z := range t.acc {
		f(Mem{Base: row, Disp: i * t.e.width()}, z)
	}
}

// fetch asks for a part of what is wanted next.
func (t *sparseTile) fetch() {
	for line := range 4 {
		PREFETCHT1(Mem{Base: t.ahead, Disp: 64 * line})
	}
	Load(Param("aheadstep"), t.at)
	LEAQ(Mem{Base: t.ahead, Index: t.at, Scale: uint8(t.e.size)}, t.ahead)
	DECQ(t.fetched)
	JNZ(LabelRef("fetched"))
	Load(Param("ahead"), t.ahead)
	ADDQ(U32(256), t.ahead)
	Load(Param("aheadrows"), t.fetched)
	Label("fetched")
}

// look reads the bits of a row, that behind the last included, before the sums of the row
// before it: how long they take to come from the second-level cache would delay all others.
func (t *sparseTile) look() {
	Load(Param("first"), t.at)
	SHRXQ(t.at, Mem{Base: t.bits}, t.coming)
	ANDQ(t.keep, t.coming)
}

// start starts the sums of a row.
func (t *sparseTile) start() {
	MOVQ(t.coming, t.left)
	ADDQ(t.bitstep, t.bits)
	t.look()
	for line := range t.e.size {
		PREFETCHT0(Mem{Base: t.s, Index: t.sstep, Scale: 1, Disp: 64 * line})
	}
	startSums(t.e, Load(Param("mode"), t.at), t.acc, func() {
		Load(Param("start"), t.at)
		t.all(t.at, func(m Mem, z VecVirtual) { t.e.load(m, z) })
	}, func() {
		t.all(t.c, func(m Mem, z VecVirtual) { t.e.load(m, z) })
	})
}

// sum goes over the terms that are not zero.
func (t *sparseTile) sum() {
	TESTQ(t.left, t.left)
	JZ(LabelRef("store"))
	Label("loop")
	TZCNTQ(t.left, t.at)
	BLSRQ(t.left, t.left)
	v := t.e.vec().r
	t.e.broadcast(Mem{Base: t.s, Index: t.at, Scale: uint8(t.e.size)}, v)
	SHLQ(Imm(t.e.sparseShift()), t.at)
	ADDQ(t.b, t.at)
	t.all(t.at, func(m Mem, z VecVirtual) { t.e.fma(m, v, z) })
	TESTQ(t.left, t.left)
	JNZ(LabelRef("loop"))
	Label("store")
}

// store writes the sums where they are to go.
func (t *sparseTile) store() {
	e := t.e
	TESTQ(t.out, t.out)
	JZ(LabelRef("held"))
	Load(Param("limits"), t.at)
	TESTQ(t.at, t.at)
	JZ(LabelRef("free"))
	lo, hi := e.spread(Mem{Base: t.at}), e.spread(Mem{Base: t.at, Disp: e.size})
	Load(Param("of"), t.at)
	TESTQ(t.at, t.at)
	JNZ(LabelRef("gate"))
	for _, z := range t.acc {
		v := vec{e: e, r: z}
		v.set(hi.min(lo.max(v)))
	}
	Label("free")
	Load(Param("add"), t.at)
	TESTQ(t.at, t.at)
	JZ(LabelRef("written"))
	t.all(t.out, func(m Mem, z VecVirtual) { e.add(m, z, z) })
	Label("written")
	t.all(t.out, func(m Mem, z VecVirtual) { e.load(z, m) })
	Load(Param("outstep"), t.at)
	LEAQ(Mem{Base: t.out, Index: t.at, Scale: uint8(e.size)}, t.out)
	JMP(LabelRef("next"))
	Label("gate")
	for i, z := range t.acc {
		v := vec{e: e, r: z}
		v.set(v.onlyWithin(e.loadVec(Mem{Base: t.at, Disp: i * e.width()}), lo, hi))
	}
	Load(Param("ofstep"), t.left)
	LEAQ(Mem{Base: t.at, Index: t.left, Scale: uint8(e.size)}, t.at)
	Store(t.at, Param("of"))
	JMP(LabelRef("free"))
	Label("held")
	t.all(t.c, func(m Mem, z VecVirtual) { e.load(z, m) })
	Label("next")
}

// columnOfFew is column for inputs of which many are zero: the weights of these are not
// read.
func columnOfFew(e element, nv int) {
	TEXT(e.kernel("columnfew", nv), NOSPLIT, fmt.Sprintf("func(k int, x, wt *%[1]s, ld int, y, bias *%[1]s)", e.goType))
	Pragma("noescape")
	k, x, wt := Load(Param("k"), GP64()), Load(Param("x"), GP64()), Load(Param("wt"), GP64())
	ld, y, bias := Load(Param("ld"), GP64()), Load(Param("y"), GP64()), Load(Param("bias"), GP64())
	acc := make([]vec, nv)
	for i := range acc {
		acc[i] = e.loadVec(Mem{Base: bias, Disp: e.width() * i})
	}
	zero, step, left, at := e.zero(), GP64(), GP64(), GP64()
	MOVQ(ld, step)
	SHLQ(Imm(uint64(bits.Len(uint(e.lanes()))-1)), step)
	Label("block")
	CMPQ(k, Imm(uint64(e.lanes())))
	JLT(LabelRef("tail"))
	MOVQ(e.loadVec(Mem{Base: x}).compare(unlike, zero).bits(), left)
	Label("begin")
	TESTQ(left, left)
	JZ(LabelRef("next"))
	Label("loop")
	TZCNTQ(left, at)
	BLSRQ(left, left)
	v := e.spread(Mem{Base: x, Index: at, Scale: uint8(e.size)})
	IMULQ(ld, at)
	ADDQ(wt, at)
	for i := range acc {
		e.fma(Mem{Base: at, Disp: e.width() * i}, v.r, acc[i].r)
	}
	TESTQ(left, left)
	JNZ(LabelRef("loop"))
	Label("next")
	ADDQ(Imm(uint64(e.width())), x)
	ADDQ(step, wt)
	SUBQ(Imm(uint64(e.lanes())), k)
	JMP(LabelRef("block"))
	Label("tail")
	CMPQ(k, Imm(0))
	JLE(LabelRef("store"))
	MOVQ(e.loadOnly(Mem{Base: x}, e.first(k)).compare(unlike, zero).bits(), left)
	JMP(LabelRef("begin"))
	Label("store")
	for i := range acc {
		acc[i].store(Mem{Base: y, Disp: e.width() * i})
	}
	VZEROUPPER()
	RET()
}
