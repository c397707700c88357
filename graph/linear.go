package graph

import (
	"fmt"
	"hash/fnv"
)

// Reach says how far a masked product reaches: output unit j sees the inputs
// before Reach[j]. It must not decrease. The zero value sees everything.
type Reach []int32

func (r Reach) String() string {
	if r == nil {
		return ""
	}
	h := fnv.New64a()
	for _, v := range r {
		fmt.Fprintf(h, "%d,", v)
	}
	return fmt.Sprintf("[reach %x]", h.Sum64())
}

func (r Reach) check(m, k int) error {
	if r == nil {
		return nil
	}
	if len(r) != m {
		return fmt.Errorf("reach of %d units for %d", len(r), m)
	}
	last := int32(0)
	for j, v := range r {
		if v < last || int(v) > k {
			return fmt.Errorf("reach %d of unit %d: must not decrease nor pass %d inputs", v, j, k)
		}
		last = v
	}
	return nil
}

// The three products are closed under differentiation. With W of shape (m, k),
// x of k columns and g of m:
//
//	linear   y = x Wᵀ + b      d/dx = linearT(g, W)   d/dW = outer(g, x)
//	linearT  x = g W           d/dg = linear(x̄, W)    d/dW = outer(g, x̄)
//	outer    W = Σ_rows gᵀ x   d/dg = linear(x, W̄)    d/dx = linearT(g, W̄)
type (
	linear  struct{ reach Reach }
	linearT struct{ reach Reach }
	outer   struct{ reach Reach }
)

func (l linear) String() string  { return "linear" + l.reach.String() }
func (l linearT) String() string { return "linearT" + l.reach.String() }
func (l outer) String() string   { return "outer" + l.reach.String() }

func (l linear) shape(in []dims) (dims, error) {
	x, w := in[0], in[1]
	switch {
	case w.rows:
		return dims{}, fmt.Errorf("weights %v must not have rows", w)
	case x.c != w.c:
		return dims{}, fmt.Errorf("input %v and weights %v: columns differ", x, w)
	case len(in) == 3 && (in[2].rows || in[2].r != 1 || in[2].c != w.r):
		return dims{}, fmt.Errorf("bias %v for weights %v", in[2], w)
	}
	return dims{x.rows, x.r, w.r}, l.reach.check(w.r, w.c)
}

func (l linearT) shape(in []dims) (dims, error) {
	g, w := in[0], in[1]
	switch {
	case w.rows:
		return dims{}, fmt.Errorf("weights %v must not have rows", w)
	case g.c != w.r:
		return dims{}, fmt.Errorf("input %v and weights %v: %d columns for %d units", g, w, g.c, w.r)
	}
	return dims{g.rows, g.r, w.c}, l.reach.check(w.r, w.c)
}

func (l outer) shape(in []dims) (dims, error) {
	g, x := in[0], in[1]
	if g.rows != x.rows || g.r != x.r {
		return dims{}, fmt.Errorf("%v and %v: rows differ", g, x)
	}
	return dims{r: g.c, c: x.c}, l.reach.check(g.c, x.c)
}

func (l linear) diff(xs []Expr, _, g Expr) []Expr {
	x, w := xs[0], xs[1]
	out := []Expr{g.linearT(w, l.reach), g.outer(x, l.reach)}
	if len(xs) == 3 {
		out = append(out, g.SumRows())
	}
	return out
}

func (l linearT) diff(xs []Expr, _, g Expr) []Expr {
	u, w := xs[0], xs[1]
	return []Expr{g.linear(w, Expr{}, l.reach), u.outer(g, l.reach)}
}

func (l outer) diff(xs []Expr, _, g Expr) []Expr {
	u, x := xs[0], xs[1]
	return []Expr{x.linear(g, Expr{}, l.reach), u.linearT(g, l.reach)}
}

// Linear returns e Wᵀ + b for weights of one row per output; a zero b is none.
func (e Expr) Linear(w, b Expr) Expr { return e.linear(w, b, nil) }

// MaskedLinear is [Expr.Linear] in which output j sees only the inputs before
// reach[j]. The other weights are never read and their gradients are zero.
func (e Expr) MaskedLinear(w, b Expr, reach Reach) Expr { return e.linear(w, b, reach) }

// Times returns the matrix product e W.
func (e Expr) Times(w Expr) Expr { return e.linearT(w, nil) }

func (e Expr) linear(w, b Expr, reach Reach) Expr {
	if b.IsZero() {
		return e.apply2(linear{reach}, w)
	}
	if e.g == nil {
		return e
	}
	return e.g.apply(linear{reach}, e, w, b)
}

func (e Expr) linearT(w Expr, reach Reach) Expr { return e.apply2(linearT{reach}, w) }
func (e Expr) outer(x Expr, reach Reach) Expr   { return e.apply2(outer{reach}, x) }
