package layers

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// Autoregressive is the masked autoregressive layer of Papamakarios et al.
// (2017), arXiv:1705.07057, with any transformer τ:
//
//	x_i = τ(u_i; h_i),  h_i = c(x_<i)
//
// Inverse takes one pass of the conditioner. Forward goes element by element, in one
// evaluation of the network in all; see [MADE.Unroll].
type Autoregressive struct {
	t     Transformer
	dim   int
	order []int // column of the i-th element
	back  []int
	net   *MADE
}

// AutoregressiveOptions are the rarer settings of an autoregressive layer.
type AutoregressiveOptions struct {
	// Context is the number of context columns.
	Context int
	// Order lists the columns in the order of their dependence; default 0, 1, …. See
	// [RandomOrder].
	Order []int
}

// NewAutoregressive makes a masked autoregressive layer of dim columns.
func NewAutoregressive(p *graph.Params, dim int, t Transformer, net Net, opts AutoregressiveOptions) *Autoregressive {
	if err := cmp.Or(checkAlone(t), checkAngles(net.Angles, dim)); err != nil {
		p.Fail("layers: autoregressive: %w", err)
		t, net = Affine{}, Net{}
	}
	order := opts.Order
	if order == nil {
		order = identity(dim)
	}
	back, err := invertOrder(order, dim)
	if err != nil {
		p.Fail("layers: autoregressive: %w", err)
		order, back = identity(max(dim, 1)), identity(max(dim, 1))
	}
	return &Autoregressive{t, len(order), slices.Clone(order), back, NewMADE(p, len(order), t.Params(), opts.Context, net.of(order))}
}

func identity(n int) []int {
	out := make([]int, max(n, 0))
	for i := range out {
		out[i] = i
	}
	return out
}

// invertOrder checks that order is a permutation of dim columns.
func invertOrder(order []int, dim int) ([]int, error) {
	back := slices.Repeat([]int{-1}, max(dim, 0))
	if len(order) != dim || dim < 1 {
		return nil, fmt.Errorf("order of %d columns for %d", len(order), dim)
	}
	for i, c := range order {
		if c < 0 || c >= dim || back[c] >= 0 {
			return nil, fmt.Errorf("order %v is not a permutation of 0 … %d", order, dim-1)
		}
		back[c] = i
	}
	return back, nil
}

// Inverse emits u = T⁻¹(x).
func (l *Autoregressive) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "autoregressive") {
		return x, x
	}
	x = x.Columns(l.order)
	u, logSlope := at(l.t, l.order).Inverse(x, l.net.Apply(x, context))
	return u.Columns(l.back), logSlope.SumCols()
}

// Forward emits x = T(u).
func (l *Autoregressive) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "autoregressive") {
		return u, u
	}
	u = u.Columns(l.order)
	slopes := make([]graph.Expr, l.dim)
	x = l.net.Unroll(u, context, func(i int, h graph.Expr) (xi graph.Expr) {
		xi, slopes[i] = at(l.t, l.order[i:i+1]).Forward(u.Slice(i, i+1), h)
		return xi
	})
	return x.Columns(l.back), graph.Concat(slopes...).SumCols()
}
