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

// splineArgs are the pointers of a spline kernel. The exponentials of a bin's width and
// height stand estep bytes behind those of the bin before, height eoff bytes behind width.
type splineArgs struct {
	h, step, k, c     Register
	exps, estep, eoff Register
	*shelf
}

func loadSplineArgs(e element) splineArgs {
	return splineArgs{
		h: Load(Param("h"), GP64()), step: Load(Param("step"), GP64()), k: Load(Param("k"), GP64()), c: Load(Param("c"), GP64()),
		exps: Load(Param("exps"), GP64()), estep: Load(Param("estep"), GP64()), eoff: Load(Param("eoff"), GP64()),
		shelf: &shelf{base: Load(Param("scratch"), GP64())},
	}
}

// exponential is where that of a bin stands, given that of its width.
func (a splineArgs) exponential(s Register, axis int) Mem {
	if axis == 0 {
		return Mem{Base: s}
	}
	return Mem{Base: s, Index: a.eoff, Scale: 1}
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
	iw, ih       vec // one over the sum of exponentials
	idx, s       vec // one over dx, and dy/dx
}

func (b bin) isFirst() mask { return b.at.comparec(equal, 0) }
func (b bin) isLast() mask  { return b.at.compare(equal, b.last) }

// shares sets sw and sh to the sums of the exponentials, which are made, or there if
// made says so.
func (a splineArgs) shares(e element, hstep Register, made string, sw, sh vec) {
	h, i, s := GP64(), GP64(), GP64()
	MOVQ(a.exps, s)
	MOVQ(a.k, i)
	if made != "" {
		there := Load(Param(made), GP64())
		TESTQ(there, there)
		JZ(LabelRef("make"))
		Label("there")
		sw.set(sw.add(e.loadVec(a.exponential(s, 0))))
		sh.set(sh.add(e.loadVec(a.exponential(s, 1))))
		ADDQ(a.estep, s)
		DECQ(i)
		JNZ(LabelRef("there"))
		JMP(LabelRef("shared"))
		Label("make")
	}
	// The largest logits.
	MOVQ(a.h, h)
	mw, mh := e.loadVec(Mem{Base: h}), e.loadVec(Mem{Base: h, Index: hstep, Scale: 1})
	Label("largest")
	ADDQ(a.step, h)
	DECQ(i)
	JZ(LabelRef("exponentials"))
	mw.set(mw.max(e.loadVec(Mem{Base: h})))
	mh.set(mh.max(e.loadVec(Mem{Base: h, Index: hstep, Scale: 1})))
	JMP(LabelRef("largest"))
	Label("exponentials")
	MOVQ(a.h, h)
	MOVQ(a.k, i)
	Label("exponential")
	ew := e.loadVec(Mem{Base: h}).sub(mw).expOfNegative()
	eh := e.loadVec(Mem{Base: h, Index: hstep, Scale: 1}).sub(mh).expOfNegative()
	ew.store(a.exponential(s, 0))
	eh.store(a.exponential(s, 1))
	sw.set(sw.add(ew))
	sh.set(sh.add(eh))
	ADDQ(a.step, h)
	ADDQ(a.estep, s)
	DECQ(i)
	JNZ(LabelRef("exponential"))
	if made != "" {
		Label("shared")
	}
}

// find is as the Go twin's: softmax, corners, and the bin that holds v.
func (a splineArgs) find(e element, v vec, inverse bool, made string) bin {
	var b bin
	hstep := GP64()
	MOVQ(a.step, hstep)
	IMULQ(a.k, hstep) // from the widths to the heights
	sw, sh := e.zero(), e.zero()
	a.shares(e, hstep, made, sw, sh)
	b.iw, b.ih = a.keep(e.all(1).div(sw)), a.keep(e.all(1).div(sh))
	shareW, shareH := a.keep(b.iw.mul(a.number(e, cFreeW))), a.keep(b.ih.mul(a.number(e, cFreeH)))
	// Corners.
	bound := a.number(e, cBound)
	low := bound.neg()
	bound = a.keep(bound)
	minW, minH := a.keep(a.number(e, cMinW)), a.keep(a.number(e, cMinH))
	x, y := low.copy(), low.copy()
	b.x, b.y, b.dx, b.dy = a.keep(low.copy()), a.keep(low.copy()), a.keep(e.zero()), a.keep(e.zero())
	b.raw0, b.raw1, b.at = a.keep(e.zero()), a.keep(e.zero()), a.keep(e.zero())
	number, one := e.zero(), e.all(1)
	s, i, slopes, prior, end := GP64(), GP64(), GP64(), GP64(), GP64()
	LEAQ(Mem{Base: a.h, Index: hstep, Scale: 2}, slopes)
	MOVQ(slopes, prior) // read, and not used, in the first bin
	MOVQ(a.exps, s)
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
	dx := e.loadVec(a.exponential(s, 0)).times(shareW, minW)
	dy := e.loadVec(a.exponential(s, 1)).times(shareH, minH)
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
	ADDQ(a.estep, s)
	DECQ(i)
	JNZ(LabelRef("corner"))
	b.dx.set(b.dx.maxc(1e-12))
	b.dy.set(b.dy.maxc(1e-12))
	b.last = a.keep(number.addc(-1))
	b.idx = a.keep(e.all(1).div(b.dx))
	b.s = a.keep(b.dy.mul(b.idx))
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
	d.set(z.maxc(0).add(ez.log1pOfShare()))
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

// ratio is the position in the bin, and what is left of the bin beyond it. Of the
// inverse, the nearer end is solved for: where slopes are steep, all of the bin's height
// but little may lie within a rounding of the other.
func (b bin) ratio(v, d0, d1 vec, inverse bool) (xi, rest vec) {
	zero, one := v.e.zero(), v.e.all(1)
	clamp := func(t vec) vec { return one.min(zero.max(t)) }
	if !inverse {
		xi = clamp(v.sub(b.x).mul(b.idx))
		return xi, one.sub(xi)
	}
	t := b.dy.min(zero.max(v.sub(b.y)))
	// In the middle of the bin t is dy (s+d0)/(2s+d0+d1).
	two := b.s.add(b.s)
	far := t.mul(two.add(d0).add(d1)).compare(greater, b.dy.mul(b.s.add(d0)))
	t = t.pick(far, b.dy.sub(t))
	end := d0.pick(far, d1)
	w := d0.add(d1).sub(two)
	// a z² + b z - s t = 0, by the form that does not cancel.
	qa := t.times(w, b.dy.mul(b.s.sub(end)))
	qb := t.minus(w, b.dy.mul(end))
	st := two.mul(t)
	root := zero.max(qa.mul(st).add(qa.mul(st)).add(qb.mul(qb))).sqrt()
	sum := qb.abs().add(root)
	below := qb.comparec(less, 0)
	den := sum.pick(below, qa.add(qa))
	z := clamp(st.pick(below, sum).div(den))
	z.put(den.comparec(equal, 0), zero)
	other := one.sub(z)
	return z.pick(far, other), other.pick(far, z)
}

// inside gives the lanes whose argument is in the box.
func (a splineArgs) inside(e element, v vec) mask {
	return v.abs().compare(atMost, a.number(e, cBound))
}

// splineValue maps lines: x and the parameters of one column to values and
// log-slopes, one vector of them. The exponentials stay at exps.
func splineValue(e element, inverse bool) {
	name := "spline"
	if inverse {
		name = "splineinv"
	}
	TEXT(name+e.name, NOSPLIT, fmt.Sprintf("func(y, l, x, h *%[1]s, step, k int, c, scratch, exps *%[1]s, estep, eoff, exponential int)", e.goType))
	Pragma("noescape")
	a := loadSplineArgs(e)
	// x is read anew where it is wanted: registers are short.
	b := a.find(e, e.argument("x"), inverse, "")
	d0, _ := a.slope(e, b.raw0, b.isFirst, "left", false)
	d0 = a.keep(d0)
	d1, _ := a.slope(e, b.raw1, b.isLast, "right", false)
	d1 = a.keep(d1)
	v := e.argument("x")
	xi, rest := b.ratio(v, d0, d1, inverse)
	one := e.all(1)
	s := b.s
	t := xi.mul(rest)
	den := d0.add(d1).sub(s.add(s)).times(t, s)
	xx := xi.mul(xi)
	p := d1.times(xx, s.add(s).times(t, d0.mul(rest).mul(rest)))
	iden := one.div(den)
	q := s.mul(iden)
	l := p.mul(q.mul(q)).log()
	var out vec
	if inverse {
		out, l = xi.times(b.dx, b.x), l.neg()
	} else {
		num := s.times(xx, d0.mul(t))
		out = b.dy.mul(num.mul(iden)).add(b.y)
	}
	in := a.inside(e, v)
	v.pick(in, out).store(Mem{Base: Load(Param("y"), GP64())})
	l.only(in).store(Mem{Base: Load(Param("l"), GP64())})
	VZEROUPPER()
	RET()
}

// splineGrad carries gradients gy, gl in value and log-slope, of the spline or its
// inverse, back to x and the parameters. The exponentials are at exps, if made says so, or stay there. With them at
// h, gh may be h.
func splineGrad(e element, inverse bool) {
	name := "splinegrad"
	if inverse {
		name += "inv"
	}
	TEXT(name+e.name, NOSPLIT, fmt.Sprintf("func(gx, gh, x, h, gy, gl *%[1]s, step, k int, c, scratch, exps *%[1]s, estep, eoff, exponential, made int)", e.goType))
	Pragma("noescape")
	a := loadSplineArgs(e)
	b := a.find(e, e.argument("x"), inverse, "made")
	// What is wanted again at the end waits in memory.
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
	xi, rest := b.ratio(v, d0, d1, inverse)
	xi, rest = a.keep(xi), a.keep(rest)
	s := b.s
	t := a.keep(xi.mul(rest))
	w := a.keep(d0.add(d1).sub(s.add(s)))
	den := w.times(t, s)
	xx := a.keep(xi.mul(xi))
	r2 := a.keep(rest.mul(rest))
	num := s.times(xx, d0.mul(t))
	p := a.keep(d1.times(xx, s.add(s).times(t, d0.mul(r2))))
	iden, ip := a.keep(e.all(1).div(den)), a.keep(e.all(1).div(p))
	r := a.keep(num.mul(iden))
	turn := a.keep(rest.sub(xi)) // dt/dξ
	pxi := d1.mul(xi).sub(d0.mul(rest)).add(s.mul(turn))
	pxi = a.keep(pxi.add(pxi)) // dp/dξ
	in := a.inside(e, v)
	gy, gl := a.keep(e.argument("gy")), a.keep(e.argument("gl"))
	var gx, gxi vec
	if inverse {
		// Of x = f⁻¹(y) and -l, l = log f'(x): dx = (dy - f_h dh)/f', dl = l_x dx + l_h dh.
		// With g that of y, f's gradient in x is -g f' - gl l_x: that of x itself, turned.
		wt := w.mul(turn)
		lx := pxi.mul(ip).sub(wt.add(wt).mul(iden)).mul(b.idx)
		q := s.mul(iden)
		g := gy.sub(gl.mul(lx)).div(p.mul(q).mul(q))
		gy.pick(in, g).store(Mem{Base: Load(Param("gx"), GP64())})
		gx = a.keep(gy.neg())
		gxi = a.keep(gx.mul(b.dx))
		gy, gl = a.keep(g.neg()), a.keep(gl.neg())
	}
	gn := a.keep(gy.mul(b.dy).mul(iden))
	gl2 := a.keep(gl.add(gl))
	gd := a.keep(gn.mul(r).add(gl2.mul(iden)).neg())
	gp := a.keep(gl.mul(ip))
	if !inverse {
		gt := gn.mul(d0).add(gd.mul(w))
		gxi = a.keep(gn.mul(s).mul(xi).mulc(2).add(gp.mul(pxi)).add(gt.mul(turn)))
		gx = a.keep(gxi.mul(b.idx))
		gy.pick(in, gx).store(Mem{Base: Load(Param("gx"), GP64())})
	}
	gs := a.keep(gl2.div(s).add(gn.mul(xx)).add(gd.mul(e.all(1).sub(t.add(t)))).add(gp.mul(t).mulc(2)))
	dd0.set(dd0.mul(gn.mul(t).add(gd.mul(t)).add(gp.mul(r2))).only(in))
	dd1.set(dd1.mul(gd.mul(t).add(gp.mul(xx))).only(in))
	// Corner and size, in x and in y.
	gdx := gs.mul(s).add(gxi.mul(xi)).mul(b.idx).neg()
	gdy := gy.mul(r).add(gs.mul(b.idx))
	gX, gY := gx.neg(), gy.copy()
	// The size of the last bin is what the corner leaves.
	last := b.isLast()
	gX.put(last, gX.sub(gdx))
	gdx.put(last, e.zero())
	gY.put(last, gY.sub(gdy))
	gdy.put(last, e.zero())
	corners, sizes := []vec{a.put(gX.only(in)), a.put(gY.only(in))}, []vec{a.put(gdx.only(in)), a.put(gdy.only(in))}
	out := Load(Param("gh"), GP64())
	for axis, inv := range []vec{b.iw, b.ih} {
		spread(e, a, out, axis, inv, b.at, corners[axis], sizes[axis])
	}
	a.slopes(e, out, b.at, dd0, dd1)
	VZEROUPPER()
	RET()
}

// slopes writes the gradients of the raw slopes, of which the two at the ends of the bin
// have any.
func (a splineArgs) slopes(e element, out Register, at, g0, g1 vec) {
	at, g0, g1 = at.copy(), g0.copy(), g1.copy()
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
}

// spread carries the gradient in a bin's corner and size through the cumulative
// sum and the softmax to the k logits of one axis, and steps out over them. Inv is one
// over the sum of exponentials, at the number of the bin.
func spread(e element, a splineArgs, out Register, axis int, inv, at, corner, size vec) {
	name := fmt.Sprint("axis", axis)
	inv, at, corner, size = inv.copy(), at.copy(), corner.copy(), size.copy()
	one := e.all(1)
	s, i := GP64(), GP64()
	MOVQ(a.exps, s)
	MOVQ(a.k, i)
	number, mean := e.zero(), e.zero()
	share := inv.mul(a.number(e, []int{cFreeW, cFreeH}[axis]))
	to := GP64() // behind the shelf
	LEAQ(Mem{Base: a.base, Disp: shelfLines * panelBytes}, to)
	Label(name + "mean")
	d := corner.only(number.compare(less, at))
	d.put(number.compare(equal, at), size)
	d.store(Mem{Base: to})
	mean.set(d.times(e.loadVec(a.exponential(s, axis)), mean))
	number.set(number.add(one))
	ADDQ(a.estep, s)
	ADDQ(U32(uint32(e.width())), to)
	DECQ(i)
	JNZ(LabelRef(name + "mean"))
	mean.set(mean.mul(inv).mul(share).neg())
	MOVQ(a.exps, s)
	MOVQ(a.k, i)
	LEAQ(Mem{Base: a.base, Disp: shelfLines * panelBytes}, to)
	Label(name + "spread")
	d = e.loadVec(Mem{Base: to}).times(share, mean)
	e.loadVec(a.exponential(s, axis)).mul(d).store(Mem{Base: out})
	ADDQ(a.estep, s)
	ADDQ(U32(uint32(e.width())), to)
	ADDQ(a.step, out)
	DECQ(i)
	JNZ(LabelRef(name + "spread"))
}
