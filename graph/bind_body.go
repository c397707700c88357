package graph

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// bindBody chooses the kernel of a step that works on tiles of rows.
func (pr *program[T]) bindBody(v *value) func(*worker[T]) {
	switch k := v.k.(type) {
	case unary:
		return pr.bindUnary(v, k)
	case binary:
		return pr.bindElementwise(v, func(dst []T, a [][]T) { binaryLine(k.kind, dst, a[0], a[1]) })
	case where:
		return pr.bindElementwise(v, func(dst []T, a [][]T) {
			for i := range dst {
				if a[0][i] != 0 {
					dst[i] = a[1][i]
				} else {
					dst[i] = a[2][i]
				}
			}
		})
	case expand:
		return pr.bindElementwise(v, func(dst []T, a [][]T) { copy(dst, a[0]) })
	case zeros:
		return func(w *worker[T]) {
			t := w.tile(v)
			for p := range w.panels {
				clear(t.Panel(p, v.d.c))
			}
		}
	case linear:
		return pr.bindLinear(v, k)
	case linearT:
		wt := pr.ref(v.in[1])
		d := v.in[1].d
		return func(w *worker[T]) {
			kernel.LinearT(w.tile(v), w.tile(v.in[0]), w.panels, kernel.Matrix[T]{Data: wt.get(w.r), Stride: d.c}, d.r, d.c, k.reach)
		}
	case spline:
		return func(w *worker[T]) { bodySpline(w, v, k) }
	case splineGrad:
		return func(w *worker[T]) { bodySplineGrad(w, v, k) }
	}
	return pr.bindShape(v)
}

func (pr *program[T]) bindLinear(v *value, k linear) func(*worker[T]) {
	wt := pr.ref(v.in[1])
	d := v.in[1].d
	var b ref[T]
	if len(v.in) == 3 {
		b = pr.ref(v.in[2])
	}
	bias := len(v.in) == 3
	return func(w *worker[T]) {
		var bv []T
		if bias {
			bv = b.get(w.r)
		}
		kernel.Linear(w.tile(v), w.tile(v.in[0]), w.panels, kernel.Matrix[T]{Data: wt.get(w.r), Stride: d.c}, d.r, d.c, k.reach, bv)
	}
}

// bindSum adds rows into the lane's sums.
func (pr *program[T]) bindSum(v *value) func(*worker[T]) {
	switch k := v.k.(type) {
	case outer:
		g, x := v.in[0], v.in[1]
		pr.scratch = max(pr.scratch, kernel.OuterScratch[T](pr.panels, x.d.c))
		return func(w *worker[T]) {
			gt, xt := w.tile(g), w.tile(x)
			w.zeroTail(gt, g.d.c)
			w.zeroTail(xt, x.d.c)
			kernel.Outer(kernel.Matrix[T]{Data: w.sum(v), Stride: x.d.c}, gt, xt, w.panels, g.d.c, x.d.c, k.reach, w.scratch)
		}
	case sumRows:
		x := v.in[0]
		return func(w *worker[T]) {
			xt := w.tile(x)
			w.zeroTail(xt, x.d.c)
			kernel.SumRows(w.sum(v), xt, w.panels, x.d.c)
		}
	}
	panic(fmt.Sprintf("graph: no sum over rows of %v", v.k))
}

// bindUnary applies a function to whole panels.
func (pr *program[T]) bindUnary(v *value, k unary) func(*worker[T]) {
	f := unaryLine[T](k)
	x := v.in[0]
	n := v.d.c * kernel.PanelRows[T]()
	return func(w *worker[T]) {
		out, in := w.tile(v), w.tile(x)
		if out.Stride == n && in.Stride == n {
			f(out.Data[:w.panels*n], in.Data[:w.panels*n])
			return
		}
		for p := range w.panels {
			f(out.Panel(p, v.d.c), in.Panel(p, v.d.c))
		}
	}
}

func unaryLine[T float](k unary) func(dst, src []T) {
	a, b := T(k.a), T(k.b)
	switch k.kind {
	case uExp:
		return kernel.Exp[T]
	case uLog:
		return kernel.Log[T]
	case uLog1p:
		return kernel.Log1p[T]
	case uExpm1:
		return kernel.Expm1[T]
	case uTanh:
		return kernel.Tanh[T]
	case uSigmoid:
		return kernel.Sigmoid[T]
	case uSoftplus:
		return kernel.Softplus[T]
	case uErf:
		return kernel.Erf[T]
	case uSin:
		return kernel.Sin[T]
	case uCos:
		return kernel.Cos[T]
	case uSquare:
		return func(dst, src []T) {
			for i, x := range src {
				dst[i] = x * x
			}
		}
	case uReLU:
		return func(dst, src []T) {
			for i, x := range src {
				dst[i] = max(x, 0)
			}
		}
	case uStep:
		return func(dst, src []T) {
			for i, x := range src {
				if x > 0 {
					dst[i] = 1
				} else {
					dst[i] = 0
				}
			}
		}
	case uAffine:
		return func(dst, src []T) {
			for i, x := range src {
				dst[i] = a*x + b
			}
		}
	case uClamp:
		return func(dst, src []T) {
			for i, x := range src {
				dst[i] = min(max(x, a), b)
			}
		}
	case uInside:
		return func(dst, src []T) {
			for i, x := range src {
				if x > a && x < b {
					dst[i] = 1
				} else {
					dst[i] = 0
				}
			}
		}
	case uStop:
		return func(dst, src []T) { copy(dst, src) }
	case uRecip:
		return func(dst, src []T) {
			for i, x := range src {
				dst[i] = 1 / x
			}
		}
	}
	return func(dst, src []T) {
		for i, x := range src {
			dst[i] = T(k.f(float64(x)))
		}
	}
}

func binaryLine[T float](k binaryKind, dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	switch k {
	case bAdd:
		for i := range dst {
			dst[i] = a[i] + b[i]
		}
	case bSub:
		for i := range dst {
			dst[i] = a[i] - b[i]
		}
	case bMul:
		for i := range dst {
			dst[i] = a[i] * b[i]
		}
	case bDiv:
		for i := range dst {
			dst[i] = a[i] / b[i]
		}
	case bMax:
		for i := range dst {
			dst[i] = max(a[i], b[i])
		}
	case bMin:
		for i := range dst {
			dst[i] = min(a[i], b[i])
		}
	case bLess:
		for i := range dst {
			if a[i] < b[i] {
				dst[i] = 1
			} else {
				dst[i] = 0
			}
		}
	}
}

func addTo[T float](dst, src []T) { binaryLine(bAdd, dst, dst, src) }

// bindElementwise broadcasts up to three arguments against the result, feature
// by feature, or panel by panel where all have its shape.
func (pr *program[T]) bindElementwise(v *value, f func(dst []T, args [][]T)) func(*worker[T]) {
	n := kernel.PanelRows[T]()
	cols := v.d.c
	whole := true
	refs := make([]ref[T], len(v.in))
	for i, a := range v.in {
		if !a.body {
			refs[i] = pr.ref(a)
		}
		whole = whole && a.body && a.d.c == cols
	}
	in := v.in
	if whole {
		return func(w *worker[T]) {
			var tiles [3]kernel.Tile[T]
			var args [3][]T
			out := w.tile(v)
			for i, a := range in {
				tiles[i] = w.tile(a)
			}
			for p := range w.panels {
				for i := range in {
					args[i] = tiles[i].Panel(p, cols)
				}
				f(out.Panel(p, cols), w.args(args))
			}
		}
	}
	return func(w *worker[T]) {
		var tiles [3]kernel.Tile[T]
		var flat [3][]T
		var args [3][]T
		out := w.tile(v)
		for i, a := range in {
			if a.body {
				tiles[i] = w.tile(a)
			} else {
				flat[i] = refs[i].get(w.r)
			}
		}
		for p := range w.panels {
			for c := range cols {
				for i, a := range in {
					at := c
					if a.d.c == 1 {
						at = 0
					}
					if a.body {
						args[i] = tiles[i].Data[p*tiles[i].Stride+at*n:][:n]
						continue
					}
					fill(w.line[i], flat[i][at])
					args[i] = w.line[i]
				}
				f(out.Data[p*out.Stride+c*n:][:n], w.args(args))
			}
		}
	}
}

// args keeps the slice of arguments in the worker, off the heap.
func (w *worker[T]) args(a [3][]T) [][]T {
	w.argv = a
	return w.argv[:]
}

func fill[T float](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// bindShape moves columns about.
func (pr *program[T]) bindShape(v *value) func(*worker[T]) {
	n := kernel.PanelRows[T]()
	each := func(f func(out []T, w *worker[T], p int)) func(*worker[T]) {
		return func(w *worker[T]) {
			t := w.tile(v)
			for p := range w.panels {
				f(t.Panel(p, v.d.c), w, p)
			}
		}
	}
	in := v.in
	arg := func(w *worker[T], i, p int) []T { return w.tile(in[i]).Panel(p, in[i].d.c) }
	switch k := v.k.(type) {
	case gather:
		return each(func(out []T, w *worker[T], p int) {
			x := arg(w, 0, p)
			for j, c := range k.idx {
				copy(out[j*n:(j+1)*n], x[c*n:])
			}
		})
	case scatter:
		return each(func(out []T, w *worker[T], p int) {
			x := arg(w, 0, p)
			clear(out)
			for j, c := range k.idx {
				addTo(out[c*n:(c+1)*n], x[j*n:(j+1)*n])
			}
		})
	case concat:
		return each(func(out []T, w *worker[T], p int) {
			at := 0
			for i := range in {
				at += copy(out[at:], arg(w, i, p))
			}
		})
	case place:
		return each(func(out []T, w *worker[T], p int) {
			if x := arg(w, 0, p); &x[0] != &out[0] {
				copy(out, x)
			}
			copy(out[k.at*n:], arg(w, 1, p))
		})
	case repeat:
		return each(func(out []T, w *worker[T], p int) {
			x := arg(w, 0, p)
			for j := range v.d.c {
				copy(out[j*n:(j+1)*n], x[j/k.k*n:])
			}
		})
	case sumGroups:
		return each(func(out []T, w *worker[T], p int) {
			x := arg(w, 0, p)
			for j := range in[0].d.c {
				if j%k.k == 0 {
					copy(out[j/k.k*n:][:n], x[j*n:])
				} else {
					addTo(out[j/k.k*n:][:n], x[j*n:(j+1)*n])
				}
			}
		})
	case maxGroups:
		return each(func(out []T, w *worker[T], p int) {
			x := arg(w, 0, p)
			for j := range in[0].d.c {
				if j%k.k == 0 {
					copy(out[j/k.k*n:][:n], x[j*n:])
				} else {
					o := out[j/k.k*n:][:n]
					binaryLine(bMax, o, o, x[j*n:(j+1)*n])
				}
			}
		})
	}
	panic(fmt.Sprintf("graph: no kernel for %v on rows", v.k))
}

func bodySpline[T float](w *worker[T], v *value, k spline) {
	n := kernel.PanelRows[T]()
	x, h := v.in[0], v.in[1]
	np, d := k.s.Params(), x.d.c
	for p := range w.panels {
		out, xs, hs := w.tile(v).Panel(p, v.d.c), w.tile(x).Panel(p, d), w.tile(h).Panel(p, h.d.c)
		for j := range d {
			for r := range n {
				a := hs[j*np*n+r:]
				y, l := k.s.eval(&w.knots, float64(xs[j*n+r]), k.inverse, func(m int) float64 { return float64(a[m*n]) })
				out[j*n+r], out[(d+j)*n+r] = T(y), T(l)
			}
		}
	}
}

func bodySplineGrad[T float](w *worker[T], v *value, k splineGrad) {
	n := kernel.PanelRows[T]()
	x, h, g := v.in[0], v.in[1], v.in[2]
	np, d := k.s.Params(), x.d.c
	for p := range w.panels {
		out, xs, hs := w.tile(v).Panel(p, v.d.c), w.tile(x).Panel(p, d), w.tile(h).Panel(p, h.d.c)
		gs := w.tile(g).Panel(p, g.d.c)
		for j := range d {
			for r := range n {
				a := hs[j*np*n+r:]
				o := out[(d+j*np)*n+r:]
				gx := k.s.grad(&w.knots, float64(xs[j*n+r]), float64(gs[j*n+r]), float64(gs[(d+j)*n+r]), k.inverse,
					func(m int) float64 { return float64(a[m*n]) }, func(m int, v float64) { o[m*n] = T(v) })
				out[j*n+r] = T(gx)
			}
		}
	}
}

// bindLoad brings an input's rows into the tile. The rows of the last panel
// beyond the data repeat its last row, so that they stay finite where it is.
func (pr *program[T]) bindLoad(v *value, i int) func(*worker[T]) {
	n := kernel.PanelRows[T]()
	cols := v.d.c
	switch v.leaf.kind {
	case uniformNoise, normalNoise:
		normal := v.leaf.kind == normalNoise
		stream := v.leaf.stream
		return func(w *worker[T]) {
			t := w.tile(v)
			r := w.r
			for p := range w.panels {
				for c := range cols {
					out := t.Data[p*t.Stride+c*n:][:n]
					for j := range out {
						row := r.first + uint64(w.shard*shardRows+p*n+j)
						u := noise(r.seed, r.step, stream, row, uint64(c))
						if normal {
							u = math.Sqrt2 * math.Erfinv(2*u-1)
						}
						out[j] = T(u)
					}
				}
			}
		}
	}
	return func(w *worker[T]) {
		b := &w.r.inputs[i]
		t := w.tile(v)
		for p := range w.panels {
			for j := range n {
				row := w.shard*shardRows + min(p*n+j, w.n-1)
				if b.Index != nil {
					row = b.Index[row]
				}
				at := t.Data[p*t.Stride+j:]
				if b.Float64 != nil {
					for c, x := range b.Float64[row*cols:][:cols] {
						at[c*n] = T(x)
					}
				} else {
					for c, x := range b.Float32[row*cols:][:cols] {
						at[c*n] = T(x)
					}
				}
			}
		}
	}
}

// bindStore writes a value's rows to where the run wants output o.
func (pr *program[T]) bindStore(v *value, o int) func(*worker[T]) {
	n := kernel.PanelRows[T]()
	cols := v.d.c
	return func(w *worker[T]) {
		b := &w.r.outputs[o]
		if b.Float32 == nil && b.Float64 == nil {
			return
		}
		t := w.tile(v)
		for j := range w.n {
			at := t.Data[j/n*t.Stride+j%n:]
			row := w.shard*shardRows + j
			if b.Index != nil {
				row = b.Index[row]
			}
			if b.Float64 != nil {
				for c := range cols {
					b.Float64[row*cols+c] = float64(at[c*n])
				}
			} else {
				for c := range cols {
					b.Float32[row*cols+c] = float32(at[c*n])
				}
			}
		}
	}
}

// noise is a counter-based generator: a uniform number on (0, 1) made of its
// arguments alone, by two rounds of the mixing function of splitmix64 (Steele,
// Lea & Flood 2014).
func noise(seed, step, stream, row, col uint64) float64 {
	h := mix(seed + 0x9e3779b97f4a7c15*(step+1))
	h = mix(h ^ (stream+1)*0xd1342543de82ef95)
	h = mix(h + 0x9e3779b97f4a7c15*(row+1))
	h = mix(h ^ (col+1)*0xbf58476d1ce4e5b9)
	return (float64(h>>12) + 0.5) / (1 << 52)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
