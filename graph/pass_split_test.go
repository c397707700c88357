package graph

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Larger shards give the same bits; there are none where sums over rows, wide tiles or
// searches are.
func TestSplit(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const rows = 2*shardRows*shardsEach + 77
	plain := func(g *Graph, x, h Expr) Expr { return h.Mul(g.Normal(6)).Sub(g.Uniform(6)).Dropout(0.3) }
	for _, c := range []struct {
		name string
		most int
		f    func(g *Graph, x, h Expr) Expr
	}{
		{"no sums", 2 * shardRows, plain},
		{"a sum", shardRows, func(g *Graph, x, h Expr) Expr { return plain(g, x, h).Sub(h.SumRows()) }},
		{"a wide tile", shardRows, func(g *Graph, x, h Expr) Expr {
			w := g.Use(g.Params().New("wide", narrowCols, 6, FanIn(1)))
			return plain(g, x, h.Linear(w, Expr{}).ReLU().Linear(w.Transpose(), Expr{}))
		}},
		{"a search", shardRows, func(g *Graph, x, h Expr) Expr {
			return plain(g, x, h.Solve(func(x Expr, _ []Expr) (Expr, Expr) { return x.Scale(2), x.Zeros(6) }))
		}},
	} {
		for _, dt := range []DType{Float32, Float64} {
			t.Run(fmt.Sprint(c.name, dt), func(t *testing.T) {
				p := NewParams(dt, 5)
				g := New(p, Train)
				x := g.Rows("x", 3)
				h := x.Linear(g.Use(p.New("w", 6, 3, FanIn(1))), Expr{}).ReLU()
				g.Output("y", c.f(g, x, h))
				prog, err := g.Compile()
				require.NoError(t, err)
				do := func(cores int) (shard int, y []float64) {
					runtime.GOMAXPROCS(cores)
					r := prog.NewRun()
					r.Seed, r.Step, r.FirstRow = 3, 4, 5
					require.NoError(t, r.Bind("x", Rows{Float64: numbers(rows*3, 7)}))
					y = make([]float64, rows*6)
					require.NoError(t, r.Into("y", Rows{Float64: y}))
					require.NoError(t, r.Do(context.Background(), rows))
					switch r := r.r.(type) {
					case *run[float32]:
						shard = r.shardRows
					case *run[float64]:
						shard = r.shardRows
					}
					return shard, y
				}
				large, a := do(1)
				small, b := do(3)
				require.Equal(t, []int{c.most, shardRows}, []int{large, small})
				require.Equal(t, a, b)
			})
		}
	}
}
