package graph

import "github.com/gorgeflow/gorge/graph/internal/kernel"

// bindFlat evaluates a value without rows: by a kernel where there is one for the
// shapes, else as gorgonia's machines do.
func (pr *program[T]) bindFlat(v *value) func(*run[T], *flatScratch[T]) {
	out := pr.ref(v)
	args := make([]ref[T], len(v.in))
	for i, a := range v.in {
		args[i] = pr.ref(a)
	}
	if f := pr.flatKernel(v, out, args); f != nil {
		return f
	}
	// Shapes are fixed; the slices are looked up anew in each run.
	in := make([]mat[T], len(v.in))
	for i, a := range v.in {
		in[i] = mat[T]{r: a.d.r, c: a.d.c}
	}
	pr.flatArgs = max(pr.flatArgs, len(in))
	k, d := v.k, v.d
	return func(r *run[T], s *flatScratch[T]) {
		buf := s.mats[:len(in)]
		for i, a := range args {
			buf[i] = mat[T]{in[i].r, in[i].c, a.get(r)}
		}
		evalFlat(k, mat[T]{d.r, d.c, out.get(r)}, buf)
	}
}

func (pr *program[T]) flatKernel(v *value, out ref[T], in []ref[T]) func(*run[T], *flatScratch[T]) {
	d := v.d
	shape := func(i int) dims { return v.in[i].d }
	switch k := v.k.(type) {
	case unary:
		a, b := T(k.a), T(k.b)
		return func(r *run[T], _ *flatScratch[T]) { kernel.Apply(k.kind, out.get(r), in[0].get(r), a, b) }
	case binary:
		x, y := shape(0), shape(1)
		if x.c != d.c || y.c != d.c {
			return nil
		}
		return func(r *run[T], _ *flatScratch[T]) {
			o, p, q := out.get(r), in[0].get(r), in[1].get(r)
			if x.r == y.r {
				kernel.Pairs(k.kind, o, p, q)
				return
			}
			for i := range d.r {
				kernel.Pairs(k.kind, o[i*d.c:][:d.c], rowOf(p, x, i), rowOf(q, y, i))
			}
		}
	case linear:
		if k.reach != nil {
			return nil
		}
		w := shape(1)
		pr.flatScratch = max(pr.flatScratch, w.r*w.c)
		return func(r *run[T], s *flatScratch[T]) { // x Wᵀ + b
			m, t := in[1].get(r), s.times
			for j := range w.r {
				for i, x := range m[j*w.c:][:w.c] {
					t[i*w.r+j] = x
				}
			}
			o := out.get(r)
			kernel.Times(o, in[0].get(r), w.c, 1, t, d.r, w.c, w.r)
			if len(in) == 3 {
				for b := in[2].get(r); len(o) > 0; o = o[d.c:] {
					kernel.Pairs(kernel.Add, o[:d.c], o[:d.c], b)
				}
			}
		}
	case linearT:
		if k.reach != nil {
			return nil
		}
		w := shape(1)
		return func(r *run[T], _ *flatScratch[T]) {
			kernel.Times(out.get(r), in[0].get(r), w.r, 1, in[1].get(r), d.r, w.r, w.c)
		}
	case outer:
		if k.reach != nil {
			return nil
		}
		g := shape(0)
		return func(r *run[T], _ *flatScratch[T]) {
			kernel.Times(out.get(r), in[0].get(r), 1, g.c, in[1].get(r), d.r, g.r, d.c)
		}
	}
	return nil
}

// rowOf is row i of a matrix, or its only one.
func rowOf[T float](m []T, d dims, i int) []T {
	if d.r == 1 {
		i = 0
	}
	return m[i*d.c:][:d.c]
}
