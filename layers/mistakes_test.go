package layers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// listed is a transformer that cannot be compared.
type listed struct {
	layers.Affine
	_ []int
}

func elementwise(p *graph.Params, dim int, t layers.Transformer) {
	layers.NewElementwise(p, dim, t, layers.ElementwiseOptions{})
}

// Mistakes in constructors are errors of the parameters.
func TestMistakes(t *testing.T) {
	for want, make := range map[string]func(p *graph.Params){
		"layers: elementwise: a transformer by column (layers.PerColumn) inside another": func(p *graph.Params) {
			elementwise(p, 3, layers.Flip{T: few})
		},
		"layers: autoregressive: a transformer by column (layers.PerColumn) inside another": func(p *graph.Params) {
			layers.NewAutoregressive(p, 3, layers.On{T: few, Bound: 1, Lo: 0, Hi: 1}, small, layers.AutoregressiveOptions{})
		},
		"column 1: a layers_test.listed cannot be compared": func(p *graph.Params) {
			elementwise(p, 3, layers.PerColumn{layers.Affine{}, listed{}})
		},
	} {
		t.Run(want, func(t *testing.T) {
			p := graph.NewParams(graph.Float64, 1)
			make(p)
			require.ErrorContains(t, p.Err(), want)
		})
	}
}
