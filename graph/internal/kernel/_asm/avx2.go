package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// avx2Tile is the most features of a register tile of two 32-byte vectors.
const avx2Tile = 6

// halves emits body for the first and the second half of a panel's lines, 64
// bytes each: sixteen registers hold no more.
func halves(body func(offset int, label func(string) string)) {
	for h := range 2 {
		body(64*h, func(s string) string { return fmt.Sprintf("%s%d", s, h) })
	}
}

// product2 is product for AVX2: the same sums in the same order.
func product2(e element, mr int, trans bool) {
	name := "nn"
	if trans {
		name = "tn"
	}
	TEXT(fmt.Sprintf("%s%sy%d", name, e.name, mr), NOSPLIT, fmt.Sprintf(productSignature, e.goType))
	Pragma("noescape")
	lda := Load(Param("lda"), GP64())
	SHLQ(Imm(e.shift()), lda)
	lda3 := GP64()
	LEAQ(Mem{Base: lda, Index: lda, Scale: 2}, lda3)
	c, mode := Load(Param("c"), GP64()), Load(Param("mode"), GP64())
	halves(func(offset int, label func(string) string) {
		k, a, b := Load(Param("k"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
		base := []Register{a}
		if !trans && mr > 3 {
			q := GP64()
			LEAQ(Mem{Base: a, Index: lda3, Scale: 1}, q)
			base = append(base, q)
		}
		var acc [][2]VecVirtual
		for range mr {
			acc = append(acc, [2]VecVirtual{YMM(), YMM()})
		}
		CMPQ(mode, Imm(1))
		JEQ(LabelRef(label("bias")))
		JGT(LabelRef(label("resume")))
		for i := range mr {
			VXORPS(acc[i][0], acc[i][0], acc[i][0])
			VXORPS(acc[i][1], acc[i][1], acc[i][1])
		}
		JMP(LabelRef(label("begin")))
		Label(label("bias"))
		bias := Load(Param("bias"), GP64())
		for i := range mr {
			e.broadcast(Mem{Base: bias, Disp: i * e.size}, acc[i][0])
			VMOVUPS(acc[i][0], acc[i][1])
		}
		JMP(LabelRef(label("begin")))
		Label(label("resume"))
		for i := range mr {
			e.load(Mem{Base: c, Disp: i*panelBytes + offset}, acc[i][0])
			e.load(Mem{Base: c, Disp: i*panelBytes + offset + 32}, acc[i][1])
		}
		Label(label("begin"))
		TESTQ(k, k)
		JZ(LabelRef(label("store")))
		Label(label("loop"))
		b0, b1 := YMM(), YMM()
		e.load(Mem{Base: b, Disp: offset}, b0)
		e.load(Mem{Base: b, Disp: offset + 32}, b1)
		for i := range mr {
			m := Mem{Base: a, Disp: i * e.size}
			if !trans {
				m = Mem{Base: base[i/3]}
				if r := i % 3; r > 0 {
					m.Index, m.Scale = lda, uint8(r)
				}
			}
			v := YMM()
			e.broadcast(m, v)
			e.fma(v, b0, acc[i][0])
			e.fma(v, b1, acc[i][1])
		}
		if trans {
			ADDQ(lda, a)
		} else {
			for _, q := range base {
				ADDQ(Imm(uint64(e.size)), q)
			}
		}
		ADDQ(U32(panelBytes), b)
		DECQ(k)
		JNZ(LabelRef(label("loop")))
		Label(label("store"))
		for i := range mr {
			e.load(acc[i][0], Mem{Base: c, Disp: i*panelBytes + offset})
			e.load(acc[i][1], Mem{Base: c, Disp: i*panelBytes + offset + 32})
		}
	})
	VZEROUPPER()
	RET()
}

// outer2 is outer for AVX2.
func outer2(e element, mr int) {
	TEXT(fmt.Sprintf("outer%sy%d", e.name, mr), NOSPLIT,
		fmt.Sprintf("func(np int, a *%[1]s, astep int, xt *%[1]s, c *%[1]s, ldc, add int, ahead *%[1]s)", e.goType))
	Pragma("noescape")
	gstep, ldc := Load(Param("astep"), GP64()), Load(Param("ldc"), GP64())
	SHLQ(Imm(e.shift()), gstep)
	SHLQ(Imm(e.shift()), ldc)
	SUBQ(U32(panelBytes), gstep)
	halves(func(offset int, label func(string) string) {
		np, g, xt := Load(Param("np"), GP64()), Load(Param("a"), GP64()), Load(Param("xt"), GP64())
		var acc [][2]VecVirtual
		for range mr {
			x, y := YMM(), YMM()
			VXORPS(x, x, x)
			VXORPS(y, y, y)
			acc = append(acc, [2]VecVirtual{x, y})
		}
		rows := GP64()
		Label(label("panel"))
		MOVQ(U32(uint32(panelBytes/e.size)), rows)
		Label(label("row"))
		b0, b1 := YMM(), YMM()
		e.load(Mem{Base: xt, Disp: offset}, b0)
		e.load(Mem{Base: xt, Disp: offset + 32}, b1)
		for i := range mr {
			v := YMM()
			e.broadcast(Mem{Base: g, Disp: i * panelBytes}, v)
			e.fma(v, b0, acc[i][0])
			e.fma(v, b1, acc[i][1])
		}
		ADDQ(U32(transposedBytes), xt)
		ADDQ(Imm(uint64(e.size)), g)
		DECQ(rows)
		JNZ(LabelRef(label("row")))
		ADDQ(gstep, g)
		DECQ(np)
		JNZ(LabelRef(label("panel")))
		add, held, c := Load(Param("add"), GP64()), GP64(), Load(Param("c"), GP64())
		TESTQ(add, add)
		JZ(LabelRef(label("store")))
		MOVQ(c, held)
		for i := range mr {
			e.add(Mem{Base: held, Disp: offset}, acc[i][0], acc[i][0])
			e.add(Mem{Base: held, Disp: offset + 32}, acc[i][1], acc[i][1])
			ADDQ(ldc, held)
		}
		Label(label("store"))
		for i := range mr {
			e.load(acc[i][0], Mem{Base: c, Disp: offset})
			e.load(acc[i][1], Mem{Base: c, Disp: offset + 32})
			ADDQ(ldc, c)
		}
	})
	VZEROUPPER()
	RET()
}

// shift is the logarithm of the element's size.
func (e element) shift() uint64 {
	if e.size == 8 {
		return 3
	}
	return 2
}
