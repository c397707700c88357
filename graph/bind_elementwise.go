package graph

import (
	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

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
