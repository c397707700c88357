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

// splineArgs are the pointers of a spline kernel, and memory behind the exponentials.
type splineArgs struct {
	h, step, k, c, scratch Register
	*shelf
}

func loadSplineArgs(e element) splineArgs {
	a := splineArgs{h: Load(Param("h"), GP64()), step: Load(Param("step"), GP64()),
		k: Load(Param("k"), GP64()), c: Load(Param("c"), GP64()), scratch: Load(Param("scratch"), GP64())}
	behind := GP64()
	MOVQ(U32(uint32(2*e.width())), behind)
	IMULQ(a.k, behind)
	ADDQ(a.scratch, behind)
	a.shelf = &shelf{base: behind}
	return a
}

// number is one of those at c, in all lanes.
func (a splineArgs) number(e element, i int) vec { return e.spread(Mem{Base: a.c, Disp: i * e.size}) }

// argument is the vector that a pointer among the arguments points at.
func (e element) argument(name string) vec { return e.loadVec(Mem{Base: Load(Param(name), GP64())}) }

// bin is where each lane's argument falls.
type bin struct {
	x, y, dx, dy vec
	raw0, raw1   vec // raw slopes at the ends
	at, last     vec // number of the bin, and of the last one
	iw, ih       vec // free size over the sum of exponentials
}

func (b bin) isFirst() mask { return b.at.comparec(equal, 0) }
func (b bin) isLast() mask  { return b.at.compare(equal, b.last) }

// find is as the Go twin's: softmax, corners, and the bin that holds v.
func (a splineArgs) find(e element, v vec, inverse bool) bin {
	var b bin
	w := e.width()
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
	eh.store(Mem{Base: s, Disp: w})
	sw.set(sw.add(ew))
	sh.set(sh.add(eh))
	ADDQ(a.step, h)
	ADDQ(U32(uint32(2*w)), s)
	DECQ(i)
	JNZ(LabelRef("exponential"))
	b.iw, b.ih = a.keep(a.number(e, cFreeW).div(sw)), a.keep(a.number(e, cFreeH).div(sh))
	// Corners.
	bound := a.number(e, cBound)
	low := bound.neg()
	bound = a.keep(bound)
	minW, minH := a.keep(a.number(e, cMinW)), a.keep(a.number(e, cMinH))
	x, y := low.copy(), low.copy()
	b.x, b.y, b.dx, b.dy = a.keep(low.copy()), a.keep(low.copy()), a.keep(e.zero()), a.keep(e.zero())
	b.raw0, b.raw1, b.at = a.keep(e.zero()), a.keep(e.zero()), a.keep(e.zero())
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
	dy := e.loadVec(Mem{Base: s, Disp: w}).times(b.ih, minH)
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
	ADDQ(U32(uint32(2*w)), s)
	DECQ(i)
	JNZ(LabelRef("corner"))
	b.dx.set(b.dx.maxc(1e-12))
	b.dy.set(b.dy.maxc(1e-12))
	b.last = a.keep(number.addc(-1))
	return b
}

// slope is least + softplus(raw + shift), or least + exp(raw) where exponential,
// and one where edge; with its derivative in raw where wanted.
func (a splineArgs) slope(e element, raw vec, edge func() mask, label string, grad bool) (d, dd vec) {
	d, dd = e.vec(), e.vec()
	exponential := Load(Param("exponential"), GP64())
	TESTQ(exponential, exponential)
	JNZ(LabelRef(label + "exp"))
	z := raw.add(a.number(e, cShift))
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
	d.set(d.add(a.number(e, cMinD)).maxc(1e-12).minc(1e12))
	d.put(edge(), e.all(1))
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

// inside gives the lanes whose argument is in the box.
func (a splineArgs) inside(e element, v vec) mask {
	return v.abs().compare(atMost, a.number(e, cBound))
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
	a := loadSplineArgs(e)
	// x is read anew where it is wanted: registers are short.
	b := a.find(e, e.argument("x"), inverse)
	d0, _ := a.slope(e, b.raw0, b.isFirst, "left", false)
	d0 = a.keep(d0)
	d1, _ := a.slope(e, b.raw1, b.isLast, "right", false)
	d1 = a.keep(d1)
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
	in := a.inside(e, v)
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
	a := loadSplineArgs(e)
	b := a.find(e, e.argument("x"), false)
	// What is wanted again at the end waits behind the exponentials.
	if !e.half {
		b.iw, b.ih, b.at = a.put(b.iw), a.put(b.ih), a.put(b.at)
	}
	d0, dd := a.slope(e, b.raw0, b.isFirst, "left", true)
	d0 = a.keep(d0)
	dd.put(b.isFirst(), e.zero())
	dd0 := a.put(dd)
	d1, dd := a.slope(e, b.raw1, b.isLast, "right", true)
	d1 = a.keep(d1)
	dd.put(b.isLast(), e.zero())
	dd1 := a.put(dd)
	v := a.keep(e.argument("x"))
	xi := a.keep(b.ratio(v, d0, d1, false))
	gy, gl := a.keep(e.argument("gy")), a.keep(e.argument("gl"))
	rest := a.keep(e.all(1).sub(xi))
	s := a.keep(b.dy.div(b.dx))
	t := a.keep(xi.mul(rest))
	w := a.keep(d0.add(d1).sub(s.add(s)))
	den := w.times(t, s)
	xx := a.keep(xi.mul(xi))
	r2 := a.keep(rest.mul(rest))
	num := s.times(xx, d0.mul(t))
	p := d1.times(xx, s.add(s).times(t, d0.mul(r2)))
	iden := e.all(1).div(den)
	r := a.keep(num.mul(iden))
	gn := a.keep(gy.mul(b.dy).mul(iden))
	gl2 := a.keep(gl.add(gl))
	gd := a.keep(gn.mul(r).add(gl2.mul(iden)).neg())
	gp := a.keep(gl.div(p))
	gt := gn.mul(d0).add(gd.mul(w)).add(gp.mul(s).mulc(2))
	gxi := a.keep(gn.mul(s).mul(xi).mulc(2).add(gp.mul(d1.mul(xi).sub(d0.mul(rest))).mulc(2)).add(gt.mul(rest.sub(xi))))
	gs := a.keep(gl2.div(s).add(gn.mul(xx)).add(gd.mul(e.all(1).sub(t.add(t)))).add(gp.mul(t).mulc(2)))
	in := a.inside(e, v)
	dd0.set(dd0.mul(gn.mul(t).add(gd.mul(t)).add(gp.mul(r2))).only(in))
	dd1.set(dd1.mul(gd.mul(t).add(gp.mul(xx))).only(in))
	idx := e.all(1).div(b.dx)
	gx := gxi.mul(idx)
	gy.pick(in, gx).store(Mem{Base: Load(Param("gx"), GP64())})
	// Corner and size, in x and in y.
	gdx := gs.mul(s).add(gxi.mul(xi)).mul(idx).neg()
	gdy := gy.mul(r).add(gs.mul(idx))
	gX, gY := gx.neg(), gy.copy()
	// The size of the last bin is what the corner leaves.
	last := b.isLast()
	gX.put(last, gX.sub(gdx))
	gdx.put(last, e.zero())
	gY.put(last, gY.sub(gdy))
	gdy.put(last, e.zero())
	corners, sizes := []vec{a.put(gX.only(in)), a.put(gY.only(in))}, []vec{a.put(gdx.only(in)), a.put(gdy.only(in))}
	out := Load(Param("gh"), GP64())
	for axis, share := range []vec{b.iw, b.ih} {
		spread(e, a, out, axis, share, b.at, corners[axis], sizes[axis])
	}
	// Slopes: the two at the ends of the bin.
	at, g0, g1 := b.at.copy(), dd0.copy(), dd1.copy()
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
// sum and the softmax to the k logits of one axis, and steps out over them. Share is
// the free size over the sum of exponentials, at the number of the bin.
func spread(e element, a splineArgs, out Register, axis int, share, at, corner, size vec) {
	name := fmt.Sprint("axis", axis)
	share, at, corner, size = share.copy(), at.copy(), corner.copy(), size.copy()
	one := e.all(1)
	s, i := GP64(), GP64()
	MOVQ(a.scratch, s)
	MOVQ(a.k, i)
	base, step := axis*e.width(), U32(uint32(2*e.width()))
	number, mean := e.zero(), e.zero()
	free := a.number(e, []int{cFreeW, cFreeH}[axis])
	inv := share.div(free) // one over the sum
	inv.put(free.comparec(equal, 0), e.zero())
	Label(name + "mean")
	d := corner.only(number.compare(less, at))
	d.put(number.compare(equal, at), size)
	mean.set(d.times(e.loadVec(Mem{Base: s, Disp: base}), mean))
	number.set(number.add(one))
	ADDQ(step, s)
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
	ADDQ(step, s)
	ADDQ(a.step, out)
	DECQ(i)
	JNZ(LabelRef(name + "spread"))
}
