package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// unaryOps are the elementwise functions of one vector and up to two numbers.
var unaryOps = []struct {
	name string
	f    func(v, a, b vec) vec
}{
	{"exp", func(v, _, _ vec) vec { return v.exp() }},
	{"expm1", func(v, _, _ vec) vec { return v.expm1() }},
	{"log", func(v, _, _ vec) vec { return v.log() }},
	{"log1p", func(v, _, _ vec) vec { return v.log1p() }},
	{"tanh", func(v, _, _ vec) vec { return v.tanh() }},
	{"sigmoid", func(v, _, _ vec) vec { return v.sigmoid() }},
	{"softplus", func(v, _, _ vec) vec { return v.softplus() }},
	{"erf", func(v, _, _ vec) vec { return v.erf() }},
	{"atan", func(v, _, _ vec) vec { return v.atan() }},
	{"logcdf", func(v, _, _ vec) vec { return v.logCDF() }},
	{"hazard", func(v, _, _ vec) vec { return v.hazard(false) }},
	{"excess", func(v, _, _ vec) vec { return v.hazard(true) }},
	{"quantile", func(v, _, _ vec) vec { return v.quantile() }},
	{"square", func(v, _, _ vec) vec { return v.mul(v) }},
	{"sqrt", func(v, _, _ vec) vec { return v.sqrt() }},
	{"recip", func(v, _, _ vec) vec { return v.e.all(1).div(v) }},
	{"abs", func(v, _, _ vec) vec { return v.abs() }},
	{"floor", func(v, _, _ vec) vec { return v.round(9) }},
	{"relu", func(v, _, _ vec) vec { return v.maxc(0) }},
	{"step", func(v, _, _ vec) vec { return v.e.all(1).only(v.comparec(greater, 0)) }},
	{"sign", func(v, _, _ vec) vec {
		out := v.e.all(1).or(v.signOf())
		return v.pick(v.comparec(12, 0), out) // neither zero nor NaN
	}},
	{"affine", func(v, a, b vec) vec { return v.times(a, b) }},
	{"clamp", func(v, a, b vec) vec { return b.min(a.max(v)) }},
	{"inside", func(v, a, b vec) vec {
		k, one := v.compare(greater, a), v.e.all(1)
		return one.only(k.and(v.compare(less, b)))
	}},
}

// each runs body over n elements at the pointers: whole vectors, then what is
// left, by a mask. body gets a way to load a pointer's vector and to store one.
func each(e element, n Register, ptrs []Register, body func(load func(Register) vec, store func(vec, Register))) {
	sweep(e, n, ptrs, body)
	VZEROUPPER()
	RET()
}

// sweep is each without the end of the function.
func sweep(e element, n Register, ptrs []Register, body func(load func(Register) vec, store func(vec, Register))) {
	CMPQ(n, Imm(uint64(e.lanes())))
	JLT(LabelRef("tail"))
	Label("loop")
	body(func(p Register) vec { return e.loadVec(Mem{Base: p}) }, func(v vec, p Register) { v.store(Mem{Base: p}) })
	for _, p := range ptrs {
		ADDQ(Imm(uint64(e.width())), p)
	}
	SUBQ(Imm(uint64(e.lanes())), n)
	CMPQ(n, Imm(uint64(e.lanes())))
	JGE(LabelRef("loop"))
	Label("tail")
	TESTQ(n, n)
	JZ(LabelRef("end"))
	k := e.first(n)
	body(func(p Register) vec { return e.loadOnly(Mem{Base: p}, k) }, func(v vec, p Register) { v.storeOnly(Mem{Base: p}, k) })
	Label("end")
}

func elementwise(e element) {
	for _, o := range unaryOps {
		TEXT("v"+o.name+e.name, NOSPLIT, fmt.Sprintf("func(dst, src *%[1]s, n int, a, b %[1]s)", e.goType))
		Pragma("noescape")
		dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64())
		var a, b vec
		if o.name == "affine" || o.name == "clamp" || o.name == "inside" {
			a, b = e.param("a"), e.param("b")
		}
		each(e, n, []Register{dst, src}, func(load func(Register) vec, store func(vec, Register)) {
			store(o.f(load(src), a, b), dst)
		})
	}
	circular(e, "sin", false)
	circular(e, "cos", true)
	for _, o := range binaryOps {
		pairs(e, o.name, o.f)
		lines(e, o.name, o.f)
		for _, first := range []bool{true, false} {
			lineNumbers(e, o.name, o.f, first)
		}
	}
	blend(e)
	fold(e)
}

// param is a vector of a number among the arguments.
func (e element) param(name string) vec {
	m, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return e.spread(m.Addr)
}

var binaryOps = []struct {
	name string
	f    func(x, y vec) vec
}{
	{"add", func(x, y vec) vec { return x.add(y) }},
	{"sub", func(x, y vec) vec { return x.sub(y) }},
	{"mul", func(x, y vec) vec { return x.mul(y) }},
	{"div", func(x, y vec) vec { return x.div(y) }},
	{"max", func(x, y vec) vec { return orNaN(x, x.max(y)) }},
	{"min", func(x, y vec) vec { return orNaN(x, x.min(y)) }},
	{"less", func(x, y vec) vec { return x.e.all(1).only(x.compare(less, y)) }},
}

// orNaN makes v the first argument where that is no number; the instruction
// itself gives the second.
func orNaN(x, v vec) vec { return v.pick(x.compare(unknown, x), x) }

// pairs works on n neighbouring elements.
func pairs(e element, name string, f func(x, y vec) vec) {
	TEXT("p"+name+e.name, NOSPLIT, fmt.Sprintf("func(dst, x, y *%s, n int)", e.goType))
	Pragma("noescape")
	dst, x, y, n := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("n"), GP64())
	each(e, n, []Register{dst, x, y}, func(load func(Register) vec, store func(vec, Register)) {
		store(f(load(x), load(y)), dst)
	})
}

// lines works on the lines of n features, each argument stepping on by a line or
// by nothing.
func lines(e element, name string, f func(x, y vec) vec) {
	TEXT("l"+name+e.name, NOSPLIT, fmt.Sprintf("func(dst, x, y *%s, n, xstep, ystep int)", e.goType))
	Pragma("noescape")
	dst, x, y, n := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("n"), GP64())
	xs, ys := Load(Param("xstep"), GP64()), Load(Param("ystep"), GP64())
	TESTQ(n, n)
	JZ(LabelRef("end"))
	Label("loop")
	for d := 0; d < panelBytes; d += e.width() {
		f(e.loadVec(Mem{Base: x, Disp: d}), e.loadVec(Mem{Base: y, Disp: d})).store(Mem{Base: dst, Disp: d})
	}
	ADDQ(U32(panelBytes), dst)
	ADDQ(xs, x)
	ADDQ(ys, y)
	DECQ(n)
	JNZ(LabelRef("loop"))
	Label("end")
	VZEROUPPER()
	RET()
}

// lineNumbers works on the lines of n features and one number for each, or one
// for all if its step is nothing. The number is the first argument or the second.
func lineNumbers(e element, name string, f func(x, y vec) vec, first bool) {
	kind := "n"
	if first {
		kind = "m"
	}
	TEXT(kind+name+e.name, NOSPLIT, fmt.Sprintf("func(dst, x, y *%s, n, xstep, ystep int)", e.goType))
	Pragma("noescape")
	dst, x, y, n := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("n"), GP64())
	xs, ys := Load(Param("xstep"), GP64()), Load(Param("ystep"), GP64())
	TESTQ(n, n)
	JZ(LabelRef("end"))
	Label("loop")
	number := e.spread(Mem{Base: y})
	for d := 0; d < panelBytes; d += e.width() {
		line := e.loadVec(Mem{Base: x, Disp: d})
		if first {
			f(number, line).store(Mem{Base: dst, Disp: d})
		} else {
			f(line, number).store(Mem{Base: dst, Disp: d})
		}
	}
	ADDQ(U32(panelBytes), dst)
	ADDQ(xs, x)
	ADDQ(ys, y)
	DECQ(n)
	JNZ(LabelRef("loop"))
	Label("end")
	VZEROUPPER()
	RET()
}

// blend picks x where c is not zero, y elsewhere.
func blend(e element) {
	TEXT("pwhere"+e.name, NOSPLIT, fmt.Sprintf("func(dst, c, x, y *%s, n int)", e.goType))
	Pragma("noescape")
	dst, c, n := Load(Param("dst"), GP64()), Load(Param("c"), GP64()), Load(Param("n"), GP64())
	x, y := Load(Param("x"), GP64()), Load(Param("y"), GP64())
	each(e, n, []Register{dst, c, x, y}, func(load func(Register) vec, store func(vec, Register)) {
		k := load(c).comparec(unlike, 0)
		store(load(y).pick(k, load(x)), dst)
	})
}

// fold adds up n lines, or takes their maximum, into the line at dst.
func fold(e element) {
	for _, o := range []struct {
		name string
		f    func(x, y vec) vec
	}{{"sum", func(x, y vec) vec { return x.add(y) }}, {"top", func(x, y vec) vec { return orNaN(x, x.max(y)) }}} {
		TEXT("f"+o.name+e.name, NOSPLIT, fmt.Sprintf("func(dst, src *%s, n int)", e.goType))
		Pragma("noescape")
		dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64())
		acc := make([]vec, panelBytes/e.width())
		for i := range acc {
			acc[i] = e.loadVec(Mem{Base: src, Disp: i * e.width()})
		}
		Label("loop")
		DECQ(n)
		JZ(LabelRef("end"))
		ADDQ(U32(panelBytes), src)
		for i, a := range acc {
			a.set(o.f(a, e.loadVec(Mem{Base: src, Disp: i * e.width()})))
		}
		JMP(LabelRef("loop"))
		Label("end")
		for i, a := range acc {
			a.store(Mem{Base: dst, Disp: i * e.width()})
		}
		VZEROUPPER()
		RET()
	}
}
