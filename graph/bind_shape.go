package graph

import (
	"fmt"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

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
			if b := arg(w, 1, p); &b[0] != &out[k.at*n] { // else it was computed there
				copy(out[k.at*n:], b)
			}
		})
	case repeat:
		return each(func(out []T, w *worker[T], p int) {
			x := arg(w, 0, p)
			for j := range v.d.c {
				copy(out[j*n:(j+1)*n], x[j/k.k*n:])
			}
		})
	case cumGroups:
		return each(func(out []T, w *worker[T], p int) {
			x := arg(w, 0, p)
			k.add(v.d.c, func(col, before int) {
				if before < 0 {
					copy(out[col*n:][:n], x[col*n:])
				} else {
					kernel.Pairs(kernel.Add, out[col*n:][:n], out[before*n:], x[col*n:])
				}
			})
		})
	case sumGroups:
		return each(func(out []T, w *worker[T], p int) { foldGroups(out, arg(w, 0, p), k.k, v.d.c, false) })
	case maxGroups:
		return each(func(out []T, w *worker[T], p int) { foldGroups(out, arg(w, 0, p), k.k, v.d.c, true) })
	}
	panic(fmt.Sprintf("graph: no kernel for %v on rows", v.k))
}

// foldGroups folds each k lines of x into one line of out.
func foldGroups[T float](out, x []T, k, groups int, top bool) {
	n := kernel.PanelRows[T]()
	for j := range groups {
		kernel.FoldLines(out[j*n:], x[j*k*n:], k, top)
	}
}
