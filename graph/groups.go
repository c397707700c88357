package graph

import (
	"fmt"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// The products of runs of columns with one small matrix: the columns of a value
// are groups of k, and each group is a row of its own. In a panel the groups
// already stand one behind the other, as panels do.
//
//	groupLinear      y_g = x_g Wᵀ          transposed: y_g = x_g W
//	groupOuter       W = Σ_rows Σ_groups g_gᵀ x_g
type (
	groupLinear struct {
		groups     int
		transposed bool
	}
	groupOuter struct{ groups int }
)

func (o groupLinear) String() string {
	return fmt.Sprintf("groupLinear(%d,%t)", o.groups, o.transposed)
}
func (o groupOuter) String() string { return fmt.Sprintf("groupOuter(%d)", o.groups) }

func (o groupLinear) shape(in []dims) (dims, error) {
	x, w := in[0], in[1]
	m, k := w.r, w.c
	if o.transposed {
		m, k = k, m
	}
	if !x.rows || w.rows || o.groups < 1 || x.c != o.groups*k {
		return dims{}, fmt.Errorf("%d groups of %v by weights %v", o.groups, x, w)
	}
	return dims{x.rows, x.r, o.groups * m}, nil
}

func (o groupOuter) shape(in []dims) (dims, error) {
	g, x := in[0], in[1]
	if !g.rows || !x.rows || g.c%o.groups != 0 || x.c%o.groups != 0 {
		return dims{}, fmt.Errorf("%d groups of %v and %v", o.groups, g, x)
	}
	return dims{r: g.c / o.groups, c: x.c / o.groups}, nil
}

func (o groupLinear) diff(xs []Expr, _, g Expr) []Expr {
	x, w := xs[0], xs[1]
	dx := g.apply2(groupLinear{o.groups, !o.transposed}, w)
	if o.transposed {
		return []Expr{dx, x.apply2(groupOuter{o.groups}, g)}
	}
	return []Expr{dx, g.apply2(groupOuter{o.groups}, x)}
}

func (o groupOuter) diff(xs []Expr, _, g Expr) []Expr {
	u, x := xs[0], xs[1]
	return []Expr{x.apply2(groupLinear{o.groups, false}, g), u.apply2(groupLinear{o.groups, true}, g)}
}

// GroupLinear multiplies each of e's groups of columns by the same weights, of one
// row per output: (rows, groups·k) and (m, k) give (rows, groups·m). A bias b of
// (1, m), if not zero, is added to each group.
func (e Expr) GroupLinear(groups int, w, b Expr) Expr {
	y := e.apply2(groupLinear{groups: groups}, w)
	if b.IsZero() {
		return y
	}
	all := make([]int, 0, groups*b.Cols())
	for range groups {
		for i := range b.Cols() {
			all = append(all, i)
		}
	}
	return y.Add(b.Columns(all))
}

func (pr *program[T]) bindGroups(v *value, k groupLinear) func(*worker[T]) {
	wt, d, x := pr.ref(v.in[1]), v.in[1].d, v.in[0]
	n := kernel.PanelRows[T]()
	in, out := x.d.c/k.groups, v.d.c/k.groups
	return func(w *worker[T]) {
		yt, xt := w.tile(v), w.tile(x)
		m := kernel.Matrix[T]{Data: wt.get(w.r), Stride: d.c}
		for p := range w.panels {
			y := kernel.Tile[T]{Data: yt.Panel(p, v.d.c), Stride: out * n}
			x := kernel.Tile[T]{Data: xt.Panel(p, x.d.c), Stride: in * n}
			if k.transposed {
				kernel.LinearT(y, x, k.groups, m, d.r, d.c, nil, kernel.Tile[T]{}, nil, nil)
			} else {
				kernel.Linear(y, x, k.groups, m, d.r, d.c, nil, nil, nil, nil)
			}
		}
	}
}

func (pr *program[T]) bindGroupOuter(v *value, k groupOuter) func(*worker[T]) {
	g, x := v.in[0], v.in[1]
	n := kernel.PanelRows[T]()
	pr.scratch = max(pr.scratch, kernel.OuterScratch[T](v.d.r, v.d.c, k.groups, nil))
	return func(w *worker[T]) {
		gt, xt := w.tile(g), w.tile(x)
		w.zeroTail(gt, g.d.c)
		w.zeroTail(xt, x.d.c)
		sum, add := w.sum(v)
		to := kernel.Matrix[T]{Data: sum, Stride: v.d.c}
		for p := range w.panels {
			kernel.Outer(to, kernel.Tile[T]{Data: gt.Panel(p, g.d.c), Stride: v.d.r * n},
				kernel.Tile[T]{Data: xt.Panel(p, x.d.c), Stride: v.d.c * n}, k.groups, v.d.r, v.d.c, nil, w.scratch, add || p > 0)
		}
	}
}

func flatGroups[T float](k groupLinear, out mat[T], in []mat[T]) {
	split := func(m mat[T]) mat[T] { return mat[T]{m.r * k.groups, m.c / k.groups, m.v} }
	if k.transposed {
		flatLinearT(split(out), split(in[0]), in[1], nil)
	} else {
		flatLinear(split(out), []mat[T]{split(in[0]), in[1]}, nil)
	}
}

func flatGroupOuter[T float](k groupOuter, out mat[T], in []mat[T]) {
	split := func(m mat[T]) mat[T] { return mat[T]{m.r * k.groups, m.c / k.groups, m.v} }
	flatOuter(out, split(in[0]), split(in[1]), nil)
}
