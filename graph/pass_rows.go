package graph

import "github.com/gorgeflow/gorge/graph/internal/kernel"

// leastByRows is the fewest columns for which it pays to have values row by row.
const leastByRows = 96

// fewColumns is fewer than what a product over rows makes at no loss.
const fewColumns = 64

// wideGradient is how many columns a gradient has that gains by standing row by row even if
// a few columns are made of it.
const wideGradient = 192

// byRows chooses the layout of values that hold many zeros, hidden units behind a
// rectifier and gradients that passed one: row by row. Products take such values as they
// are and leave out the zeros. What is computed from them element by element stands the
// same way; all else stays in panels.
func byRows(p *plan) {
	if !p.hasRows() {
		return
	}
	for _, v := range p.values {
		v.byRows = v.mayStand() && v.isSeenByRows()
	}
	p.settleRows()
	p.keepZeros()
	p.settleRows()
}

// hasRows reports whether there are products of values that stand row by row.
func (p *plan) hasRows() bool {
	if p.g.params.DType() == Float64 {
		return kernel.HasRows[float64]()
	}
	return kernel.HasRows[float32]()
}

// settleRows takes the layout from values that do not stand as others they have to stand
// like.
func (p *plan) settleRows() {
	for again := true; again; {
		again = false
		for _, v := range p.values {
			for _, o := range v.alike() {
				if o.byRows != v.byRows {
					o.byRows, v.byRows, again = false, false, true
				}
			}
			if _, gated := v.k.(gatedLinearT); gated && v.byRows && !v.in[2].byRows {
				v.byRows, again = false, true
			}
		}
	}
}

// keepZeros takes the layout from values that stand alike if none of them has zeros to
// leave out.
func (p *plan) keepZeros() {
	found := map[*value]bool{}
	for _, v := range p.values {
		found[v] = v.byRows && v.hasZeros()
	}
	for again := true; again; {
		again = false
		for _, v := range p.values {
			for _, o := range v.alike() {
				if found[o] != found[v] {
					found[o], found[v], again = true, true, true
				}
			}
		}
	}
	for _, v := range p.values {
		v.byRows = v.byRows && found[v]
	}
}

// mayStand reports whether a value can be computed row by row.
func (v *value) mayStand() bool {
	if !v.body || v.reduce || v.k == nil || v.root != v || len(v.outs) > 0 || v.d.c < leastByRows || v.d.c%kernel.RowWidth != 0 {
		return false
	}
	switch v.k.(type) {
	case linear, clampedLinear, linearT, gatedLinearT:
		return v.staircase() == nil
	}
	return len(v.in) > 0 && len(v.alike()) == len(v.in)
}

// isSeenByRows reports whether all users take a value row by row, and gain by it: those
// that make a few columns of it do not.
func (v *value) isSeenByRows() bool {
	for _, u := range v.users {
		switch u.k.(type) {
		case linear, clampedLinear, linearT, gatedLinearT:
			if u.staircase() != nil || u.in[0] == v && u.d.c < v.fewest(u) && !v.gates() {
				return false
			}
		case outer:
			if !u.reduce || u.staircase() != nil || u.in[0] == v && u.in[1].d.c < v.fewest(u) {
				return false
			}
		case sumRows:
			if !u.reduce {
				return false
			}
		default:
			if !u.body || len(u.alike()) != len(u.in) {
				return false
			}
		}
	}
	return true
}

// fewest is the fewest columns that a user may make of the value without loss.
func (v *value) fewest(u *value) int {
	switch u.k.(type) {
	case linearT, gatedLinearT, outer:
		if v.d.c >= wideGradient {
			return 0
		}
	}
	return fewColumns
}

// alike are the arguments that stand as the value itself does: all of an elementwise
// operation without broadcasting.
func (v *value) alike() []*value {
	switch v.k.(type) {
	case unary, binary:
	default:
		return nil
	}
	for _, a := range v.in {
		if !a.body || a.d != v.d {
			return nil
		}
	}
	return v.in
}

// hasZeros reports whether about half of the elements are expected to be zero.
func (v *value) hasZeros() bool {
	switch k := v.k.(type) {
	case clampedLinear:
		return k.lo == 0 || k.hi == 0
	case gatedLinearT:
		return k.lo == 0 || k.hi == 0
	case unary:
		return k.kind == kernel.ReLU || k.kind == kernel.Clamp && (k.a == 0 || k.b == 0)
	}
	return false
}

// gates reports whether a gradient is to be zero where the value does not lie between limits.
func (v *value) gates() bool {
	for _, u := range v.users {
		if _, ok := u.k.(gatedLinearT); ok && u.in[2] == v {
			return true
		}
	}
	return false
}
