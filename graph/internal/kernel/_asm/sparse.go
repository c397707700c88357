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

// sparsePitch is how many bytes rows of the right operand of a sparse product are apart,
// a shift of sparseShift.
const (
	sparsePitch = sparseVecs * 64
	sparseShift = 9
)

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
	Load(Param("mode"), t.at)
	CMPQ(t.at, Imm(1))
	JEQ(LabelRef("start"))
	JGT(LabelRef("resume"))
	for _, z := range t.acc {
		t.e.clear(z)
	}
	JMP(LabelRef("begin"))
	Label("start")
	Load(Param("start"), t.at)
	t.all(t.at, func(m Mem, z VecVirtual) { t.e.load(m, z) })
	JMP(LabelRef("begin"))
	Label("resume")
	t.all(t.c, func(m Mem, z VecVirtual) { t.e.load(m, z) })
	Label("begin")
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
	SHLQ(Imm(sparseShift), t.at)
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
		x, v := e.loadVec(Mem{Base: t.at, Disp: i * e.width()}), vec{e: e, r: z}
		v.set(v.only(x.compare(greater, lo).and(x.compare(less, hi))))
	}
	Load(Param("ofstep"), t.left)
	LEAQ(Mem{Base: t.at, Index: t.left, Scale: uint8(e.size)}, t.at)
	Store(t.at, Param("of"))
	JMP(LabelRef("free"))
	Label("held")
	t.all(t.c, func(m Mem, z VecVirtual) { e.load(z, m) })
	Label("next")
}

// square transposes a block of lanes by lanes from src on, rows step bytes apart.
func (e element) square(src, step Register) (v []vec, order []int) {
	return e.transpose(func(int) vec {
		x := e.loadVec(Mem{Base: src})
		ADDQ(step, src)
		return x
	})
}

// squares transposes n blocks of lanes by lanes: from src, rows sstep elements apart, the
// next block snext elements on, to dst with steps of its own.
func squares(e element) {
	TEXT("squares"+e.name, NOSPLIT, fmt.Sprintf("func(n int, dst *%[1]s, dstep, dnext int, src *%[1]s, sstep, snext int)", e.goType))
	Pragma("noescape")
	b := e.blocks()
	Label("block")
	v, order := e.square(b.from, b.sstep)
	b.inOrder(v, order, func(v vec) { v.store(Mem{Base: b.to}) })
	b.next("block")
}

// addSquares transposes blocks as squares does, of which the first width columns count, and
// adds them to what dst holds or, without add, to zeros. Rows of dst may end behind these.
func addSquares(e element) {
	TEXT("addsquares"+e.name, NOSPLIT, fmt.Sprintf("func(n int, dst *%[1]s, dstep, dnext int, src *%[1]s, sstep, snext, width, add int)", e.goType))
	Pragma("noescape")
	b := e.blocks()
	width := Load(Param("width"), GP64())
	columns := e.first(width)
	IMULQ(Load(Param("add"), GP64()), width)
	held := e.first(width)
	Label("block")
	v, order := e.square(b.from, b.sstep)
	b.inOrder(v, order, func(v vec) {
		v.add(e.loadOnly(Mem{Base: b.to}, held)).storeOnly(Mem{Base: b.to}, columns)
	})
	b.next("block")
}

// sift does as squares, and says in bits[r·bitstep] and on which numbers of row r of dst are
// not zero: lanes bits for each block.
func sift(e element) {
	TEXT("sift"+e.name, NOSPLIT, fmt.Sprintf("func(n int, dst *%[1]s, dstep, dnext int, src *%[1]s, sstep, snext int, bits *uint8, bitstep int)", e.goType))
	Pragma("noescape")
	b := e.blocks()
	bits, bitstep, row := Load(Param("bits"), GP64()), Load(Param("bitstep"), GP64()), GP64()
	zero := e.zero()
	Label("block")
	v, order := e.square(b.from, b.sstep)
	MOVQ(bits, row)
	b.inOrder(v, order, func(v vec) {
		v.store(Mem{Base: b.to})
		v.compare(unlike, zero).write(Mem{Base: row})
		ADDQ(bitstep, row)
	})
	ADDQ(Imm(uint64(e.lanes()/8)), bits)
	b.next("block")
}

// write stores the bits of a mask, one for each lane.
func (k mask) write(m Mem) {
	if k.e.size == 4 {
		KMOVW(k.r, m)
	} else {
		KMOVB(k.r, m)
	}
}

// blocks goes over blocks of lanes by lanes; steps are in bytes.
type blocks struct {
	e                                    element
	n                                    Register
	dst, dstep, dnext, src, sstep, snext Register
	from, to                             Register // within a block
}

func (e element) blocks() *blocks {
	b := &blocks{e: e, n: Load(Param("n"), GP64()), from: GP64(), to: GP64()}
	for _, p := range []struct {
		name string
		r    *Register
	}{{"dstep", &b.dstep}, {"dnext", &b.dnext}, {"sstep", &b.sstep}, {"snext", &b.snext}} {
		*p.r = Load(Param(p.name), GP64())
		SHLQ(Imm(e.shift()), *p.r)
	}
	b.dst, b.src = Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	MOVQ(b.src, b.from)
	return b
}

// inOrder hands out the rows of a transposed block one after the other, each with its place.
func (b *blocks) inOrder(v []vec, order []int, f func(vec)) {
	at := make([]int, len(order))
	for i, row := range order {
		at[row] = i
	}
	MOVQ(b.dst, b.to)
	for _, i := range at {
		f(v[i])
		ADDQ(b.dstep, b.to)
	}
}

// next goes to the block behind, or returns.
func (b *blocks) next(label string) {
	ADDQ(b.snext, b.src)
	ADDQ(b.dnext, b.dst)
	MOVQ(b.src, b.from)
	DECQ(b.n)
	JNZ(LabelRef(label))
	VZEROUPPER()
	RET()
}

// gather copies the lines of n features, from np panels that are step elements apart, to
// dst, where those of one feature stand together, dstep elements before those of the next,
// and says in bits[f·bitstep] and on which numbers are not zero.
func gather(e element) {
	TEXT("gather"+e.name, NOSPLIT, fmt.Sprintf("func(n, np int, dst *%[1]s, dstep int, src *%[1]s, step int, bits *uint8, bitstep int)", e.goType))
	Pragma("noescape")
	n, np, left := Load(Param("n"), GP64()), Load(Param("np"), GP64()), GP64()
	dst, dstep, to := Load(Param("dst"), GP64()), Load(Param("dstep"), GP64()), GP64()
	src, step, from := Load(Param("src"), GP64()), Load(Param("step"), GP64()), GP64()
	bits, bitstep, say := Load(Param("bits"), GP64()), Load(Param("bitstep"), GP64()), GP64()
	SHLQ(Imm(e.shift()), dstep)
	SHLQ(Imm(e.shift()), step)
	zero := e.zero()
	Label("feature")
	MOVQ(np, left)
	MOVQ(dst, to)
	MOVQ(src, from)
	MOVQ(bits, say)
	Label("panel")
	for v := range 2 {
		x := e.loadVec(Mem{Base: from, Disp: v * e.width()})
		x.store(Mem{Base: to, Disp: v * e.width()})
		x.compare(unlike, zero).write(Mem{Base: say, Disp: v * e.lanes() / 8})
	}
	ADDQ(step, from)
	ADDQ(U32(panelBytes), to)
	ADDQ(Imm(uint64(2*e.lanes()/8)), say)
	DECQ(left)
	JNZ(LabelRef("panel"))
	ADDQ(U32(panelBytes), src)
	ADDQ(dstep, dst)
	ADDQ(bitstep, bits)
	DECQ(n)
	JNZ(LabelRef("feature"))
	VZEROUPPER()
	RET()
}

// nonzeros counts the numbers in n vectors that are not zero.
func nonzeros(e element) {
	TEXT("nonzeros"+e.name, NOSPLIT, fmt.Sprintf("func(n int, x *%s) int", e.goType))
	Pragma("noescape")
	n, x := Load(Param("n"), GP64()), Load(Param("x"), GP64())
	zero, count := e.zero(), GP64()
	XORQ(count, count)
	Label("vector")
	k, ones := e.loadVec(Mem{Base: x}).compare(unlike, zero), GP64()
	KMOVW(k.r, ones.As32())
	POPCNTQ(ones, ones)
	ADDQ(ones, count)
	ADDQ(Imm(uint64(e.width())), x)
	DECQ(n)
	JNZ(LabelRef("vector"))
	Store(count, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// gate makes those of n vectors of y zero where the element of does not lie between the
// two limits.
func gate(e element) {
	TEXT("gate"+e.name, NOSPLIT, fmt.Sprintf("func(n int, y, of, limits *%s)", e.goType))
	Pragma("noescape")
	n, y, of, limits := Load(Param("n"), GP64()), Load(Param("y"), GP64()), Load(Param("of"), GP64()), Load(Param("limits"), GP64())
	lo, hi := e.spread(Mem{Base: limits}), e.spread(Mem{Base: limits, Disp: e.size})
	Label("vector")
	x := e.loadVec(Mem{Base: of})
	e.loadVec(Mem{Base: y}).only(x.compare(greater, lo).and(x.compare(less, hi))).store(Mem{Base: y})
	ADDQ(Imm(uint64(e.width())), y)
	ADDQ(Imm(uint64(e.width())), of)
	DECQ(n)
	JNZ(LabelRef("vector"))
	VZEROUPPER()
	RET()
}

// mark says in bits[r·bitstep] and on which numbers of n vectors of row r are not zero. Rows
// are step elements apart.
func mark(e element) {
	TEXT("mark"+e.name, NOSPLIT, fmt.Sprintf("func(rows, n int, src *%s, step int, bits *uint8, bitstep int)", e.goType))
	Pragma("noescape")
	rows, n, left := Load(Param("rows"), GP64()), Load(Param("n"), GP64()), GP64()
	src, step, from := Load(Param("src"), GP64()), Load(Param("step"), GP64()), GP64()
	bits, bitstep, say := Load(Param("bits"), GP64()), Load(Param("bitstep"), GP64()), GP64()
	SHLQ(Imm(e.shift()), step)
	zero := e.zero()
	Label("line")
	MOVQ(n, left)
	MOVQ(src, from)
	MOVQ(bits, say)
	Label("vector")
	e.loadVec(Mem{Base: from}).compare(unlike, zero).write(Mem{Base: say})
	ADDQ(Imm(uint64(e.width())), from)
	ADDQ(Imm(uint64(e.lanes()/8)), say)
	DECQ(left)
	JNZ(LabelRef("vector"))
	ADDQ(step, src)
	ADDQ(bitstep, bits)
	DECQ(rows)
	JNZ(LabelRef("line"))
	VZEROUPPER()
	RET()
}

// copies brings n vectors of each row from src to dst, rows of which are so many elements
// apart.
func copies(e element) {
	TEXT("copies"+e.name, NOSPLIT, fmt.Sprintf("func(rows, n int, dst *%[1]s, dstep int, src *%[1]s, sstep int)", e.goType))
	Pragma("noescape")
	rows, n, left := Load(Param("rows"), GP64()), Load(Param("n"), GP64()), GP64()
	dst, dstep, to := Load(Param("dst"), GP64()), Load(Param("dstep"), GP64()), GP64()
	src, sstep, from := Load(Param("src"), GP64()), Load(Param("sstep"), GP64()), GP64()
	SHLQ(Imm(e.shift()), dstep)
	SHLQ(Imm(e.shift()), sstep)
	Label("line")
	MOVQ(n, left)
	MOVQ(src, from)
	MOVQ(dst, to)
	Label("vector")
	PREFETCHT0(Mem{Base: from, Index: sstep, Scale: 4})
	e.loadVec(Mem{Base: from}).store(Mem{Base: to})
	ADDQ(Imm(uint64(e.width())), from)
	ADDQ(Imm(uint64(e.width())), to)
	DECQ(left)
	JNZ(LabelRef("vector"))
	ADDQ(sstep, src)
	ADDQ(dstep, dst)
	DECQ(rows)
	JNZ(LabelRef("line"))
	VZEROUPPER()
	RET()
}

// sumLines adds the sum of n vectors of so many rows, step elements apart, to acc: eight
// vectors at a time, then one by one.
func sumLines(e element) {
	TEXT("sumlines"+e.name, NOSPLIT, fmt.Sprintf("func(rows, n int, acc, src *%[1]s, step int)", e.goType))
	Pragma("noescape")
	rows, n, left := Load(Param("rows"), GP64()), Load(Param("n"), GP64()), GP64()
	acc, src, step, from := Load(Param("acc"), GP64()), Load(Param("src"), GP64()), Load(Param("step"), GP64()), GP64()
	SHLQ(Imm(e.shift()), step)
	for _, few := range []int{8, 1} {
		column, line, end := fmt.Sprint("column", few), fmt.Sprint("line", few), fmt.Sprint("end", few)
		Label(column)
		CMPQ(n, Imm(uint64(few)))
		JLT(LabelRef(end))
		s := make([]vec, few)
		for v := range s {
			s[v] = e.vec()
			e.clear(s[v].r)
		}
		MOVQ(rows, left)
		MOVQ(src, from)
		Label(line)
		for v := range s {
			e.add(Mem{Base: from, Disp: v * e.width()}, s[v].r, s[v].r)
		}
		ADDQ(step, from)
		DECQ(left)
		JNZ(LabelRef(line))
		for v := range s {
			e.add(Mem{Base: acc, Disp: v * e.width()}, s[v].r, s[v].r)
			s[v].store(Mem{Base: acc, Disp: v * e.width()})
		}
		ADDQ(U32(uint32(few*e.width())), acc)
		ADDQ(U32(uint32(few*e.width())), src)
		SUBQ(Imm(uint64(few)), n)
		JMP(LabelRef(column))
		Label(end)
	}
	VZEROUPPER()
	RET()
}

// cacheLeaf asks the processor for a leaf about its caches; zeros if it has none such.
func cacheLeaf() {
	TEXT("cacheLeaf", NOSPLIT, "func(leaf, i int) (kind, geometry, sets int)")
	Load(Param("leaf"), RAX)
	MOVL(EAX, EBX)
	ANDL(U32(1<<31), EAX) // the first of its kind says which is the last
	XORL(ECX, ECX)
	MOVL(EBX, R8L)
	CPUID()
	CMPL(EAX, R8L)
	JCS(LabelRef("none"))
	MOVL(R8L, EAX)
	Load(Param("i"), RCX)
	CPUID()
	JMP(LabelRef("known"))
	Label("none")
	XORL(EAX, EAX)
	XORL(EBX, EBX)
	XORL(ECX, ECX)
	Label("known")
	Store(RAX, Return("kind"))
	Store(RBX, Return("geometry"))
	Store(RCX, Return("sets"))
	RET()
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
	KMOVW(e.loadVec(Mem{Base: x}).compare(unlike, zero).r, left.As32())
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
	KMOVW(e.loadOnly(Mem{Base: x}, e.first(k)).compare(unlike, zero).r, left.As32())
	JMP(LabelRef("begin"))
	Label("store")
	for i := range acc {
		acc[i].store(Mem{Base: y, Disp: e.width() * i})
	}
	VZEROUPPER()
	RET()
}
