package graph

import (
	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

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
