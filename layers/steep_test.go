package layers

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/graph"
)

// With equal bins and slopes at their ends a circular spline is odd: where slopes are
// steep, so are its values and log-slopes only if both ends of a bin are solved for alike.
func TestSteepCircularSpline(t *testing.T) {
	g := graph.New(graph.NewParams(graph.Float64, 1), graph.Eval)
	spline := CircularSpline{Bins: 2}
	h := g.Rows("h", spline.Params())
	x, l := spline.Forward(g.Rows("u", 1), h)
	g.Output("x", x)
	g.Output("l", l)
	prog, err := g.Compile()
	require.NoError(t, err)
	for _, slope := range []float64{1, 1e3, 1e6, 1e9} {
		const rows = 60
		var us, hs []float64
		for i := range rows {
			u := 3 * float64(i/2+1) / (rows / 2)
			if i%2 == 1 {
				u = -u
			}
			us, hs = append(us, u), append(hs, 0, 0, 0, 0, slope, slope)
		}
		xs, ls := make([]float64, rows), make([]float64, rows)
		r := prog.NewRun()
		require.NoError(t, r.Bind("u", graph.Rows{Float64: us}))
		require.NoError(t, r.Bind("h", graph.Rows{Float64: hs}))
		require.NoError(t, r.Into("x", graph.Rows{Float64: xs}))
		require.NoError(t, r.Into("l", graph.Rows{Float64: ls}))
		require.NoError(t, r.Do(context.Background(), rows))
		for i := 0; i < rows; i += 2 {
			require.InDelta(t, xs[i], -xs[i+1], 1e-12, "slope %v, u %v", slope, us[i])
			require.InDelta(t, ls[i], ls[i+1], 1e-9, "slope %v, u %v", slope, us[i])
		}
	}
}
