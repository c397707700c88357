package graph

import (
	"fmt"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// bindBody chooses the kernel of a step that works on tiles of rows.
func (pr *program[T]) bindBody(v *value) func(*worker[T]) {
	switch k := v.k.(type) {
	case unary:
		return pr.bindUnary(v, k)
	case binary:
		return pr.bindBinary(v, k.kind)
	case where:
		return pr.bindWhere(v)
	case expand:
		return pr.bindExpand(v)
	case zeros:
		return func(w *worker[T]) {
			t := w.tile(v)
			for p := range w.panels {
				clear(t.Panel(p, v.d.c))
			}
		}
	case linear:
		return pr.bindLinear(v, k, nil)
	case clampedLinear:
		return pr.bindLinear(v, k.linear, &[2]T{T(k.lo), T(k.hi)})
	case gatedLinearT:
		wt, d, limits := pr.ref(v.in[1]), v.in[1].d, &[2]T{T(k.lo), T(k.hi)}
		pr.scratch = max(pr.scratch, kernel.LinearTScratch[T](d.r, d.c, pr.panels, k.reach))
		return func(w *worker[T]) {
			kernel.LinearT(w.tile(v), w.tile(v.in[0]), w.panels, kernel.Matrix[T]{Data: wt.get(w.r), Stride: d.c}, d.r, d.c, k.reach, w.tile(v.in[2]), limits, w.scratch)
		}
	case linearT:
		wt := pr.ref(v.in[1])
		d := v.in[1].d
		pr.scratch = max(pr.scratch, kernel.LinearTScratch[T](d.r, d.c, pr.panels, k.reach))
		return func(w *worker[T]) {
			kernel.LinearT(w.tile(v), w.tile(v.in[0]), w.panels, kernel.Matrix[T]{Data: wt.get(w.r), Stride: d.c}, d.r, d.c, k.reach, kernel.Tile[T]{}, nil, w.scratch)
		}
	case dropout:
		return pr.bindDropout(v, k)
	case groupLinear:
		return pr.bindGroups(v, k)
	case inverseOf:
		return pr.bindInverseOf(v)
	case solve:
		return pr.bindSolve(v, k)
	case spline:
		return pr.bindSpline(v, k, false)
	case splineOver:
		return pr.bindSpline(v, k.spline, true)
	case splineGrad:
		return pr.bindSplineGrad(v, k, false)
	case splineGradOver:
		return pr.bindSplineGrad(v, k.splineGrad, true)
	}
	return pr.bindShape(v)
}

func (pr *program[T]) bindLinear(v *value, k linear, limits *[2]T) func(*worker[T]) {
	wt := pr.ref(v.in[1])
	d := v.in[1].d
	var b ref[T]
	if len(v.in) == 3 {
		b = pr.ref(v.in[2])
	}
	bias := len(v.in) == 3
	laid := &laidOut[T]{of: wt, d: d}
	if v.turned {
		pr.laid = append(pr.laid, laid)
	}
	pr.scratch = max(pr.scratch, kernel.LinearScratch[T](d.r, d.c, pr.panels, k.reach))
	return func(w *worker[T]) {
		var bv []T
		if bias {
			bv = b.get(w.r)
		}
		kernel.Linear(w.tile(v), w.tile(v.in[0]), w.panels, kernel.Matrix[T]{Data: wt.get(w.r), Stride: d.c, Turned: laid.data}, d.r, d.c, k.reach, bv, limits, w.scratch)
	}
}

// bindSum adds the rows of a shard to the worker's part of a sum.
func (pr *program[T]) bindSum(v *value) func(*worker[T]) {
	switch k := v.k.(type) {
	case outer:
		g, x := v.in[0], v.in[1]
		pr.scratch = max(pr.scratch, kernel.OuterScratch[T](g.d.c, x.d.c, pr.panels, k.reach))
		return func(w *worker[T]) {
			gt, xt := w.tile(g), w.tile(x)
			if w.part == 0 {
				w.zeroTail(gt, g.d.c)
				w.zeroTail(xt, x.d.c)
				w.outer = kernel.NewOuterSum(gt, xt, w.panels, g.d.c, x.d.c, k.reach, w.scratch)
			}
			sum, add := w.sum(v)
			w.outer.Add(kernel.Matrix[T]{Data: sum, Stride: x.d.c}, add, w.part)
		}
	case groupOuter:
		return pr.bindGroupOuter(v, k)
	case sumRows:
		x := v.in[0]
		return func(w *worker[T]) {
			xt := w.tile(x)
			w.zeroTail(xt, x.d.c)
			sum, add := w.sum(v)
			if !add {
				clear(sum)
			}
			kernel.SumRows(sum, xt, w.panels, x.d.c)
		}
	}
	panic(fmt.Sprintf("graph: no sum over rows of %v", v.k))
}
