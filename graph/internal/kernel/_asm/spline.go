package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Numbers that the spline kernels find at c.
const (
	cBound = iota // half the box
	cMinW         // 2 bound · least width, as a share
	cFreeW        // 2 bound · what the softmax shares out
	cMinH         // the same for heights
	cFreeH        //
	cMinD         // least slope
	cShift        // of the raw slopes
)

// splineArgs are the pointers of a spline kernel.
type splineArgs struct {
	h, step, k, c, scratch Register
}

// argument is the vector that a pointer among the arguments points at.
func (e element) argument(name string) vec { return e.loadVec(Mem{Base: Load(Param(name), GP64())}) }

// bin is where each lane's argument falls.
type bin struct {
	x, y, dx, dy vec
	raw0, raw1   vec // raw slopes at the ends
	first, last  mask
	at           vec // number of the bin
	iw, ih       vec // free size over the sum of exponentials
}

// find is as the Go twin's: softmax, corners, and the bin that holds v.
func (a splineArgs) find(e element, v vec, inverse bool) bin {
	num := func(i int) Mem { return Mem{Base: a.c, Disp: i * e.size} }
	var b bin
	// The largest logits.
	h, i, hstep := GP64(), GP64(), GP64()
	MOVQ(a.step, hstep)
	IMULQ(a.k, hstep) // from the widths to the heights
	MOVQ(a.h, h)
	mw, mh := e.loadVec(Mem{Base: h}), e.loadVec(Mem{Base: h, Index: hstep, Scale: 1})
	MOVQ(a.k, i)
	Label("largest")
	ADDQ(a.step, h)
	DECQ(i)
	JZ(LabelRef("exponentials"))
	mw.set(mw.max(e.loadVec(Mem{Base: h})))
	mh.set(mh.max(e.loadVec(Mem{Base: h, Index: hstep, Scale: 1})))
	JMP(LabelRef("largest"))
	// Exponentials and their sums; widths and heights side by side in scratch.
	Label("exponentials")
	s := GP64()
	MOVQ(a.h, h)
	MOVQ(a.scratch, s)
	MOVQ(a.k, i)
	sw, sh := e.zero(), e.zero()
	Label("exponential")
	ew := e.loadVec(Mem{Base: h}).sub(mw).exp()
	eh := e.loadVec(Mem{Base: h, Index: hstep, Scale: 1}).sub(mh).exp()
	ew.store(Mem{Base: s})
	eh.store(Mem{Base: s, Disp: 64})
	sw.set(sw.add(ew))
	sh.set(sh.add(eh))
	ADDQ(a.step, h)
	ADDQ(U32(128), s)
	DECQ(i)
	JNZ(LabelRef("exponential"))
	b.iw, b.ih = e.spread(num(cFreeW)).div(sw), e.spread(num(cFreeH)).div(sh)
	// Corners.
	bound := e.spread(num(cBound))
	low := bound.neg()
	minW, minH := e.spread(num(cMinW)), e.spread(num(cMinH))
	x, y := low.copy(), low.copy()
	b.x, b.y, b.dx, b.dy = low.copy(), low.copy(), e.zero(), e.zero()
	b.raw0, b.raw1, b.at = e.zero(), e.zero(), e.zero()
	number, one := e.zero(), e.all(1)
	slopes, prior, end := GP64(), GP64(), GP64()
	LEAQ(Mem{Base: a.h, Index: hstep, Scale: 2}, slopes)
	MOVQ(slopes, prior) // read, and not used, in the first bin
	MOVQ(a.scratch, s)
	MOVQ(a.k, i)
	// The raw slope behind the last bin does not exist: read the one before.
	MOVQ(hstep, end)
	SUBQ(a.step, end)
	SUBQ(a.step, end)
	ADDQ(slopes, end)
	CMPQ(a.k, Imm(1))
	JNE(LabelRef("corner"))
	MOVQ(a.h, slopes) // one bin: no slopes at all
	MOVQ(a.h, prior)
	MOVQ(a.h, end)
	Label("corner")
	dx := e.loadVec(Mem{Base: s}).times(b.iw, minW)
	dy := e.loadVec(Mem{Base: s, Disp: 64}).times(b.ih, minH)
	CMPQ(i, Imm(1))
	JNE(LabelRef("inner"))
	// The last corner is the bound itself.
	dx.set(bound.sub(x))
	dy.set(bound.sub(y))
	MOVQ(end, slopes)
	Label("inner")
	edge := x
	if inverse {
		edge = y
	}
	k := v.compare(notLess, edge)
	b.x.put(k, x)
	b.y.put(k, y)
	b.dx.put(k, dx)
	b.dy.put(k, dy)
	b.raw0.put(k, e.loadVec(Mem{Base: prior}))
	b.raw1.put(k, e.loadVec(Mem{Base: slopes}))
	b.at.put(k, number)
	x.set(x.add(dx))
	y.set(y.add(dy))
	number.set(number.add(one))
	MOVQ(slopes, prior)
	ADDQ(a.step, slopes)
	ADDQ(U32(128), s)
	DECQ(i)
	JNZ(LabelRef("corner"))
	b.dx, b.dy = b.dx.maxc(1e-12), b.dy.maxc(1e-12)
	b.first = b.at.comparec(equal, 0)
	b.last = b.at.compare(equal, number.addc(-1))
	return b
}

// slope is least + softplus(raw + shift), or least + exp(raw) where exponential,
// and one where edge; with its derivative in raw where wanted.
func (a splineArgs) slope(e element, raw vec, edge mask, label string, grad bool) (d, dd vec) {
	d, dd = e.vec(), e.vec()
	exponential := Load(Param("exponential"), GP64())
	TESTQ(exponential, exponential)
	JNZ(LabelRef(label + "exp"))
	z := raw.add(e.spread(Mem{Base: a.c, Disp: cShift * e.size}))
	ez := z.expOfNegAbs()
	d.set(z.maxc(0).add(ez.log1p()))
	if grad {
		num := ez.pick(z.comparec(notLess, 0), e.all(1))
		dd.set(num.div(ez.addc(1)))
	}
	JMP(LabelRef(label + "done"))
	Label(label + "exp")
	ex := raw.exp()
	d.set(ex)
	if grad {
		dd.set(ex)
	}
	Label(label + "done")
	d.set(d.add(e.spread(Mem{Base: a.c, Disp: cMinD * e.size})).maxc(1e-12).minc(1e12))
	d.put(edge, e.all(1))
	return d, dd
}

// ratio is the position in the bin.
func (b bin) ratio(v, d0, d1 vec, inverse bool) vec {
	zero, one := v.e.zero(), v.e.all(1)
	clamp := func(t vec) vec { return one.min(zero.max(t)) }
	if !inverse {
		return clamp(v.sub(b.x).div(b.dx))
	}
	s := b.dy.div(b.dx)
	t := clamp(v.sub(b.y).div(b.dy)).mul(b.dy)
	w := d0.add(d1).sub(s.add(s))
	qa := t.times(w, b.dy.mul(s.sub(d0)))
	qb := t.minus(w, b.dy.mul(d0))
	c := s.mul(t).neg()
	disc := zero.max(qa.mul(c).mulc(4).neg().add(qb.mul(qb)))
	den := qb.add(disc.sqrt()).neg()
	xi := clamp(c.add(c).div(den))
	xi.put(den.comparec(equal, 0), zero)
	return xi
}

// splineValue maps lines: x and the parameters of one column to values and
// log-slopes, one vector of them.
func splineValue(e element, inverse bool) {
	name := "spline"
	if inverse {
		name = "splineinv"
	}
	TEXT(name+e.name, NOSPLIT, fmt.Sprintf("func(y, l, x, h *%[1]s, step, k int, c, scratch *%[1]s, exponential int)", e.goType))
	Pragma("noescape")
	a := splineArgs{h: Load(Param("h"), GP64()), step: Load(Param("step"), GP64()),
		k: Load(Param("k"), GP64()), c: Load(Param("c"), GP64()), scratch: Load(Param("scratch"), GP64())}
	// x is read anew where it is wanted: registers are short.
	b := a.find(e, e.argument("x"), inverse)
	d0, _ := a.slope(e, b.raw0, b.first, "left", false)
	d1, _ := a.slope(e, b.raw1, b.last, "right", false)
	v := e.argument("x")
	xi := b.ratio(v, d0, d1, inverse)
	one := e.all(1)
	s := b.dy.div(b.dx)
	rest := one.sub(xi)
	t := xi.mul(rest)
	den := d0.add(d1).sub(s.add(s)).times(t, s)
	xx := xi.mul(xi)
	p := d1.times(xx, s.add(s).times(t, d0.mul(rest).mul(rest)))
	q := s.div(den)
	l := p.mul(q.mul(q)).log()
	var out vec
	if inverse {
		out, l = xi.times(b.dx, b.x), l.neg()
	} else {
		num := s.times(xx, d0.mul(t))
		out = b.dy.mul(num.div(den)).add(b.y)
	}
	bound := e.spread(Mem{Base: a.c})
	in := v.abs().compare(atMost, bound)
	v.pick(in, out).store(Mem{Base: Load(Param("y"), GP64())})
	l.only(in).store(Mem{Base: Load(Param("l"), GP64())})
	VZEROUPPER()
	RET()
}

// splineGrad carries gradients gy, gl in value and log-slope back to x and the
// parameters.
func splineGrad(e element) {
	TEXT("splinegrad"+e.name, NOSPLIT, fmt.Sprintf("func(gx, gh, x, h, gy, gl *%[1]s, step, k int, c, scratch *%[1]s, exponential int)", e.goType))
	Pragma("noescape")
	a := splineArgs{h: Load(Param("h"), GP64()), step: Load(Param("step"), GP64()),
		k: Load(Param("k"), GP64()), c: Load(Param("c"), GP64()), scratch: Load(Param("scratch"), GP64())}
	b := a.find(e, e.argument("x"), false)
	// What is needed again at the end waits behind the exponentials.
	keep := GP64()
	MOVQ(a.k, keep)
	SHLQ(Imm(7), keep)
	ADDQ(a.scratch, keep)
	put := func(i int, v vec) { v.store(Mem{Base: keep, Disp: 64 * i}) }
	get := func(i int) vec { return e.loadVec(Mem{Base: keep, Disp: 64 * i}) }
	put(0, b.iw)
	put(1, b.ih)
	put(2, b.at)
	d0, dd0 := a.slope(e, b.raw0, b.first, "left", true)
	dd0.put(b.first, e.zero())
	put(3, dd0)
	d1, dd1 := a.slope(e, b.raw1, b.last, "right", true)
	dd1.put(b.last, e.zero())
	put(4, dd1)
	v := e.argument("x")
	in := v.abs().compare(atMost, e.spread(Mem{Base: a.c}))
	xi := b.ratio(v, d0, d1, false)
	gy, gl := e.argument("gy"), e.argument("gl")
	rest := e.all(1).sub(xi)
	s := b.dy.div(b.dx)
	t := xi.mul(rest)
	w := d0.add(d1).sub(s.add(s))
	den := w.times(t, s)
	xx := xi.mul(xi)
	r2 := rest.mul(rest)
	num := s.times(xx, d0.mul(t))
	p := d1.times(xx, s.add(s).times(t, d0.mul(r2)))
	iden := e.all(1).div(den)
	r := num.mul(iden)
	gn := gy.mul(b.dy).mul(iden)
	gl2 := gl.add(gl)
	gd := gn.mul(r).add(gl2.mul(iden)).neg()
	gp := gl.div(p)
	gt := gn.mul(d0).add(gd.mul(w)).add(gp.mul(s).mulc(2))
	gxi := gn.mul(s).mul(xi).mulc(2).add(gp.mul(d1.mul(xi).sub(d0.mul(rest))).mulc(2)).add(gt.mul(rest.sub(xi)))
	gs := gl2.div(s).add(gn.mul(xx)).add(gd.mul(e.all(1).sub(t.add(t)))).add(gp.mul(t).mulc(2))
	put(3, get(3).mul(gn.mul(t).add(gd.mul(t)).add(gp.mul(r2))).only(in))
	put(4, get(4).mul(gd.mul(t).add(gp.mul(xx))).only(in))
	idx := e.all(1).div(b.dx)
	gx := gxi.mul(idx)
	gy.pick(in, gx).store(Mem{Base: Load(Param("gx"), GP64())})
	// Corner and size, in x and in y.
	gdx := gs.mul(s).add(gxi.mul(xi)).mul(idx).neg()
	gdy := gy.mul(r).add(gs.mul(idx))
	gX, gY := gx.neg(), gy.copy()
	// The size of the last bin is what the corner leaves.
	gX.put(b.last, gX.sub(gdx))
	gdx.put(b.last, e.zero())
	gY.put(b.last, gY.sub(gdy))
	gdy.put(b.last, e.zero())
	put(5, gX.only(in))
	put(6, gdx.only(in))
	put(7, gY.only(in))
	put(8, gdy.only(in))
	out := Load(Param("gh"), GP64())
	for axis, base := range []int{0, 64} {
		spread(e, a, out, keep, axis, base)
	}
	// Slopes: the two at the ends of the bin.
	at, g0, g1 := get(2), get(3), get(4)
	i := GP64()
	MOVQ(a.k, i)
	number, one := e.all(1), e.all(1)
	Label("slope")
	DECQ(i)
	JZ(LabelRef("end"))
	v0 := g0.only(at.compare(equal, number))
	v0.put(at.compare(equal, number.sub(one)), g1)
	v0.store(Mem{Base: out})
	number.set(number.add(one))
	ADDQ(a.step, out)
	JMP(LabelRef("slope"))
	Label("end")
	VZEROUPPER()
	RET()
}

// spread carries the gradient in a bin's corner and size through the cumulative
// sum and the softmax to the k logits of one axis, and steps out over them.
func spread(e element, a splineArgs, out, keep Register, axis, base int) {
	name := fmt.Sprint("axis", axis)
	get := func(i int) vec { return e.loadVec(Mem{Base: keep, Disp: 64 * i}) }
	share, at := get(axis), get(2) // free size over sum
	corner, size := get(5+2*axis), get(6+2*axis)
	one := e.all(1)
	s, i := GP64(), GP64()
	MOVQ(a.scratch, s)
	MOVQ(a.k, i)
	number, mean := e.zero(), e.zero()
	free := e.spread(Mem{Base: a.c, Disp: []int{cFreeW, cFreeH}[axis] * e.size})
	inv := share.div(free) // one over the sum
	inv.put(free.comparec(equal, 0), e.zero())
	Label(name + "mean")
	d := corner.only(number.compare(less, at))
	d.put(number.compare(equal, at), size)
	mean.set(d.times(e.loadVec(Mem{Base: s, Disp: base}), mean))
	number.set(number.add(one))
	ADDQ(U32(128), s)
	DECQ(i)
	JNZ(LabelRef(name + "mean"))
	mean.set(mean.mul(inv))
	MOVQ(a.scratch, s)
	MOVQ(a.k, i)
	number.set(e.zero())
	Label(name + "spread")
	d = corner.only(number.compare(less, at))
	d.put(number.compare(equal, at), size)
	e.loadVec(Mem{Base: s, Disp: base}).mul(share).mul(d.sub(mean)).store(Mem{Base: out})
	number.set(number.add(one))
	ADDQ(U32(128), s)
	ADDQ(a.step, out)
	DECQ(i)
	JNZ(LabelRef(name + "spread"))
}
