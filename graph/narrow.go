package graph

import (
	"sync"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// narrowRows is up to how many rows the narrow form of a program is the faster.
const narrowRows = 4

// narrow is a program for single rows: values are plain lists of columns,
// products run over packed transposed weights. Every number comes out to the
// same bits as in panels: each is made by the same operations in the same order.
type narrow[T float] struct {
	steps   []func(*lane[T])
	packs   []narrowPack[T]
	cols    int // of all values
	scratch int // columns of the widest value, in whole vectors
	behind  int // room behind the last value, which parameters of splines are read beyond

	mu sync.RWMutex
	of asOf // the packed weights
}

type narrowPack[T float] struct {
	to         *kernel.Packed[T]
	weights, b ref[T]
	stride     int
	bias       bool
}

// lane is one row's evaluation.
type lane[T float] struct {
	r          *run[T]
	body       []T
	a, b       []T // scratch
	row        int
	splineTemp []T

	x []T // of the product that cores share
	w *kernel.Packed[T]
}

// bindNarrow makes the narrow form, nil if the program has something that is for
// many rows only: sums over rows, gradients.
func (pr *program[T]) bindNarrow() *narrow[T] {
	p := pr.plan
	if !kernel.HasColumn() || p.stages != 1 || pr.reducing {
		return nil
	}
	n := &narrow[T]{cols: p.bodyCols + p.keepCols}
	input := 0
	for _, v := range p.values {
		if !v.body {
			continue
		}
		v.cell = v.root.off + v.start
		if v.root.keep {
			v.cell += p.bodyCols
		}
		n.scratch = max(n.scratch, v.d.c+64)
		if k, ok := v.k.(spline); ok {
			n.behind = max(n.behind, kernel.SideBySideRoom[T](k.s.Params()))
		}
		switch {
		case v.leaf != nil:
			n.steps = append(n.steps, pr.narrowLoad(v, input))
			input++
		case !v.isView() && !v.isThere():
			step := pr.narrowStep(n, v)
			if step == nil {
				return nil
			}
			n.steps = append(n.steps, step)
		}
		for _, o := range v.outs {
			n.steps = append(n.steps, pr.narrowStore(v, o))
		}
	}
	return n
}

// values are the columns of a value.
func (l *lane[T]) values(v *value) []T { return l.body[v.cell:][:v.d.c] }

// spread is a value broadcast to cols columns, in scratch where it must be.
func (l *lane[T]) spread(v *value, flat ref[T], cols int, scratch []T) []T {
	var x []T
	if v.body {
		x = l.values(v)
	} else {
		x = flat.get(l.r)
	}
	if v.d.c == cols {
		return x
	}
	for i := range scratch[:cols] {
		scratch[i] = x[0]
	}
	return scratch[:cols]
}

func (pr *program[T]) narrowLoad(v *value, i int) func(*lane[T]) {
	if v.leaf.kind != dataInput {
		normal, stream := v.leaf.kind == normalNoise, v.leaf.stream
		return func(l *lane[T]) {
			out := l.values(v)
			h := rowNoise(l.r.seed, l.r.step, stream, l.r.first+uint64(l.row))
			for c := range out {
				out[c], l.b[c] = draw[T](h, c, normal)
			}
			if normal {
				toNormal(out, l.b[:len(out)])
			}
		}
	}
	return func(l *lane[T]) {
		b, row, x := &l.r.inputs[i], l.row, l.values(v)
		if b.Index != nil {
			row = b.Index[row]
		}
		if b.Float64 != nil {
			for c, y := range b.Float64[row*len(x):][:len(x)] {
				x[c] = T(y)
			}
			return
		}
		for c, y := range b.Float32[row*len(x):][:len(x)] {
			x[c] = T(y)
		}
	}
}

func (pr *program[T]) narrowStore(v *value, o int) func(*lane[T]) {
	return func(l *lane[T]) {
		b, row, x := &l.r.outputs[o], l.row, l.values(v)
		if b.Index != nil {
			row = b.Index[row]
		}
		switch {
		case b.Float64 != nil:
			for c, y := range x {
				b.Float64[row*len(x)+c] = float64(y)
			}
		case b.Float32 != nil:
			for c, y := range x {
				b.Float32[row*len(x)+c] = float32(y)
			}
		}
	}
}

// narrowStep is the step of one operation, nil if there is none.
func (pr *program[T]) narrowStep(n *narrow[T], v *value) func(*lane[T]) {
	in, cols := v.in, v.d.c
	var flat [3]ref[T]
	for i, a := range in {
		if !a.body && i < len(flat) {
			flat[i] = pr.ref(a)
		}
	}
	switch k := v.k.(type) {
	case unary:
		a, b := T(k.a), T(k.b)
		return func(l *lane[T]) { kernel.Apply(k.kind, l.values(v), l.values(in[0]), a, b) }
	case binary:
		return func(l *lane[T]) {
			kernel.Pairs(k.kind, l.values(v), l.spread(in[0], flat[0], cols, l.a), l.spread(in[1], flat[1], cols, l.b))
		}
	case where:
		return func(l *lane[T]) {
			out, c := l.values(v), l.spread(in[0], flat[0], cols, l.a)
			x := l.spread(in[1], flat[1], cols, l.b)
			if in[2].d.c == cols {
				kernel.Where(out, c, x, l.spread(in[2], flat[2], cols, nil))
				return
			}
			y := l.spread(in[2], flat[2], 1, nil)[0]
			for i := range out {
				if c[i] != 0 {
					out[i] = x[i]
				} else {
					out[i] = y
				}
			}
		}
	case expand:
		return func(l *lane[T]) { copy(l.values(v), l.spread(in[0], flat[0], cols, l.a)) }
	case zeros:
		return func(l *lane[T]) { clear(l.values(v)) }
	case clampedLinear:
		product := pr.narrowLinear(n, v, k.linear)
		lo, hi := T(k.lo), T(k.hi)
		return func(l *lane[T]) {
			product(l)
			kernel.Apply(uClamp, l.values(v), l.values(v), lo, hi)
		}
	case linear:
		return pr.narrowLinear(n, v, k)
	case inverseOf:
		return narrowInverseOf[T](v)
	case spline:
		return pr.narrowSpline(v, k)
	}
	return narrowShape[T](v)
}

func (pr *program[T]) narrowLinear(n *narrow[T], v *value, k linear) func(*lane[T]) {
	x, d := v.in[0], v.in[1].d
	p := narrowPack[T]{to: kernel.NewPacked[T](d.r, d.c, k.reach), weights: pr.ref(v.in[1]), stride: d.c}
	p.to.Zeros = x.hasZeros()
	if len(v.in) == 3 {
		p.bias, p.b = true, pr.ref(v.in[2])
	}
	n.packs = append(n.packs, p)
	return func(l *lane[T]) {
		l.product(l.values(x), p.to)
		copy(l.values(v), l.a)
	}
}

// sharedWeights is from how many weights on cores share a product of one row: to read
// so many takes several times as long as to call a helper that looks out.
const sharedWeights = 1 << 15

// product writes x Wᵀ + b to l.a.
func (l *lane[T]) product(x []T, w *kernel.Packed[T]) {
	if w.Weights() < sharedWeights || l.r.cores < 2 {
		kernel.Column(l.a, x, w)
		return
	}
	l.x, l.w = x, w
	l.r.job.do(l, w.Parts(), min(w.Parts(), l.r.cores))
}

// task is a part of the product at hand.
func (l *lane[T]) task(i, _ int) { kernel.ColumnPart(l.a, l.x, l.w, i) }

func (l *lane[T]) idle(int) {}

// narrowSpline lays columns out as rows of one line, piece by piece.
func (pr *program[T]) narrowSpline(v *value, k spline) func(*lane[T]) {
	n, np, d := kernel.PanelRows[T](), k.s.Params(), v.in[0].d.c
	s := splineKernel[T](k.s)
	return func(l *lane[T]) {
		room := 3*n + kernel.SideBySideRoom[T](np)
		if need := room + kernel.SplineScratch[T](k.s.Bins); len(l.splineTemp) < need {
			l.splineTemp = make([]T, need)
		}
		lines, scratch := l.splineTemp[:room], l.splineTemp[room:]
		x, h, out := l.values(v.in[0]), l.body[v.in[1].cell:], l.values(v)
		xs, ys, ls, hs := lines[:n], lines[n:2*n], lines[2*n:3*n], lines[3*n:]
		for from := 0; from < d; from += n {
			count := min(n, d-from)
			copy(xs, x[from:from+count])
			kernel.SideBySide(hs, h[from*np:], np, count)
			s.Value(ys[:count], ls, xs, hs, k.inverse, false, scratch)
			copy(out[from:], ys[:count])
			copy(out[d+from:], ls[:count])
		}
	}
}

func narrowShape[T float](v *value) func(*lane[T]) {
	in := v.in
	switch k := v.k.(type) {
	case gather:
		return func(l *lane[T]) {
			out, x := l.values(v), l.values(in[0])
			for j, c := range k.idx {
				out[j] = x[c]
			}
		}
	case scatter:
		return func(l *lane[T]) {
			out, x := l.values(v), l.values(in[0])
			clear(out)
			for j, c := range k.idx {
				out[c] += x[j]
			}
		}
	case concat:
		return func(l *lane[T]) {
			out := l.values(v)
			for _, a := range in {
				out = out[copy(out, l.values(a)):]
			}
		}
	case place:
		return func(l *lane[T]) {
			out := l.values(v)
			if x := l.values(in[0]); &x[0] != &out[0] {
				copy(out, x)
			}
			if b := l.values(in[1]); &b[0] != &out[k.at] {
				copy(out[k.at:], b)
			}
		}
	case repeat:
		return func(l *lane[T]) {
			out, x := l.values(v), l.values(in[0])
			for j := range out {
				out[j] = x[j/k.k]
			}
		}
	case sumGroups:
		return narrowFold[T](v, k.k, func(a, b T) T { return a + b })
	case maxGroups:
		return narrowFold[T](v, k.k, func(a, b T) T { return max(a, b) })
	}
	return nil
}

func narrowFold[T float](v *value, k int, f func(a, b T) T) func(*lane[T]) {
	return func(l *lane[T]) {
		out, x := l.values(v), l.values(v.in[0])
		for j := range out {
			s := x[j*k]
			for _, y := range x[j*k+1 : (j+1)*k] {
				s = f(s, y)
			}
			out[j] = s
		}
	}
}

// refresh packs the weights anew if the parameters changed since.
func (n *narrow[T]) refresh(r *run[T]) {
	n.of.refresh(&n.mu, r.pr.plan.g.params, func() {
		for _, p := range n.packs {
			var b []T
			if p.bias {
				b = p.b.get(r)
			}
			p.to.Fill(kernel.Matrix[T]{Data: p.weights.get(r), Stride: p.stride}, b)
		}
	})
}

// runNarrow evaluates rows one after another; cores share the products that read most.
func (r *run[T]) runNarrow(n *narrow[T]) {
	n.refresh(r)
	if r.lane == nil {
		r.lane = &lane[T]{r: r, body: make([]T, n.cols+n.behind), a: make([]T, n.scratch), b: make([]T, n.scratch)}
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	for row := range r.rows {
		r.lane.row = row
		for _, s := range n.steps {
			s(r.lane)
		}
	}
}
