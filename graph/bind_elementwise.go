package graph

import (
	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// bindUnary applies a function to whole panels.
func (pr *program[T]) bindUnary(v *value, k unary) func(*worker[T]) {
	a, b := T(k.a), T(k.b)
	x := v.in[0]
	n := v.d.c * kernel.PanelRows[T]()
	return func(w *worker[T]) {
		out, in := w.tile(v), w.tile(x)
		if out.Stride == n && in.Stride == n {
			kernel.Apply(k.kind, out.Data[:w.panels*n], in.Data[:w.panels*n], a, b)
			return
		}
		for p := range w.panels {
			kernel.Apply(k.kind, out.Panel(p, v.d.c), in.Panel(p, v.d.c), a, b)
		}
	}
}

// bindBinary applies an operation panel by panel, broadcasting single columns
// and values without rows.
func (pr *program[T]) bindBinary(v *value, kind binaryKind) func(*worker[T]) {
	cols := v.d.c
	n := cols * kernel.PanelRows[T]()
	x, y := v.in[0], v.in[1]
	if x.body && y.body && x.d.c == cols && y.d.c == cols {
		return func(w *worker[T]) {
			out, a, b := w.tile(v), w.tile(x), w.tile(y)
			if out.Stride == n && a.Stride == n && b.Stride == n {
				kernel.Pairs(kind, out.Data[:w.panels*n], a.Data, b.Data)
				return
			}
			for p := range w.panels {
				kernel.Pairs(kind, out.Panel(p, cols), a.Panel(p, cols), b.Panel(p, cols))
			}
		}
	}
	ax, ay := pr.argument(v, x), pr.argument(v, y)
	return func(w *worker[T]) {
		out := w.tile(v)
		for p := range w.panels {
			kernel.Lines(kind, out.Panel(p, cols), ax.line(w, p), ay.line(w, p), cols)
		}
	}
}

// argument is how an argument of an elementwise operation is broadcast.
type argument[T float] struct {
	a    *value
	flat ref[T]
	same bool
}

func (pr *program[T]) argument(v, a *value) argument[T] {
	x := argument[T]{a: a, same: a.d.c == 1 && v.d.c != 1}
	if !a.body {
		x.flat = pr.ref(a)
	}
	return x
}

func (x argument[T]) line(w *worker[T], panel int) kernel.Line[T] {
	if !x.a.body {
		return kernel.Line[T]{Data: x.flat.get(w.r), Number: true, Same: x.same}
	}
	return kernel.Line[T]{Data: w.tile(x.a).Panel(panel, x.a.d.c), Same: x.same}
}

// bindWhere picks elements; arguments that are broadcast are spread out line by
// line first.
func (pr *program[T]) bindWhere(v *value) func(*worker[T]) {
	n, cols := kernel.PanelRows[T](), v.d.c
	var args [3]argument[T]
	whole := true
	for i, a := range v.in {
		args[i] = pr.argument(v, a)
		whole = whole && a.body && a.d.c == cols
	}
	if whole {
		return func(w *worker[T]) {
			out, c, x, y := w.tile(v), w.tile(v.in[0]), w.tile(v.in[1]), w.tile(v.in[2])
			for p := range w.panels {
				kernel.Where(out.Panel(p, cols), c.Panel(p, cols), x.Panel(p, cols), y.Panel(p, cols))
			}
		}
	}
	return func(w *worker[T]) {
		out := w.tile(v)
		for p := range w.panels {
			var l [3]kernel.Line[T]
			for i := range l {
				l[i] = args[i].line(w, p)
			}
			for f := range cols {
				kernel.Where(out.Panel(p, cols)[f*n:][:n], w.spread(0, l[0], f), w.spread(1, l[1], f), w.spread(2, l[2], f))
			}
		}
	}
}

// bindExpand repeats a column or a row.
func (pr *program[T]) bindExpand(v *value) func(*worker[T]) {
	n, cols := kernel.PanelRows[T](), v.d.c
	x := pr.argument(v, v.in[0])
	return func(w *worker[T]) {
		out := w.tile(v)
		for p := range w.panels {
			l := x.line(w, p)
			for f := range cols {
				copy(out.Panel(p, cols)[f*n:][:n], w.spread(0, l, f))
			}
		}
	}
}

// spread is the line of feature f, a number repeated in the worker's line i.
func (w *worker[T]) spread(i int, l kernel.Line[T], f int) []T {
	if l.Same {
		f = 0
	}
	n := kernel.PanelRows[T]()
	if !l.Number {
		return l.Data[f*n:][:n]
	}
	for r := range w.line[i] {
		w.line[i][r] = l.Data[f]
	}
	return w.line[i]
}

func addTo[T float](dst, src []T) { kernel.Pairs(kernel.Add, dst, dst, src) }
