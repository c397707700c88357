package graph

import (
	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

func splineKernel[T float](s Spline) *kernel.Spline[T] {
	return kernel.NewSpline[T](s.Bins, s.Bound, s.MinWidth, s.MinHeight, s.MinSlope, s.SlopeShift, s.ExpSlope)
}

// bindSpline maps column by column, by vectors where there is assembly; over says that
// they write over the parameters.
func (pr *program[T]) bindSpline(v *value, k spline, over bool) func(*worker[T]) {
	n := kernel.PanelRows[T]()
	x, h := v.in[0], v.in[1]
	np, d := k.s.Params(), x.d.c
	s := splineKernel[T](k.s)
	pr.scratch = max(pr.scratch, kernel.SplineScratch[T](k.s.Bins))
	return func(w *worker[T]) {
		for p := range w.panels {
			out, xs, hs := w.tile(v).Panel(p, v.d.c), w.tile(x).Panel(p, d), w.tile(h).Panel(p, h.d.c)
			for j := range d {
				y, l, a := out[j*n:][:n], out[(d+j)*n:][:n], hs[j*np*n:][:np*n]
				if kernel.HasSpline[T]() {
					s.Value(y, l, xs[j*n:][:n], a, k.inverse, over, w.scratch)
					continue
				}
				for r := range n {
					at := a[r:]
					yr, lr := k.s.eval(&w.knots, float64(xs[j*n+r]), k.inverse, func(m int) float64 { return float64(at[m*n]) })
					y[r], l[r] = T(yr), T(lr)
				}
			}
		}
	}
}

func (pr *program[T]) bindSplineGrad(v *value, k splineGrad, over bool) func(*worker[T]) {
	n := kernel.PanelRows[T]()
	x, h, g := v.in[0], v.in[1], v.in[2]
	np, d := k.s.Params(), x.d.c
	s := splineKernel[T](k.s)
	pr.scratch = max(pr.scratch, kernel.SplineScratch[T](k.s.Bins))
	return func(w *worker[T]) {
		for p := range w.panels {
			out, xs, hs := w.tile(v).Panel(p, v.d.c), w.tile(x).Panel(p, d), w.tile(h).Panel(p, h.d.c)
			gs := w.tile(g).Panel(p, g.d.c)
			for j := range d {
				gx, gh, a := out[j*n:][:n], out[(d+j*np)*n:][:np*n], hs[j*np*n:][:np*n]
				gy, gl := gs[j*n:][:n], gs[(d+j)*n:][:n]
				if kernel.HasSpline[T]() {
					s.Grad(gx, gh, xs[j*n:][:n], a, gy, gl, k.inverse, over, w.scratch)
					continue
				}
				for r := range n {
					at, to := a[r:], gh[r:]
					gx[r] = T(k.s.grad(&w.knots, float64(xs[j*n+r]), float64(gy[r]), float64(gl[r]), k.inverse,
						func(m int) float64 { return float64(at[m*n]) }, func(m int, v float64) { to[m*n] = T(v) }))
				}
			}
		}
	}
}
