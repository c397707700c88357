package layers_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/flows"
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
		"coupling: the split does not fit 2 columns": func(p *graph.Params) {
			layers.NewTwoSided(p, 2, nil, layers.Affine{}, small, layers.CouplingOptions{})
		},
		"the split does not fit 3 columns": func(p *graph.Params) {
			layers.NewCoupling(p, 3, layers.Bit(-1, true), layers.Affine{}, small, layers.CouplingOptions{})
		},
		"coupling: no transformers": func(p *graph.Params) {
			layers.NewCoupling(p, 3, layers.Even, layers.Affine{}, small, layers.CouplingOptions{Identity: layers.PerColumn{}})
		},
		"coupling: angles [3]": func(p *graph.Params) {
			layers.NewCoupling(p, 3, layers.Even, layers.Affine{}, layers.Net{Angles: []int{3}}, layers.CouplingOptions{})
		},
		"autoregressive: angles [4]": func(p *graph.Params) {
			layers.NewAutoregressive(p, 3, layers.Affine{}, layers.Net{Angles: []int{4}}, layers.AutoregressiveOptions{})
		},
		"autoregressive: a layers.PerColumn maps columns together": func(p *graph.Params) {
			layers.NewAutoregressive(p, 3, layers.PerColumn{layers.Affine{}, layers.Flip{T: layers.VolumePreserving{}}}, small, layers.AutoregressiveOptions{})
		},
		"acyclic: a layers.VolumePreserving maps columns together": func(p *graph.Params) {
			layers.NewAcyclic(p, layers.Passes([]int{0, 1}, 2), layers.VolumePreserving{}, small, 0)
		},
		"acyclic: no columns": func(p *graph.Params) {
			layers.NewAcyclic(p, layers.Passes([]int{0, 0}, 2), layers.Affine{}, small, 0)
		},
		"umnn: none given": func(p *graph.Params) { elementwise(p, 2, (*layers.UMNN)(nil)) },
		"among: no layer given": func(p *graph.Params) {
			l := layers.NewAmong(p, 2, []int{1}, nil)
			l.Forward(graph.New(p, graph.Eval).Rows("u", 2), graph.Expr{})
		},
		"slice: no density given": func(p *graph.Params) {
			l := layers.NewSlice(p, 2, 1, nil, 0)
			l.Inverse(graph.New(p, graph.Eval).Rows("x", 2), graph.Expr{})
		},
		"sylvester: kind \"none\"": func(p *graph.Params) {
			l := layers.NewSylvester(p, 2, 1, "none", layers.SylvesterOptions{})
			l.Inverse(graph.New(p, graph.Eval).Rows("x", 2), graph.Expr{})
		},
		"fixed affine: number 5 of W and b is not finite": func(p *graph.Params) {
			layers.NewFixedAffine(p, 2, []float64{1, 0, 0, 1}, []float64{0, math.NaN()})
		},
		"bound +Inf": func(p *graph.Params) { elementwise(p, 2, layers.LinearSpline{Bound: math.Inf(1)}) },
		"bins of at least NaN leave no room": func(p *graph.Params) {
			elementwise(p, 2, layers.CubicSpline{MinWidth: math.NaN()})
		},
		"scale limit +Inf: want 1e-10": func(p *graph.Params) {
			layers.NewAllInOne(p, 2, small, layers.AllInOneOptions{Limit: math.Inf(1)})
		},
		"scale limit -2": func(p *graph.Params) { elementwise(p, 2, layers.VolumePreserving{Limit: -2}) },
		"shrink 2":       func(p *graph.Params) { elementwise(p, 2, layers.Gaussianization{Shrink: 2}) },
		"interval to +Inf": func(p *graph.Params) {
			elementwise(p, 2, layers.On{T: rq, Bound: 3, Hi: math.Inf(1)})
		},
		"limit NaN":             func(p *graph.Params) { elementwise(p, 2, layers.SinhArcsinh{Limit: math.NaN()}) },
		"actnorm: limit":        func(p *graph.Params) { layers.NewActNorm(p, 2, layers.ActNormOptions{Limit: math.NaN()}) },
		"saturate +Inf":         func(p *graph.Params) { layers.NewMLP(p, 2, 1, layers.Net{Saturate: math.Inf(1)}) },
		"dropout NaN":           func(p *graph.Params) { layers.NewMLP(p, 2, 1, layers.Net{Dropout: math.NaN()}) },
		"output gain NaN":       func(p *graph.Params) { layers.NewMLP(p, 2, 1, layers.Net{OutputGain: math.NaN()}) },
		"batch norm: epsilon 1": func(p *graph.Params) { layers.NewBatchNorm(p, 2, layers.BatchNormOptions{Epsilon: 1}) },
	} {
		t.Run(want, func(t *testing.T) {
			p := graph.NewParams(graph.Float64, 1)
			make(p)
			require.ErrorContains(t, p.Err(), want)
		})
	}
}

// A layer without what it was made for says so in either direction.
func TestNothingGiven(t *testing.T) {
	for name, make := range map[string]func(p *graph.Params) flows.Layer{
		"coupling": func(p *graph.Params) flows.Layer {
			return coupling(layers.Even, layers.Affine{}, small, layers.CouplingOptions{Context: 2})(p, 2)
		},
		"autoregressive": func(p *graph.Params) flows.Layer { return autoregressive(rq, small, 2)(p, 2) },
		"gated residual": func(p *graph.Params) flows.Layer {
			return autoregressive(rq, layers.Net{Blocks: 1, GateContext: true}, 2)(p, 2)
		},
		"acyclic": func(p *graph.Params) flows.Layer {
			return layers.NewAcyclic(p, layers.Passes([]int{0, 1}, 2), rq, small, 2)
		},
		"block autoregressive": func(p *graph.Params) flows.Layer {
			return layers.NewBlockAutoregressive(p, 2, layers.BlockAutoregressiveOptions{Context: 2})
		},
		"elementwise": func(p *graph.Params) flows.Layer {
			return layers.NewElementwise(p, 2, rq, layers.ElementwiseOptions{Context: 2})
		},
		"sylvester": func(p *graph.Params) flows.Layer {
			return layers.NewSylvester(p, 2, 1, "", layers.SylvesterOptions{Context: 2})
		},
		"abs": func(p *graph.Params) flows.Layer {
			return layers.NewAbs(p, 2, layers.AbsOptions{Net: &small, Context: 2})
		},
		"invert": func(*graph.Params) flows.Layer { return layers.Invert(nil) },
		"stack":  func(*graph.Params) flows.Layer { return flows.Stack(nil) },
	} {
		for _, direction := range []func(l flows.Layer, x, c graph.Expr) (graph.Expr, graph.Expr){flows.Layer.Forward, flows.Layer.Inverse} {
			p := graph.NewParams(graph.Float64, 1)
			l := make(p)
			g := graph.New(p, graph.Eval)
			y, _ := direction(l, g.Rows("x", 2), graph.Expr{})
			g.Output("y", y)
			_, err := g.Compile()
			require.ErrorContains(t, err, "given", name)
		}
	}
}

// A Bernstein polynomial begins as the identity on any interval.
func TestBernsteinBounds(t *testing.T) {
	for _, bound := range []float64{1e-4, 0.05, 5, 1e4} {
		for _, dt := range []graph.DType{graph.Float32, graph.Float64} {
			p := graph.NewParams(dt, 1)
			g := graph.New(p, graph.Eval)
			u, logDet := layers.NewElementwise(p, 1, layers.Bernstein{Bound: bound}, layers.ElementwiseOptions{}).Inverse(g.Rows("x", 1), graph.Expr{})
			g.Output("u", u)
			g.Output("logDet", logDet)
			x := []float64{-2 * bound, -bound, 0.3 * bound, bound / 2, 3 * bound}
			out := evaluate(t, g, len(x), map[string][]float64{"x": x}, map[string]int{"u": 1, "logDet": 1})
			for i := range x {
				require.InDelta(t, x[i], out["u"][i], 1e-5*bound)
				require.InDelta(t, 0, out["logDet"][i], 1e-5)
			}
		}
	}
}
