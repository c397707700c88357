package graph

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A block is computed where it will be placed unless something would see it there
// too early; what comes out is the same.
func TestLand(t *testing.T) {
	block := func(b Expr) Expr { return b.Square().Shift(1) }
	for _, c := range []struct {
		name  string
		lands bool
		f     func(x, y Expr) Expr
	}{
		{"free", true, func(x, y Expr) Expr {
			s := x.Scale(2)
			return s.Place(1, block(y)).Scale(3)
		}},
		{"chain", true, func(x, y Expr) Expr {
			s := x.Zeros(4)
			s = s.Place(0, x.Slice(0, 1).Shift(2))
			return s.Place(1, block(s.Slice(0, 1))).Scale(3)
		}},
		{"block made of what it is placed into", false, func(x, y Expr) Expr {
			s := x.Scale(2)
			return s.Place(1, s.Slice(0, 2).Square())
		}},
		{"a reader in between", false, func(x, y Expr) Expr {
			s := x.Scale(2)
			b := block(y)
			late := s.Slice(1, 3).Shift(5)
			return s.Place(1, b).Add(late.SumCols())
		}},
		{"block used twice", false, func(x, y Expr) Expr {
			s := x.Scale(2)
			b := block(y)
			return s.Place(1, b).Add(b.SumCols())
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := New(NewParams(Float64, 1), Eval)
			x, y := g.Rows("x", 4), g.Rows("y", 2)
			g.Output("out", c.f(x, y))
			dump, err := g.Passes()
			require.NoError(t, err)
			require.Equal(t, c.lands, strings.Contains(dump, "  land @"), dump)
			prog, err := g.Compile()
			require.NoError(t, err)
			const rows = 37
			xs, ys, got := numbers(4*rows, 1), numbers(2*rows, 2), make([]float64, 4*rows)
			r := prog.NewRun()
			require.NoError(t, r.Bind("x", Rows{Float64: xs}))
			require.NoError(t, r.Bind("y", Rows{Float64: ys}))
			require.NoError(t, r.Into("out", Rows{Float64: got}))
			require.NoError(t, r.Do(context.Background(), rows))
			for i := range rows {
				want := landed(c.name, xs[4*i:4*i+4], ys[2*i:2*i+2])
				for j := range want {
					require.InDelta(t, want[j], got[4*i+j], 1e-12, "row %d column %d", i, j)
				}
			}
		})
	}
}

// landed is what the cases of TestLand give, written out.
func landed(name string, x, y []float64) [4]float64 {
	sq := func(v float64) float64 { return v*v + 1 }
	a := [4]float64{2 * x[0], 2 * x[1], 2 * x[2], 2 * x[3]}
	switch name {
	case "free":
		return [4]float64{3 * a[0], 3 * sq(y[0]), 3 * sq(y[1]), 3 * a[3]}
	case "chain":
		return [4]float64{3 * (x[0] + 2), 3 * sq(x[0]+2), 0, 0}
	case "block made of what it is placed into":
		return [4]float64{a[0], a[0] * a[0], a[1] * a[1], a[3]}
	case "a reader in between":
		late := a[1] + 5 + a[2] + 5
		return [4]float64{a[0] + late, sq(y[0]) + late, sq(y[1]) + late, a[3] + late}
	}
	more := sq(y[0]) + sq(y[1])
	return [4]float64{a[0] + more, sq(y[0]) + more, sq(y[1]) + more, a[3] + more}
}
