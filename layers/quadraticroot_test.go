package layers

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/graph"
)

// Quadratics and the roots that distrax's tests expect of them.
func TestQuadraticRoot(t *testing.T) {
	g := graph.New(graph.NewParams(graph.Float64, 1), graph.Eval)
	g.Output("root", quadraticRoot(g.Rows("a", 1), g.Rows("b", 1), g.Rows("c", 1)))
	prog, err := g.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	for name, v := range map[string][]float64{"a": {-1, 1, -1, 1}, "b": {4, -4, 2, -2}, "c": {-3, 3, -1, 1}} {
		require.NoError(t, r.Bind(name, graph.Rows{Float64: v}))
	}
	got := make([]float64, 4)
	require.NoError(t, r.Into("root", graph.Rows{Float64: got}))
	require.NoError(t, r.Do(context.Background(), 4))
	require.InDeltaSlice(t, []float64{1, 3, 1, 1}, got, 1e-12)
}
