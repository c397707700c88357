package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Kernels that bring tiles from panels to rows and back, and that go over tiles which stand
// by rows.

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

// write stores the bits of a mask, one for each lane: for AVX2, those of eight.
func (k mask) write(m Mem) {
	switch {
	case k.e.half:
		MOVB(k.bits().As8(), m)
	case k.e.size == 4:
		KMOVW(k.r, m)
	default:
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
	for v := range panelBytes / e.width() {
		x := e.loadVec(Mem{Base: from, Disp: v * e.width()})
		x.store(Mem{Base: to, Disp: v * e.width()})
		x.compare(unlike, zero).write(Mem{Base: say, Disp: v * e.lanes() / 8})
	}
	ADDQ(step, from)
	ADDQ(U32(panelBytes), to)
	ADDQ(Imm(panelBytes/uint64(8*e.size)), say)
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
	ones := e.loadVec(Mem{Base: x}).compare(unlike, zero).bits()
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
	e.loadVec(Mem{Base: y}).onlyWithin(e.loadVec(Mem{Base: of}), lo, hi).store(Mem{Base: y})
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
