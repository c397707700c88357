package graph

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// wideGraph grows a network of hidden layers, some of which have zeros, with short cuts
// and with users that want panels.
func wideGraph(g *Graph, rng *rand.Rand, x Expr, steps int) Expr {
	made := 0
	layer := func(e Expr, units int) Expr {
		made++
		p := g.Params()
		w := p.New(fmt.Sprintf("w%d", made), units, e.Cols(), FanIn(1))
		b := p.New(fmt.Sprintf("b%d", made), 1, units, Gaussian(0.1))
		return e.Linear(g.Use(w), g.Use(b))
	}
	const width = 112
	pool := []Expr{layer(x, width)}
	pick := func() Expr { return pool[rng.IntN(len(pool))] }
	var ends []Expr
	for range steps {
		e := pick()
		switch min(rng.IntN(16), 9) {
		case 0, 9:
			e = layer(e, width).Clamp(0, 10)
		case 8:
			e = layer(layer(e, width).Clamp(-1, []float64{0, 1}[rng.IntN(2)]), width).Clamp(-0.3, 0.5)
		case 1:
			e = layer(e.ReLU(), width)
		case 2:
			e = e.Add(layer(pick().ReLU(), width).Clamp(0, 10)).Scale(0.5)
		case 3:
			e = layer(e.Clamp(0, 3), 130).Clamp(0, 3) // does not stand by rows
			e = layer(e, width)
		case 4:
			e = e.Tanh().Mul(pick().Tanh())
		case 5:
			ends = append(ends, e.Slice(3, 9).Tanh())
		case 6:
			ends = append(ends, layer(e.Clamp(0, 10), 5).Tanh())
		case 7:
			e = e.Sub(e.SumRows().Scale(0.001)).Tanh()
		}
		pool = append(pool, e)
	}
	return Concat(append(ends, layer(pool[len(pool)-1], 100).Tanh())...)
}

// A gate stands by rows only if what it looks at does: clamps that leave no zeros do not.
func TestGatesOfOtherClamps(t *testing.T) {
	for _, rows := range []int{5, 130} {
		f := build(t, opCase{build: func(g *Graph, x, y, v, w Expr) Expr {
			p := g.Params()
			w1, w2, w3 := p.New("w1", 112, 6, FanIn(1)), p.New("w2", 112, 112, FanIn(1)), p.New("w3", 112, 112, FanIn(1))
			h := x.Linear(g.Use(w1), Expr{}).Clamp(-1, 1).Linear(g.Use(w2), Expr{}).Clamp(-1, 1)
			return h.Linear(g.Use(w3), Expr{}).Tanh()
		}, lo: -2}, Float64, rows, false)
		_, got := f.run(t)
		want := tape(t, f)
		for name := range want {
			requireClose(t, name, want[name], got[name], 1e-10)
		}
	}
}

// Programs whose values stand by rows give what gorgonia's tape machine gives: values and
// gradients.
func TestWideGraphs(t *testing.T) {
	stood := 0
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 17))
			rows, steps := []int{1, 5, 31, 33, 130, 300}[rng.IntN(6)], 2+rng.IntN(8)
			grow := func(dt DType) *fixture {
				rng := rand.New(rand.NewPCG(seed, 18))
				return build(t, opCase{build: func(g *Graph, x, y, v, w Expr) Expr { return wideGraph(g, rng, x, steps) }, lo: -2}, dt, rows, false)
			}
			f, half := grow(Float64), grow(Float32)
			if strings.Contains(half.program.Dump(), " by rows @") {
				stood++
			}
			_, got := f.run(t)
			want := tape(t, f)
			for name := range want {
				requireClose(t, name, want[name], got[name], 1e-10)
			}
			_, single := half.run(t)
			for name := range want {
				requireClose(t, name, want[name], single[name], 1e-3)
			}
		})
	}
	if kernel.HasRows[float32]() {
		require.Greater(t, stood, 20)
	}
}

// Weights are laid out beforehand where parameters do not change from run to run, and
// again when they did; the densities are the same bits.
func TestTurnedWeights(t *testing.T) {
	if !kernel.HasRows[float32]() {
		t.Skip("no products over rows on this machine")
	}
	const rows, width = 300, 256
	for _, dt := range []DType{Float32, Float64} {
		if dt == Float64 && !kernel.HasRows[float64]() {
			continue
		}
		p := NewParams(dt, 5)
		w1, w2 := p.New("w1", width, 6, FanIn(1)), p.New("w2", width, width, FanIn(1))
		program := func(once bool) *Program {
			g := New(p, Eval)
			if once {
				g.RunOnce()
			}
			h := g.Rows("x", 6).Linear(g.Use(w1), Expr{}).Clamp(0, 9)
			g.Output("y", h.Linear(g.Use(w2), Expr{}).Tanh())
			prog, err := g.Compile()
			require.NoError(t, err)
			require.Equal(t, !once, strings.Contains(prog.Dump(), "turned"), prog.Dump())
			return prog
		}
		runs := []*Run{program(false).NewRun(), program(true).NewRun()}
		for _, r := range runs { // a single row has no use for them
			require.NoError(t, r.Bind("x", Rows{Float64: numbers(6, 2)}))
			require.NoError(t, r.Do(context.Background(), 1))
		}
		for range 2 {
			var out [2][]float64
			for i, r := range runs {
				out[i] = make([]float64, rows*width)
				require.NoError(t, r.Bind("x", Rows{Float64: numbers(6*rows, 2)}))
				require.NoError(t, r.Into("y", Rows{Float64: out[i]}))
				require.NoError(t, r.Do(context.Background(), rows))
			}
			require.Equal(t, out[1], out[0])
			require.NoError(t, w2.Set(numbers(width*width, 3)))
		}
	}
}
