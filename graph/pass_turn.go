package graph

import "github.com/gorgeflow/gorge/graph/internal/kernel"

// turn finds products of values with zeros whose weights are laid out beforehand, where
// parameters do not change from run to run. Else each shard does it for itself, a block at a
// time, which takes no memory.
func turn(p *plan) {
	if !p.hasRows() || p.g.once || len(p.g.assigns) > 0 {
		return
	}
	for _, v := range p.values {
		switch v.k.(type) {
		case linear, clampedLinear:
		default:
			continue
		}
		x, w := v.in[0], v.in[1]
		wide := x.byRows || v.byRows || min(w.d.r, w.d.c) >= kernel.SparseLeast
		v.turned = v.body && v.staircase() == nil && w.stage == 0 && x.hasZeros() && w.d.r >= fewColumns && wide
	}
}

// laidOut is the weights of a product in the order in which they are read.
type laidOut[T float] struct {
	of   ref[T]
	d    dims
	data []T
}

// layOut lays weights out anew if parameters, and with them the prologue, changed since;
// memory is taken the first time.
func (pr *program[T]) layOut(r *run[T]) {
	if len(pr.laid) == 0 {
		return
	}
	pr.laidOf.refresh(&pr.mu, pr.plan.g.params, func() {
		for _, l := range pr.laid {
			if l.data == nil {
				l.data = make([]T, kernel.TurnedSize[T](l.d.r, l.d.c))
			}
			kernel.Turn(l.data, kernel.Matrix[T]{Data: l.of.get(r), Stride: l.d.c}, l.d.r, l.d.c)
		}
	})
}
