package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// mask says yes or no for each lane: a mask register or, for AVX2, a vector whose
// lanes are all ones or all zeros.
type mask struct {
	e element
	r Register
}

func (e element) mask() mask {
	if e.half {
		return mask{e, YMM()}
	}
	return mask{e, K()}
}

// Predicates of comparisons, false where either is no number but for the last three.
const (
	equal      = 0
	less       = 1
	atMost     = 2
	notLess    = 13 // ≥
	greater    = 14
	unknown    = 3 // either is no number
	unlike     = 4
	notAtLeast = 25
)

// compare gives the lanes where v OP o.
func (v vec) compare(op uint64, o vec) mask {
	k := v.e.mask()
	byType(v.e, VCMPPS, VCMPPD)(Imm(op), o.op(), v.reg(), k.r)
	return k
}

// comparec gives the lanes where v OP x.
func (v vec) comparec(op uint64, x float64) mask {
	k := v.e.mask()
	single, double := VCMPPS_BCST, VCMPPD_BCST
	if v.e.half {
		single, double = VCMPPS, VCMPPD
	}
	byType(v.e, single, double)(Imm(op), v.e.constant(x), v.reg(), k.r)
	return k
}

func (k mask) and(o mask) mask {
	out := k.e.mask()
	if k.e.half {
		VPAND(o.r, k.r, out.r)
	} else {
		KANDW(o.r, k.r, out.r)
	}
	return out
}

// negative gives the lanes whose sign is set. For AVX2 it serves [vec.pick] and
// [vec.put] alone, which look at the sign only.
func (v vec) negative() mask {
	if v.e.half {
		return mask{v.e, v.reg()}
	}
	k := v.e.mask()
	if v.e.size == 4 {
		VPMOVD2M(v.reg(), k.r)
	} else {
		VPMOVQ2M(v.reg(), k.r)
	}
	return k
}

// any jumps to a label if a lane says yes, none if no lane does.
func (k mask) any(label string) { k.test(); JNE(LabelRef(label)) }

func (k mask) none(label string) { k.test(); JEQ(LabelRef(label)) }

func (k mask) test() {
	if k.e.half {
		b := k.bits().As32()
		TESTL(b, b)
	} else {
		KORTESTW(k.r, k.r)
	}
}

// bits are those of a mask, one for each lane.
func (k mask) bits() GPVirtual {
	b := GP64()
	switch {
	case !k.e.half:
		KMOVW(k.r, b.As32())
	case k.e.size == 4:
		VMOVMSKPS(k.r, b.As32())
	default:
		VMOVMSKPD(k.r, b.As32())
	}
	return b
}

// pick is o in the lanes of k, v elsewhere.
func (v vec) pick(k mask, o vec) vec {
	if v.e.half {
		out := v.e.vec()
		v.blend(k, o, out)
		return out
	}
	out := v.copy() // into a fresh register the blend would count as reading it
	out.put(k, o)
	return out
}

// put sets v itself to o in the lanes of k.
func (v vec) put(k mask, o vec) {
	if v.m != nil {
		v.set(v.pick(k, o))
		return
	}
	v.blend(k, o, v)
}

func (v vec) blend(k mask, o, to vec) {
	if v.e.half {
		byType(v.e, four(VBLENDVPS), four(VBLENDVPD))(k.r, o.op(), v.reg(), to.r)
		return
	}
	byType(v.e, VBLENDMPS, VBLENDMPD)(o.op(), v.r, k.r, to.r)
}

// only is v in the lanes of k, zero elsewhere.
func (v vec) only(k mask) vec {
	out := v.e.vec()
	switch {
	case v.e.half:
		VPAND(v.op(), k.r, out.r)
	case v.e.size == 4:
		VMOVAPS_Z(v.reg(), k.r, out.r)
	default:
		VMOVAPD_Z(v.reg(), k.r, out.r)
	}
	return out
}

// first is the mask of the first n lanes, n less than there are.
func (e element) first(n Register) mask {
	k := e.mask()
	if e.half {
		// A window on ones, then zeros, that begins n lanes before the zeros.
		at, back := GP64(), GP64()
		LEAQ(e.onesAndZeros(), at)
		MOVQ(n, back)
		SHLQ(Imm(e.shift()), back)
		SUBQ(back, at)
		VMOVUPS(Mem{Base: at, Disp: e.width()}, k.r)
		return k
	}
	ones := GP64()
	MOVQ(U32(1), ones)
	MOVQ(n, RCX)
	SHLQ(CL, ones)
	DECQ(ones)
	KMOVW(ones.As32(), k.r)
	return k
}

func (e element) onesAndZeros() Mem {
	const key = "ones_and_zeros"
	if m, ok := constants[key]; ok {
		return m
	}
	m := GLOBL(key, attr.RODATA|attr.NOPTR)
	for i := range 8 {
		v := U64(0)
		if i < 4 {
			v = ^v
		}
		DATA(8*i, v)
	}
	constants[key] = m
	return m
}

// loadOnly loads the lanes of k, zeros elsewhere; no other is touched.
func (e element) loadOnly(m Mem, k mask) vec {
	v := e.vec()
	switch {
	case e.half:
		byType(e, three(VMASKMOVPS), three(VMASKMOVPD))(m, k.r, v.r)
	case e.size == 4:
		VMOVUPS_Z(m, k.r, v.r)
	default:
		VMOVUPD_Z(m, k.r, v.r)
	}
	return v
}

// storeOnly stores the lanes of k.
func (v vec) storeOnly(m Mem, k mask) {
	if v.e.half {
		byType(v.e, three(VMASKMOVPS), three(VMASKMOVPD))(v.reg(), k.r, m)
		return
	}
	byType(v.e, VMOVUPS, VMOVUPD)(v.r, k.r, m)
}

// onlyWithin is v where x lies strictly between lo and hi, else zero.
func (v vec) onlyWithin(x, lo, hi vec) vec {
	return v.only(x.compare(greater, lo).and(x.compare(less, hi)))
}
