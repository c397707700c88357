package models

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/gorgeflow/gorge/graph"
)

// Averages of the parameters move in Adam's own pass, to the same bits as in a pass
// after it, whatever pieces the parameters are cut into.
func TestAdamAverages(t *testing.T) {
	for _, dt := range []graph.DType{graph.Float32, graph.Float64} {
		p := graph.NewParams(dt, 1)
		list := []*graph.Param{p.New("w", 3, pieceSize+7, graph.Gaussian(1)), p.New("b", 1, 5, graph.Gaussian(1))}
		var model []gorgonia.ValueGrad
		for _, q := range list {
			model = append(model, q)
			v, g := q.Elements()
			g.Copy(v)
		}
		together, after := newMemory(list), newMemory(list)
		a := &Adam{LearnRate: 0.1, share: 0.25}
		a.begin(together.of(list))
		for range 3 {
			require.NoError(t, a.Step(model))
			after.average(0.75, false)
			together.average(0.75, true)
		}
		require.Equal(t, after.values, together.values)
		start, _ := list[1].Elements()
		require.NotEqual(t, start, together.values[1])
	}
}
