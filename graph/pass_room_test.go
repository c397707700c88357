package graph

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Zeros are left out only where nothing reads them; memory that held NaN before shows
// whether anything does.
func TestRoom(t *testing.T) {
	for _, c := range []struct {
		name  string
		rooms int
		f     func(x, z, w Expr) Expr
	}{
		{"all columns have a block", 1, func(x, z, w Expr) Expr {
			return z.Place(2, x.Slice(0, 2)).Place(0, x.Slice(2, 4).Scale(2))
		}},
		{"two runs of blocks", 2, func(x, z, w Expr) Expr {
			a := z.Place(0, x.Slice(0, 1)).Place(1, x.Slice(1, 4).Shift(1))
			return z.Place(0, x.Slice(1, 4)).Place(3, x.Slice(0, 1).Shift(2)).Mul(a)
		}},
		{"a column without a block", 0, func(x, z, w Expr) Expr {
			return z.Place(0, x.Slice(0, 3).Scale(2)).Shift(1)
		}},
		{"zeros are wanted, too", 1, func(x, z, w Expr) Expr {
			return z.Place(0, x.Slice(0, 2)).Place(2, x.Slice(2, 4).Scale(3)).Mul(z.Sub(x))
		}},
		{"a product within reach", 1, func(x, z, w Expr) Expr {
			z = z.Place(0, x.Slice(0, 2).Shift(1))
			h := z.MaskedLinear(w, Expr{}, Reach{0, 1, 2, 2})
			return z.Place(2, h.Slice(2, 4)).Scale(2)
		}},
		{"a product beyond it", 0, func(x, z, w Expr) Expr {
			z = z.Place(0, x.Slice(0, 2).Shift(1))
			h := z.MaskedLinear(w, Expr{}, Reach{0, 1, 2, 3})
			return z.Place(2, h.Slice(2, 4)).Scale(2)
		}},
		{"a block older than its zeros", 1, func(x, z, w Expr) Expr {
			b := x.Slice(0, 2).Square()
			return x.SumCols().Zeros(4).Place(0, b).Place(2, b.Exp()).Sub(x)
		}},
		{"chosen columns", 1, func(x, z, w Expr) Expr {
			z = z.Place(1, x.Slice(0, 2).Exp())
			return z.Columns([]int{2, 1, 1, 2})
		}},
		{"sums over rows", 1, func(x, z, w Expr) Expr {
			s := x.SumRows().Add(x)
			return z.Place(0, s.Slice(0, 3)).Place(3, x.Slice(1, 2)).Mul(x)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			build := func(zeros bool) (*Program, string) {
				p := NewParams(Float64, 1)
				w := p.New("w", 4, 4, FanIn(1))
				g := New(p, Eval)
				x := g.Rows("x", 4)
				z := x.Zeros(4)
				if !zeros {
					z = g.Rows("z", 4)
				}
				g.Output("out", c.f(x, z, g.Use(w)))
				dump, err := g.Passes()
				require.NoError(t, err)
				prog, err := g.Compile()
				require.NoError(t, err)
				_, last, _ := strings.Cut(dump, "== split\n")
				return prog, last
			}
			prog, dump := build(true)
			require.Equal(t, c.rooms, strings.Count(dump, "room("), dump)
			given, _ := build(false)
			for _, rows := range []int{1, 37, 300} {
				x, got, want, nan := numbers(4*rows, 1), make([]float64, 4*rows), make([]float64, 4*rows), slices.Repeat([]float64{math.NaN()}, 4*rows)
				do := func(r *Run, in, out []float64) {
					require.NoError(t, r.Bind("x", Rows{Float64: in}))
					require.NoError(t, r.Into("out", Rows{Float64: out}))
					require.NoError(t, r.Do(context.Background(), rows))
				}
				used := prog.NewRun()
				do(used, nan, got)
				do(used, x, got)
				ready := given.NewRun()
				require.NoError(t, ready.Bind("z", Rows{Float64: make([]float64, 4*rows)}))
				do(ready, x, want)
				require.Equal(t, want, got, "%d rows", rows)
			}
		})
	}
}
