package graph

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// randomGraph grows a graph from inputs x, y of 6 columns and parameters: each
// step takes values that are there. All functions are bounded or tame, so that
// nothing explodes however deep it grows.
func randomGraph(g *Graph, rng *rand.Rand, x, y, v, w Expr, steps int) Expr {
	pool := []Expr{x, y}
	pick := func() Expr { return pool[rng.IntN(len(pool))] }
	wide := func() Expr { // of 6 columns
		e := pick()
		idx := make([]int, 6)
		for i := range idx {
			idx[i] = rng.IntN(e.Cols())
		}
		if rng.IntN(2) == 0 && e.Cols() >= 6 {
			return e.Slice(0, 6)
		}
		return e.Columns(idx)
	}
	for range steps {
		var e Expr
		switch rng.IntN(17) {
		case 0:
			e = pick().Tanh()
		case 1:
			e = pick().Sigmoid().Mul(pick().SumCols().Tanh())
		case 2:
			e = pick().Softplus().Log1p()
		case 3:
			e = wide().Add(wide().Scale(0.5))
		case 4:
			e = wide().Sub(v).Mul(wide().Tanh())
		case 5:
			e = wide().Linear(w, v.Slice(0, 4)).Clamp(-0.5, 1.5)
		case 6:
			e = wide().MaskedLinear(w, Expr{}, Reach{1, 1, 4, 6}).Clamp(0, 2)
		case 7:
			e = Concat(pick(), pick().Square().Shift(1).Recip())
		case 8:
			e = wide().Place(rng.IntN(4), wide().Slice(0, 2).Tanh())
		case 9:
			e = wide().SumGroups(1 + rng.IntN(3)).Tanh()
		case 10:
			e = wide().Less(wide()).Where(wide().Neg().Exp().Shift(1).Recip(), wide().Tanh())
		case 11:
			e = wide().Max(v).Min(wide().Abs().Shift(0.1))
		case 12:
			e = wide().Slice(1, 5).Tanh().Times(w)
		case 13:
			e = wide().Softmax(3)
		case 14:
			m := wide().Tanh()
			e = m.Sub(m.SumRows().Scale(0.05)).Square()
		case 15:
			h := Concat(wide(), wide().Tanh(), wide()).Slice(0, 16)
			a, l := wide().Slice(0, 2).Spline(h.Tanh(), Spline{Bins: 3, Bound: 1.5, MinWidth: 1e-3, MinHeight: 1e-3, MinSlope: 1e-3})
			e = Concat(a, l)
		case 16: // blocks into zeros, which are read in between and shared by all such
			z := x.Zeros(6)
			z = z.Place(0, wide().Slice(0, 3).Tanh())
			h := z.MaskedLinear(w, Expr{}, Reach{1, 2, 3, int32(3 + 3*rng.IntN(2))})
			e = z.Place(3, h.Slice(0, 3).Clamp(-1, 1))
		}
		if e.Cols() > 24 {
			e = e.Slice(0, 24)
		}
		pool = append(pool, e)
	}
	out := pool[len(pool)-1]
	for _, e := range pool[2 : len(pool)-1] {
		if rng.IntN(3) == 0 {
			out = Concat(out, e.SumCols().Tanh())
		}
	}
	return out
}

// Programs of random graphs give what gorgonia's tape machine gives: values and
// gradients.
func TestRandomGraphs(t *testing.T) {
	for seed := range uint64(80) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 99))
			rows := []int{1, 2, 7, 31, 33, 130, 300}[rng.IntN(7)]
			steps := 3 + rng.IntN(15)
			f := build(t, opCase{build: func(g *Graph, x, y, v, w Expr) Expr { return randomGraph(g, rng, x, y, v, w, steps) }, lo: -2}, Float64, rows, false)
			_, got := f.run(t)
			for name, want := range tape(t, f) {
				requireClose(t, name, want, got[name], 1e-10)
			}
		})
	}
}
