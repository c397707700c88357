package layers

import (
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// Permutation reorders columns: u_i = x_order[i].
type Permutation struct{ order, back []int }

// NewPermutation makes a permutation of the columns; order[i] is the column of
// the data that becomes column i of the noise.
func NewPermutation(p *graph.Params, order []int) *Permutation {
	back, err := invertOrder(order, len(order))
	if err != nil {
		p.Fail("layers: permutation: %w", err)
		order, back = []int{0}, []int{0}
	}
	return &Permutation{slices.Clone(order), back}
}

// NewReverse makes the permutation that reverses dim columns.
func NewReverse(p *graph.Params, dim int) *Permutation {
	order := identity(dim)
	slices.Reverse(order)
	return NewPermutation(p, order)
}

// NewShuffle makes a random permutation of dim columns that depends on the seed
// alone.
func NewShuffle(p *graph.Params, dim int, seed uint64) *Permutation {
	return NewPermutation(p, RandomOrder(dim, seed))
}

// Forward emits x.
func (l *Permutation) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, len(l.order), "permutation") {
		return u, u
	}
	return u.Columns(l.back), u.Zeros(1)
}

// Inverse emits u.
func (l *Permutation) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, len(l.order), "permutation") {
		return x, x
	}
	return x.Columns(l.order), x.Zeros(1)
}
