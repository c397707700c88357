package graph

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// The logarithm of a sum of zeros is minus infinity, of what holds an infinity that.
func TestLogSumExpInfinite(t *testing.T) {
	inf := math.Inf(1)
	for _, dt := range []DType{Float32, Float64} {
		g := New(NewParams(dt, 1), Eval)
		g.Output("y", g.Rows("x", 2).LogSumExp(2))
		prog, err := g.Compile()
		require.NoError(t, err)
		run := prog.NewRun()
		for _, copies := range []int{1, 40} { // by rows, and by panels
			var x []float64
			for range copies {
				x = append(x, -inf, -inf, -inf, 3, inf, 0, 5, 5)
			}
			y := make([]float64, len(x)/2)
			require.NoError(t, run.Bind("x", Rows{Float64: x}))
			require.NoError(t, run.Into("y", Rows{Float64: y}))
			require.NoError(t, run.Do(context.Background(), len(y)))
			for i := 0; i < len(y); i += 4 {
				require.Equal(t, []float64{-inf, 3, inf}, y[i:i+3])
				require.InDelta(t, 5+math.Ln2, y[i+3], 1e-6)
			}
		}
	}
}
