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

// Layers leave a split that someone keeps as it is.
func TestSplitKept(t *testing.T) {
	kept := []bool{true, false, false}
	layers.NewTwoSided(graph.NewParams(graph.Float64, 1), 3, func(int) []bool { return kept }, layers.Affine{}, small, layers.CouplingOptions{})
	require.Equal(t, []bool{true, false, false}, kept)
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
		"-1 bins: want": func(p *graph.Params) {
			layers.NewAutoregressive(p, 3, layers.RationalQuadratic{Bins: -1}, small, layers.AutoregressiveOptions{})
		},
		"least slope 2": func(p *graph.Params) { elementwise(p, 3, layers.QuadraticSpline{MinHeight: 2}) },
		"least slope 3": func(p *graph.Params) { elementwise(p, 3, layers.LinearRational{MinSlope: 3}) },
		"least slope 4": func(p *graph.Params) { elementwise(p, 3, layers.CircularSpline{MinSlope: 4}) },
		"the split does not fit -1 columns": func(p *graph.Params) {
			layers.NewCoupling(p, -1, layers.Even, layers.Affine{}, small, layers.CouplingOptions{})
		},
		"among: columns [0]: want some of 0 … -2": func(p *graph.Params) {
			layers.NewAmong(p, -1, []int{0}, layers.NewReverse(p, 1))
		},
		"grid of column 7": func(p *graph.Params) {
			g := graph.New(p, graph.Eval)
			layers.NewVariationalDequantize(p, 3, layers.Grid{Columns: []int{7}}, noise(p, 1, 3), 0).Forward(g.Rows("u", 3), graph.Expr{})
		},
		"masked network: 0 columns": func(p *graph.Params) {
			g := graph.New(p, graph.Eval)
			layers.NewMADE(p, 0, 2, 0, small).Unroll(g.Rows("x", 1), graph.Expr{}, func(_ int, h graph.Expr) graph.Expr { return h.Slice(0, 1) })
		},
		"-2 outputs for each column":     func(p *graph.Params) { layers.NewMADE(p, 2, -2, 0, small) },
		"network: -1 columns of context": func(p *graph.Params) { layers.NewMax(p, 2, small, -1) },
		"slice: -2 columns of context":   func(p *graph.Params) { layers.NewSlice(p, 3, 2, noise(p, 1, 2), -2) },
		"acyclic: -3 columns of context": func(p *graph.Params) {
			layers.NewAcyclic(p, [][]int{nil}, layers.Affine{}, small, -3)
		},
		"are for other layers": func(p *graph.Params) {
			layers.NewAcyclic(p, [][]int{nil}, layers.Affine{}, dropped, 0)
		},
		"batch norm: epsilon 1": func(p *graph.Params) { layers.NewBatchNorm(p, 2, layers.BatchNormOptions{Epsilon: 1}) },
	} {
		t.Run(want, func(t *testing.T) {
			p := graph.NewParams(graph.Float64, 1)
			make(p)
			require.ErrorContains(t, p.Err(), want)
		})
	}
}
