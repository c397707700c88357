package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// vec is one vector of an element type, and what can be done with it. Each
// method emits one instruction, or a few, into a fresh register.
type vec struct {
	e element
	r VecVirtual
}

// byType picks the instruction of the element type.
func byType(e element, single, double func(...Op)) func(...Op) {
	if e.size == 4 {
		return single
	}
	return double
}

func (e element) vec() vec { return vec{e, ZMM()} }

// lanes is the number of elements in a vector.
func (e element) lanes() int { return 64 / e.size }

// constants holds the place of every number that kernels use.
var constants = map[string]Mem{}

// constant is a number in read-only memory.
func (e element) constant(x float64) Mem {
	key := fmt.Sprintf("c%s_%x", e.name, math.Float64bits(x))
	if m, ok := constants[key]; ok {
		return m
	}
	var m Mem
	switch {
	case e.size == 4 && math.IsInf(x, 0): // as bits: the assembler reads no infinities
		m = ConstData(key, U32(math.Float32bits(float32(x))))
	case e.size == 4:
		m = ConstData(key, F32(float32(x)))
	case math.IsInf(x, 0):
		m = ConstData(key, U64(math.Float64bits(x)))
	default:
		m = ConstData(key, F64(x))
	}
	constants[key] = m
	return m
}

// all is a vector of one number.
func (e element) all(x float64) vec {
	v := e.vec()
	e.broadcast(e.constant(x), v.r)
	return v
}

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

// loadTail loads the lanes of k, zeros elsewhere.
func (e element) loadTail(m Mem, k Register) vec {
	v := e.vec()
	if e.size == 4 {
		VMOVUPS_Z(m, k, v.r)
	} else {
		VMOVUPD_Z(m, k, v.r)
	}
	return v
}

func (v vec) store(m Mem) { v.e.load(v.r, m) }

func (v vec) storeTail(m Mem, k Register) { byType(v.e, VMOVUPS, VMOVUPD)(v.r, k, m) }

func (v vec) copy() vec {
	o := v.e.vec()
	byType(v.e, VMOVAPS, VMOVAPD)(v.r, o.r)
	return o
}

func (v vec) op2(single, double func(...Op), o vec) vec {
	out := v.e.vec()
	byType(v.e, single, double)(o.r, v.r, out.r)
	return out
}

func (v vec) op2c(single, double func(...Op), x float64) vec {
	out := v.e.vec()
	byType(v.e, single, double)(v.e.constant(x), v.r, out.r)
	return out
}

func (v vec) add(o vec) vec { return v.op2(VADDPS, VADDPD, o) }
func (v vec) sub(o vec) vec { return v.op2(VSUBPS, VSUBPD, o) }
func (v vec) mul(o vec) vec { return v.op2(VMULPS, VMULPD, o) }
func (v vec) div(o vec) vec { return v.op2(VDIVPS, VDIVPD, o) }

// max and min give o where either is no number.
func (v vec) max(o vec) vec { return v.op2(VMAXPS, VMAXPD, o) }
func (v vec) min(o vec) vec { return v.op2(VMINPS, VMINPD, o) }

func (v vec) addc(x float64) vec { return v.op2c(VADDPS_BCST, VADDPD_BCST, x) }
func (v vec) mulc(x float64) vec { return v.op2c(VMULPS_BCST, VMULPD_BCST, x) }

// minc and maxc keep a v that is no number.
func (v vec) minc(x float64) vec { return v.e.all(x).min(v) }
func (v vec) maxc(x float64) vec { return v.e.all(x).max(v) }

// times returns v·a + b in a register of its own.
func (v vec) times(a, b vec) vec {
	out := v.copy()
	byType(v.e, VFMADD213PS, VFMADD213PD)(b.r, a.r, out.r)
	return out
}

// timesc returns v·a + x.
func (v vec) timesc(a vec, x float64) vec {
	out := v.copy()
	byType(v.e, VFMADD213PS_BCST, VFMADD213PD_BCST)(v.e.constant(x), a.r, out.r)
	return out
}

// scaled returns v·x + b.
func (v vec) scaled(x float64, b vec) vec {
	out := b.copy()
	byType(v.e, VFMADD231PS_BCST, VFMADD231PD_BCST)(v.e.constant(x), v.r, out.r)
	return out
}

// minus returns b - v·a.
func (v vec) minus(a, b vec) vec {
	out := v.copy()
	byType(v.e, VFNMADD213PS, VFNMADD213PD)(b.r, a.r, out.r)
	return out
}

// polynomial is c[0] + c[1] v + c[2] v² + ….
func (v vec) polynomial(c []float64) vec {
	p := v.e.all(c[len(c)-1])
	for i := len(c) - 2; i >= 0; i-- {
		byType(v.e, VFMADD213PS_BCST, VFMADD213PD_BCST)(v.e.constant(c[i]), v.r, p.r)
	}
	return p
}

func (v vec) sqrt() vec {
	out := v.e.vec()
	byType(v.e, VSQRTPS, VSQRTPD)(v.r, out.r)
	return out
}

// round is to the nearest whole number (imm 8), floor to the one below (imm 9).
func (v vec) round(imm uint64) vec {
	out := v.e.vec()
	byType(v.e, VRNDSCALEPS, VRNDSCALEPD)(Imm(imm), v.r, out.r)
	return out
}

// scale is v·2^n.
func (v vec) scale(n vec) vec {
	out := v.e.vec()
	byType(v.e, VSCALEFPS, VSCALEFPD)(n.r, v.r, out.r)
	return out
}

func (v vec) bits(and bool, mask uint64) vec {
	out := v.e.vec()
	var m Mem
	key := fmt.Sprintf("b%s_%x", v.e.name, mask)
	if have, ok := constants[key]; ok {
		m = have
	} else if v.e.size == 4 {
		m = ConstData(key, U32(uint32(mask)))
	} else {
		m = ConstData(key, U64(mask))
	}
	constants[key] = m
	switch {
	case and:
		byType(v.e, VPANDD_BCST, VPANDQ_BCST)(m, v.r, out.r)
	default:
		byType(v.e, VPXORD_BCST, VPXORQ_BCST)(m, v.r, out.r)
	}
	return out
}

func (e element) sign() uint64 { return 1 << (8*e.size - 1) }

func (v vec) abs() vec    { return v.bits(true, v.e.sign()-1) }
func (v vec) neg() vec    { return v.bits(false, v.e.sign()) }
func (v vec) signOf() vec { return v.bits(true, v.e.sign()) }

func (v vec) or(o vec) vec { return v.op2(VPORD, VPORQ, o) }

// Predicates of comparisons, false where either is no number but for notLess.
const (
	equal   = 0
	less    = 1
	atMost  = 2
	notLess = 13 // ≥, false for NaN
	greater = 14
)

// compare gives the lanes where v OP o.
func (v vec) compare(op uint64, o vec) Register {
	k := K()
	byType(v.e, VCMPPS, VCMPPD)(Imm(op), o.r, v.r, k)
	return k
}

// comparec gives the lanes where v OP x.
func (v vec) comparec(op uint64, x float64) Register {
	k := K()
	byType(v.e, VCMPPS_BCST, VCMPPD_BCST)(Imm(op), v.e.constant(x), v.r, k)
	return k
}

// pick is o in the lanes of k, v elsewhere.
func (v vec) pick(k Register, o vec) vec {
	out := v.copy() // into a fresh register the blend would count as reading it
	out.put(k, o)
	return out
}

// put sets v itself to o in the lanes of k.
func (v vec) put(k Register, o vec) { byType(v.e, VBLENDMPS, VBLENDMPD)(o.r, v.r, k, v.r) }

// set makes v itself o.
func (v vec) set(o vec) { byType(v.e, VMOVAPS, VMOVAPD)(o.r, v.r) }

// only is v in the lanes of k, zero elsewhere.
func (v vec) only(k Register) vec {
	out := v.e.vec()
	if v.e.size == 4 {
		VMOVAPS_Z(v.r, k, out.r)
	} else {
		VMOVAPD_Z(v.r, k, out.r)
	}
	return out
}

// zero is loaded: a register exclusive-or itself would count as read before.
func (e element) zero() vec { return e.all(0) }
