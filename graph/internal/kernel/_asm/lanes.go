package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// vec is one vector of an element type, 64 bytes for AVX-512 or 32 for AVX2, and
// what can be done with it. Each method emits one instruction, or a few, into a
// fresh register. Both widths do the same arithmetic in the same order, so that
// they give the same bits.
type vec struct {
	e element
	r VecVirtual
	m *Mem // where it is kept, if not in the register
}

// reg is the register of v, loaded if v is kept in memory; op is either.
func (v vec) reg() VecVirtual {
	if v.m != nil {
		return v.e.loadVec(*v.m).r
	}
	return v.r
}

func (v vec) op() Op {
	if v.m != nil {
		return *v.m
	}
	return v.r
}

// shelfLines is how many lines of a panel a shelf has: as many as kernel.shelfLines says.
const shelfLines = 16

// shelf is memory for vectors that are wanted again later: AVX2 has 16 registers only.
type shelf struct {
	base Register
	used int // bytes
}

// keep moves a vector to the shelf and forgets its register, if there are 16 only.
func (s *shelf) keep(v vec) vec {
	if !v.e.half {
		return v
	}
	return s.put(v)
}

// put moves a vector to the shelf.
func (s *shelf) put(v vec) vec {
	m := Mem{Base: s.base, Disp: s.used}
	if s.used += v.e.width(); s.used > shelfLines*panelBytes {
		panic("asm: the shelf is full: make both shelfLines larger")
	}
	v.store(m)
	return vec{v.e, nil, &m}
}

// again is what gives a mask: made once, or, if there are 16 registers only, anew each
// time.
func (s *shelf) again(e element, make func() mask) func() mask {
	if e.half {
		return make
	}
	k := make()
	return func() mask { return k }
}

// instruction is an operation for either element type. The forms for all take a
// number in memory as the first argument of every lane, which AVX-512 alone can;
// half is what AVX2 has instead, where it differs.
type instruction struct {
	single, double       func(...Op)
	singleAll, doubleAll func(...Op)
	half                 func(...Op)
}

var (
	iAdd  = instruction{VADDPS, VADDPD, VADDPS_BCST, VADDPD_BCST, nil}
	iSub  = instruction{VSUBPS, VSUBPD, VSUBPS_BCST, VSUBPD_BCST, nil}
	iMul  = instruction{VMULPS, VMULPD, VMULPS_BCST, VMULPD_BCST, nil}
	iDiv  = instruction{VDIVPS, VDIVPD, VDIVPS_BCST, VDIVPD_BCST, nil}
	iMax  = instruction{VMAXPS, VMAXPD, VMAXPS_BCST, VMAXPD_BCST, nil}
	iMin  = instruction{VMINPS, VMINPD, VMINPS_BCST, VMINPD_BCST, nil}
	iFMA  = instruction{VFMADD213PS, VFMADD213PD, VFMADD213PS_BCST, VFMADD213PD_BCST, nil}
	iFMA1 = instruction{VFMADD231PS, VFMADD231PD, VFMADD231PS_BCST, VFMADD231PD_BCST, nil}
	iNFMA = instruction{VFNMADD213PS, VFNMADD213PD, VFNMADD213PS_BCST, VFNMADD213PD_BCST, nil}
	iAnd  = instruction{VPANDD, VPANDQ, VPANDD_BCST, VPANDQ_BCST, three(VPAND)}
	iXor  = instruction{VPXORD, VPXORQ, VPXORD_BCST, VPXORQ_BCST, three(VPXOR)}
	iOr   = instruction{VPORD, VPORQ, VPORD_BCST, VPORQ_BCST, three(VPOR)}
	iPlus = instruction{VPADDD, VPADDQ, VPADDD_BCST, VPADDQ_BCST, nil}
)

func three(f func(a, b, c Op)) func(...Op) { return func(o ...Op) { f(o[0], o[1], o[2]) } }
func four(f func(a, b, c, d Op)) func(...Op) {
	return func(o ...Op) { f(o[0], o[1], o[2], o[3]) }
}

// byType picks the instruction of the element type.
func byType(e element, single, double func(...Op)) func(...Op) {
	if e.size == 4 {
		return single
	}
	return double
}

func (e element) emit(i instruction, ops ...Op) {
	if e.half && i.half != nil {
		i.half(ops...)
		return
	}
	byType(e, i.single, i.double)(ops...)
}

// emitAll emits an instruction whose first argument is the number at m.
func (e element) emitAll(i instruction, m Mem, ops ...Op) {
	ops = append([]Op{m}, ops...)
	if e.half {
		e.emit(i, ops...)
		return
	}
	byType(e, i.singleAll, i.doubleAll)(ops...)
}

func (e element) vec() vec {
	if e.half {
		return vec{e, YMM(), nil}
	}
	return vec{e, ZMM(), nil}
}

// width is the number of bytes in a vector, lanes that of elements.
func (e element) width() int {
	if e.half {
		return 32
	}
	return 64
}
func (e element) lanes() int { return e.width() / e.size }

// constants holds the place of every number that kernels use.
var constants = map[string]Mem{}

// data is a number in read-only memory: once, or for AVX2 as often as there are
// lanes.
func (e element) data(key string, c Constant) Mem {
	if m, ok := constants[key]; ok {
		return m
	}
	var m Mem
	if e.half {
		m = GLOBL(key, attr.RODATA|attr.NOPTR)
		for i := range e.lanes() {
			DATA(i*e.size, c)
		}
	} else {
		m = ConstData(key, c)
	}
	constants[key] = m
	return m
}

func (e element) constant(x float64) Mem {
	key := fmt.Sprintf("c%s_%x", e.name, math.Float64bits(x))
	switch {
	case e.size == 4 && math.IsInf(x, 0): // as bits: the assembler reads no infinities
		return e.data(key, U32(math.Float32bits(float32(x))))
	case e.size == 4:
		return e.data(key, F32(float32(x)))
	case math.IsInf(x, 0):
		return e.data(key, U64(math.Float64bits(x)))
	}
	return e.data(key, F64(x))
}

func (e element) pattern(bits uint64) Mem {
	key := fmt.Sprintf("b%s_%x", e.name, bits)
	if e.size == 4 {
		return e.data(key, U32(uint32(bits)))
	}
	return e.data(key, U64(bits))
}

// all is a vector of one number.
func (e element) all(x float64) vec { return e.spread(e.constant(x)) }

// zero is loaded: a register exclusive-or itself would count as read before.
func (e element) zero() vec { return e.all(0) }

// spread is a vector of the number at m.
func (e element) spread(m Mem) vec {
	v := e.vec()
	e.broadcast(m, v.r)
	return v
}

func (e element) loadVec(m Mem) vec {
	v := e.vec()
	e.load(m, v.r)
	return v
}

// clear makes a register zero.
func (e element) clear(z Register) {
	if e.half {
		VXORPS(z, z, z)
	} else {
		VPXORQ(z, z, z)
	}
}

func (v vec) store(m Mem) { v.e.load(v.reg(), m) }

func (v vec) copy() vec {
	o := v.e.vec()
	o.set(v)
	return o
}

// set makes v itself o.
func (v vec) set(o vec) {
	switch {
	case v.m != nil:
		o.store(*v.m)
	case o.m != nil:
		v.e.load(*o.m, v.r)
	default:
		byType(v.e, VMOVAPS, VMOVAPD)(o.r, v.r)
	}
}

func (v vec) with(i instruction, o vec) vec {
	out := v.e.vec()
	v.e.emit(i, o.op(), v.reg(), out.r)
	return out
}

func (v vec) withAll(i instruction, m Mem) vec {
	out := v.e.vec()
	v.e.emitAll(i, m, v.reg(), out.r)
	return out
}

func (v vec) add(o vec) vec { return v.with(iAdd, o) }
func (v vec) sub(o vec) vec { return v.with(iSub, o) }
func (v vec) mul(o vec) vec { return v.with(iMul, o) }
func (v vec) div(o vec) vec { return v.with(iDiv, o) }

// max and min give o where either is no number.
func (v vec) max(o vec) vec { return v.with(iMax, o) }
func (v vec) min(o vec) vec { return v.with(iMin, o) }

func (v vec) addc(x float64) vec { return v.withAll(iAdd, v.e.constant(x)) }
func (v vec) mulc(x float64) vec { return v.withAll(iMul, v.e.constant(x)) }

// minc and maxc keep a v that is no number.
func (v vec) minc(x float64) vec { return v.e.all(x).min(v) }
func (v vec) maxc(x float64) vec { return v.e.all(x).max(v) }

// times returns v·a + b in a register of its own.
func (v vec) times(a, b vec) vec {
	out := v.copy()
	v.e.emit(iFMA, b.op(), a.reg(), out.r)
	return out
}

// timesc returns v·a + x.
func (v vec) timesc(a vec, x float64) vec {
	out := v.copy()
	v.e.emitAll(iFMA, v.e.constant(x), a.reg(), out.r)
	return out
}

// scaled returns v·x + b.
func (v vec) scaled(x float64, b vec) vec {
	out := b.copy()
	v.e.emitAll(iFMA1, v.e.constant(x), v.reg(), out.r)
	return out
}

// minus returns b - v·a.
func (v vec) minus(a, b vec) vec {
	out := v.copy()
	v.e.emit(iNFMA, b.op(), a.reg(), out.r)
	return out
}

// polynomial is c[0] + c[1] v + c[2] v² + ….
func (v vec) polynomial(c []float64) vec {
	p, x := v.e.all(c[len(c)-1]), v.reg()
	for i := len(c) - 2; i >= 0; i-- {
		v.e.emitAll(iFMA, v.e.constant(c[i]), x, p.r)
	}
	return p
}

func (v vec) sqrt() vec {
	out := v.e.vec()
	byType(v.e, VSQRTPS, VSQRTPD)(v.op(), out.r)
	return out
}

// round is to the nearest whole number (imm 8), floor to the one below (imm 9).
func (v vec) round(imm uint64) vec {
	out := v.e.vec()
	single, double := VRNDSCALEPS, VRNDSCALEPD
	if v.e.half {
		single, double = three(VROUNDPS), three(VROUNDPD)
	}
	byType(v.e, single, double)(Imm(imm), v.op(), out.r)
	return out
}

// digits is the number of bits behind the point of a number in [1, 2), bias what
// is added to its exponent.
func (e element) digits() uint64 {
	if e.size == 4 {
		return 23
	}
	return 52
}
func (e element) bias() float64 {
	if e.size == 4 {
		return 127
	}
	return 1023
}

func (v vec) shiftLeft(n uint64) vec {
	out := v.e.vec()
	byType(v.e, VPSLLD, VPSLLQ)(Imm(n), v.reg(), out.r)
	return out
}

func (v vec) shiftRight(n uint64) vec {
	out := v.e.vec()
	byType(v.e, VPSRLD, VPSRLQ)(Imm(n), v.reg(), out.r)
	return out
}

// scale is v·2ⁿ for whole n.
func (v vec) scale(n vec) vec {
	if !v.e.half {
		out := v.e.vec()
		byType(v.e, VSCALEFPS, VSCALEFPD)(n.op(), v.reg(), out.r)
		return out
	}
	// In two steps, which are powers of two each and round at most once.
	first := n.mulc(0.5).round(9)
	return v.mul(first.power()).mul(n.sub(first).power())
}

// power is 2ⁿ for whole n of a size that gives a normal number: n and the bias,
// added to a number that has its last digit at one, are the exponent.
func (n vec) power() vec {
	d := n.e.digits()
	return n.addc(math.Ldexp(1, int(d)) + n.e.bias()).shiftLeft(d)
}

func (e element) sign() uint64 { return 1 << (8*e.size - 1) }

func (v vec) abs() vec          { return v.withAll(iAnd, v.e.pattern(v.e.sign()-1)) }
func (v vec) neg() vec          { return v.withAll(iXor, v.e.pattern(v.e.sign())) }
func (v vec) signOf() vec       { return v.withAll(iAnd, v.e.pattern(v.e.sign())) }
func (v vec) or(o vec) vec      { return v.with(iOr, o) }
func (v vec) xor(o vec) vec     { return v.with(iXor, o) }
func (v vec) orc(b uint64) vec  { return v.withAll(iOr, v.e.pattern(b)) }
func (v vec) andc(b uint64) vec { return v.withAll(iAnd, v.e.pattern(b)) }
func (v vec) plus(b uint64) vec { return v.withAll(iPlus, v.e.pattern(b)) }

// shift is the logarithm of the element's size.
func (e element) shift() uint64 {
	if e.size == 8 {
		return 3
	}
	return 2
}
