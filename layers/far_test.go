package layers_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// Angles far from the circle are on it all the same.
func TestCircularSplineFar(t *testing.T) {
	for _, dt := range []graph.DType{graph.Float32, graph.Float64} {
		p := graph.NewParams(dt, 1)
		l := layers.NewElementwise(p, 2, layers.CircularSpline{Bins: 4}, layers.ElementwiseOptions{})
		g := graph.New(p, graph.Eval)
		in := g.Rows("x", 2)
		u, d := l.Inverse(in, graph.Expr{})
		x, e := l.Forward(in, graph.Expr{})
		for name, v := range map[string]graph.Expr{"u": u, "d": d, "x": x, "e": e} {
			g.Output(name, v)
		}
		prog, err := g.Compile()
		require.NoError(t, err)
		r := prog.NewRun()
		require.NoError(t, r.Bind("x", graph.Rows{Float64: []float64{1e30, -1e30, 1e9, -3e4}}))
		out := map[string][]float64{"u": make([]float64, 4), "d": make([]float64, 2), "x": make([]float64, 4), "e": make([]float64, 2)}
		for name, v := range out {
			require.NoError(t, r.Into(name, graph.Rows{Float64: v}))
		}
		require.NoError(t, r.Do(context.Background(), 2))
		for name, v := range out {
			for _, a := range v {
				require.False(t, math.IsNaN(a) || math.IsInf(a, 0), "%v %s %v", dt, name, v)
			}
		}
	}
}
