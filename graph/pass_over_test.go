package graph

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// A spline writes over its parameters only where nothing else reads them; its gradients
// are the same bits either way.
func TestOverwrite(t *testing.T) {
	s := Spline{Bins: 5, Bound: 2, MinWidth: 1e-3, MinHeight: 1e-3, MinSlope: 1e-3}
	const rows, dim = 177, 3
	plain := func(x, h Expr) (Expr, Expr) { return x.Spline(h, s) }
	for _, c := range []struct {
		name string
		over bool
		f    func(g *Graph, x, h Expr) (y, l Expr)
	}{
		{"nothing else", true, func(_ *Graph, x, h Expr) (Expr, Expr) { return plain(x, h) }},
		{"an inverse", true, func(_ *Graph, x, h Expr) (Expr, Expr) { return x.SplineInverse(h, s) }},
		{"two stages", true, func(_ *Graph, x, h Expr) (Expr, Expr) {
			y, l := plain(x, h)
			return y.Mul(y.SumRows().Scale(1.0 / rows)), l
		}},
		{"an output", false, func(g *Graph, x, h Expr) (Expr, Expr) {
			g.Output("h", h)
			return plain(x, h)
		}},
		{"another user", false, func(g *Graph, x, h Expr) (Expr, Expr) {
			g.Output("sum", h.SumCols())
			return plain(x, h)
		}},
		{"a view", false, func(g *Graph, x, h Expr) (Expr, Expr) {
			g.Output("first", h.Slice(0, 2).Scale(2))
			return plain(x, h)
		}},
		{"part of something else", false, func(g *Graph, x, h Expr) (Expr, Expr) {
			y, l := plain(x.Slice(0, 2), h.Slice(0, 2*s.Params()))
			z, m := plain(x.Slice(2, 3), h.Slice(2*s.Params(), 3*s.Params()))
			return Concat(y, z), Concat(l, m)
		}},
		{"a second spline", false, func(g *Graph, x, h Expr) (Expr, Expr) {
			y, _ := plain(x.Scale(0.5), h)
			g.Output("other", y)
			return plain(x, h)
		}},
	} {
		for _, dt := range []DType{Float32, Float64} {
			t.Run(c.name+"/"+dt.String(), func(t *testing.T) {
				gradient := func(keep, over bool) []float64 {
					p := NewParams(dt, 3)
					w := p.New("w", dim*s.Params(), dim, FanIn(1))
					g := New(p, Train)
					x := g.Rows("x", dim)
					h := x.Linear(g.Use(w), Expr{})
					if keep {
						g.Output("kept", h)
					}
					y, l := c.f(g, x, h)
					g.Minimize(y.Square().Sub(l).SumCols().SumRows())
					prog, err := g.Compile()
					require.NoError(t, err)
					require.Equal(t, over && kernel.HasSpline[float32](), strings.Contains(prog.Dump(), "+over"), prog.Dump())
					r := prog.NewRun()
					require.NoError(t, r.Bind("x", Rows{Float64: numbers(rows*dim, 5)}))
					require.NoError(t, r.Do(context.Background(), rows))
					require.NoError(t, r.Do(context.Background(), rows))
					return w.GetGrad()
				}
				require.Equal(t, gradient(true, false), gradient(false, c.over))
			})
		}
	}
}
