package graph

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

type float interface{ float32 | float64 }

// mat is a row-major matrix.
type mat[T float] struct {
	r, c int
	v    []T
}

func (m mat[T]) at(i, j int) T {
	if m.r == 1 {
		i = 0
	}
	if m.c == 1 {
		j = 0
	}
	return m.v[i*m.c+j]
}

func (m mat[T]) row(i int) []T { return m.v[i*m.c : (i+1)*m.c] }

// doFlat evaluates an operation for gorgonia's machines.
func doFlat[T float](o *op, values []gorgonia.Value) (gorgonia.Value, error) {
	in := make([]mat[T], len(values))
	for i, v := range values {
		switch d := v.Data().(type) {
		case []T:
			s := v.Shape()
			if len(s) != 2 {
				return nil, fmt.Errorf("graph: %v: argument %d has shape %v, want a matrix", o, i+1, s)
			}
			in[i] = mat[T]{s[0], s[1], d}
		case T:
			in[i] = mat[T]{1, 1, []T{d}}
		default:
			return nil, fmt.Errorf("graph: %v: argument %d is %T", o, i+1, v.Data())
		}
	}
	d := o.d
	if d.rows {
		for i, n := range o.in {
			if o.g.nodeDims(n).rows {
				d.r = in[i].r
			}
		}
	}
	out := mat[T]{d.r, d.c, make([]T, d.r*d.c)}
	evalFlat(o.rule, out, in)
	if o.loss {
		if v, ok := any(out.v[0]).(float64); ok {
			return gorgonia.NewF64(v), nil
		}
		return gorgonia.NewF32(float32(out.v[0])), nil
	}
	return tensor.New(tensor.WithShape(d.r, d.c), tensor.WithBacking(out.v)), nil
}

// evalFlat evaluates an operation on row-major matrices. It serves values
// without rows in programs, and everything on gorgonia's machines.
func evalFlat[T float](k rule, out mat[T], in []mat[T]) {
	switch k := k.(type) {
	case unary:
		for i, x := range in[0].v {
			out.v[i] = T(k.f(float64(x)))
		}
	case binary:
		for i := range out.r {
			for j := range out.c {
				out.v[i*out.c+j] = T(k.f(float64(in[0].at(i, j)), float64(in[1].at(i, j))))
			}
		}
	case where:
		for i := range out.r {
			for j := range out.c {
				if in[0].at(i, j) != 0 {
					out.v[i*out.c+j] = in[1].at(i, j)
				} else {
					out.v[i*out.c+j] = in[2].at(i, j)
				}
			}
		}
	case expand:
		for i := range out.r {
			for j := range out.c {
				out.v[i*out.c+j] = in[0].at(i, j)
			}
		}
	case zeros:
		clear(out.v)
	case linear:
		flatLinear(out, in, k.reach)
	case linearT:
		flatLinearT(out, in[0], in[1], k.reach)
	case outer:
		flatOuter(out, in[0], in[1], k.reach)
	case lossOp, unloss, reshape, inverseOf:
		copy(out.v, in[0].v)
	case spline:
		flatSpline(k, out, in)
	case splineGrad:
		flatSplineGrad(k, out, in)
	case solve:
		flatSolve(k, out, in)
	case groupOuter:
		flatGroupOuter(k, out, in)
	case groupLinear:
		flatGroups(k, out, in)
	case matInverse:
		flatMatInverse(out, in[0])
	case logDet:
		flatLogDet(out, in[0])
	case dropout:
		flatDropout(k, out, in[0])
		return
	case expm:
		flatExpm(out, in[0])
	case triInverse:
		flatTriInverse(k.upper, out, in[0])
	default:
		flatShape(k, out, in)
	}
}

func flatLinear[T float](out mat[T], in []mat[T], reach Reach) {
	x, w := in[0], in[1]
	for i := range out.r {
		for j := range out.c {
			var s float64
			if len(in) == 3 {
				s = float64(in[2].v[j])
			}
			n := w.c
			if reach != nil {
				n = int(reach[j])
			}
			for q := range n {
				s += float64(x.v[i*x.c+q]) * float64(w.v[j*w.c+q])
			}
			out.v[i*out.c+j] = T(s)
		}
	}
}

func flatLinearT[T float](out, g, w mat[T], reach Reach) {
	clear(out.v)
	for i := range out.r {
		o := out.row(i)
		for j := range g.c {
			n := w.c
			if reach != nil {
				n = int(reach[j])
			}
			for q := range n {
				o[q] += g.v[i*g.c+j] * w.v[j*w.c+q]
			}
		}
	}
}

func flatOuter[T float](out, g, x mat[T], reach Reach) {
	clear(out.v)
	for i := range g.r {
		for j := range g.c {
			n := x.c
			if reach != nil {
				n = int(reach[j])
			}
			o := out.row(j)
			for q := range n {
				o[q] += g.v[i*g.c+j] * x.v[i*x.c+q]
			}
		}
	}
}

func flatSpline[T float](k spline, out mat[T], in []mat[T]) {
	x, h := in[0], in[1]
	var q knots
	n := k.s.Params()
	for i := range x.r {
		for j := range x.c {
			p := h.row(i)[j*n : (j+1)*n]
			y, l := k.s.eval(&q, float64(x.v[i*x.c+j]), k.inverse, func(m int) float64 { return float64(p[m]) })
			out.v[i*out.c+j], out.v[i*out.c+x.c+j] = T(y), T(l)
		}
	}
}

func flatSplineGrad[T float](k splineGrad, out mat[T], in []mat[T]) {
	x, h, g := in[0], in[1], in[2]
	var q knots
	n := k.s.Params()
	for i := range x.r {
		for j := range x.c {
			p := h.row(i)[j*n : (j+1)*n]
			o := out.row(i)
			dst := o[x.c+j*n : x.c+(j+1)*n]
			gx := k.s.grad(&q, float64(x.v[i*x.c+j]), float64(g.row(i)[j]), float64(g.row(i)[x.c+j]), k.inverse,
				func(m int) float64 { return float64(p[m]) }, func(m int, v float64) { dst[m] = T(v) })
			o[j] = T(gx)
		}
	}
}

// flatTriInverse solves A X = 1 by substitution.
func flatTriInverse[T float](upper bool, out, a mat[T]) {
	n := a.r
	clear(out.v)
	for j := range n {
		for s := range n {
			i := s
			if upper {
				i = n - 1 - s
			}
			sum := 0.0
			if i == j {
				sum = 1
			}
			for m := range n {
				if (m < i) == !upper && m != i {
					sum -= float64(a.v[i*n+m]) * float64(out.v[m*n+j])
				}
			}
			if sum != 0 {
				out.v[i*n+j] = T(sum / float64(a.v[i*n+i]))
			}
		}
	}
}

// flatShape moves and adds elements.
func flatShape[T float](k rule, out mat[T], in []mat[T]) {
	clear(out.v)
	for i := range out.r {
		o := out.row(i)
		switch k := k.(type) {
		case gather:
			for j, c := range k.idx {
				o[j] = in[0].row(i)[c]
			}
		case scatter:
			for j, c := range k.idx {
				o[c] += in[0].row(i)[j]
			}
		case concat:
			at := 0
			for _, x := range in {
				at += copy(o[at:], x.row(i))
			}
		case place:
			copy(o, in[0].row(i))
			copy(o[k.at:], in[1].row(i))
		case repeat:
			for j := range o {
				o[j] = in[0].row(i)[j/k.k]
			}
		case cumGroups:
			x := in[0].row(i)
			k.add(len(o), func(col, before int) {
				o[col] = x[col]
				if before >= 0 {
					o[col] += o[before]
				}
			})
		case sumGroups:
			for j, v := range in[0].row(i) {
				o[j/k.k] += v
			}
		case maxGroups:
			for j, v := range in[0].row(i) {
				if j%k.k == 0 {
					o[j/k.k] = v
				} else {
					o[j/k.k] = T(math.Max(float64(o[j/k.k]), float64(v)))
				}
			}
		case sumRows:
			for r := range in[0].r {
				for j, v := range in[0].row(r) {
					o[j] += v
				}
			}
		case transpose:
			for j := range o {
				o[j] = in[0].row(j)[i]
			}
		case takeRows:
			copy(o, in[0].row(k.lo+i))
		case putRows:
			if i >= k.lo && i < k.lo+in[0].r {
				copy(o, in[0].row(i-k.lo))
			}
		default:
			panic(fmt.Sprintf("graph: no evaluation of %v", k))
		}
	}
}
