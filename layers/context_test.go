package layers_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// A layer with a context begins as it does without: its parameters have the same
// values, and the context moves nothing.
func TestContextStartsAtNothing(t *testing.T) {
	for name, make := range map[string]func(p *graph.Params, context int) flows.Layer{
		"actnorm": func(p *graph.Params, c int) flows.Layer {
			return layers.NewActNorm(p, 4, layers.ActNormOptions{Context: c})
		},
		"batchnorm": func(p *graph.Params, c int) flows.Layer {
			return layers.NewBatchNorm(p, 4, layers.BatchNormOptions{Context: c})
		},
		"planar": func(p *graph.Params, c int) flows.Layer {
			return layers.NewPlanar(p, 4, layers.PlanarOptions{Context: c})
		},
		"radial": func(p *graph.Params, c int) flows.Layer {
			return layers.NewRadial(p, 4, layers.RadialOptions{Context: c})
		},
		"sylvester": func(p *graph.Params, c int) flows.Layer {
			return layers.NewSylvester(p, 4, 2, "", layers.SylvesterOptions{Context: c})
		},
		"sylvester householder": func(p *graph.Params, c int) flows.Layer {
			return layers.NewSylvester(p, 4, 2, layers.SylvesterHouseholder, layers.SylvesterOptions{Context: c})
		},
		"householder": func(p *graph.Params, c int) flows.Layer {
			return layers.NewHouseholder(p, 4, 3, layers.HouseholderOptions{Context: c})
		},
		"positive low rank": func(p *graph.Params, c int) flows.Layer {
			return layers.NewPositiveLowRank(p, 4, 2, layers.PositiveLowRankOptions{Context: c})
		},
		"triangular": func(p *graph.Params, c int) flows.Layer {
			return layers.NewTriangular(p, 4, layers.TriangularOptions{Context: c})
		},
		"lu": func(p *graph.Params, c int) flows.Layer {
			return layers.NewLU(p, 4, layers.LUOptions{Context: c, Shuffle: 3})
		},
		"elementwise": func(p *graph.Params, c int) flows.Layer {
			return layers.NewElementwise(p, 4, layers.Gaussianization{Components: 3}, layers.ElementwiseOptions{Context: c})
		},
	} {
		x := grid(40)
		in := map[string][]float64{"x": x}
		var got [2]map[string][]float64
		for i, columns := range []int{0, 2} {
			p := graph.NewParams(graph.Float64, 5)
			l := make(p, columns)
			g := graph.New(p, graph.Eval)
			var c graph.Expr
			if columns > 0 {
				c, in["c"] = g.Rows("c", columns), grid(20)
			}
			u, ld := l.Inverse(g.Rows("x", 4), c)
			back, _ := l.Forward(u, c)
			g.Output("u", u)
			g.Output("ld", ld)
			g.Output("back", back)
			got[i] = evaluate(t, g, 10, in, map[string]int{"u": 4, "ld": 1, "back": 4})
		}
		near(t, name, got[0]["u"], got[1]["u"], 1e-12)
		near(t, name+" log-determinant", got[0]["ld"], got[1]["ld"], 1e-12)
		near(t, name+" back", x, got[1]["back"], 1e-9)
	}
}

// The data-dependent start of an ActNorm layer normalises the rows it sees with a context
// too, and is what the layer then does.
func TestContextActNormStart(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 500
	x, c := make([]float64, 2*n), make([]float64, n)
	for i := range x {
		x[i] = 3 + 5*rng.NormFloat64()
		c[i/2] = rng.NormFloat64()
	}
	p := graph.NewParams(graph.Float64, 1)
	l := layers.NewActNorm(p, 2, layers.ActNormOptions{Context: 1, Net: small})
	start := graph.New(p, graph.Start)
	u, _ := l.Inverse(start.Rows("x", 2), start.Rows("c", 1))
	start.Output("u", u)
	prog, err := start.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	for name, v := range map[string][]float64{"x": x, "c": c} {
		require.NoError(t, r.Bind(name, graph.Rows{Float64: v}))
	}
	out := make([]float64, len(x))
	require.NoError(t, r.Into("u", graph.Rows{Float64: out}))
	require.NoError(t, r.Do(context.Background(), n))
	g := graph.New(p, graph.Eval)
	u, _ = l.Inverse(g.Rows("x", 2), g.Rows("c", 1))
	g.Output("u", u)
	near(t, "as started", out, evaluate(t, g, n, map[string][]float64{"x": x, "c": c}, map[string]int{"u": 2})["u"], 1e-9)
	for j := range 2 {
		var col []float64
		for i := j; i < len(out); i += 2 {
			col = append(col, out[i])
		}
		mean, variance := stat.PopMeanVariance(col, nil)
		require.InDelta(t, 0, mean, 1e-9)
		require.InDelta(t, 1, variance, 1e-9)
	}
}

// A layer made for a context says so when it is given none.
func TestContextMissing(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	l := layers.NewRadial(p, 2, layers.RadialOptions{Context: 1})
	g := graph.New(p, graph.Eval)
	u, _ := l.Inverse(g.Rows("x", 2), graph.Expr{})
	g.Output("u", u)
	_, err := g.Compile()
	require.ErrorContains(t, err, "radial: the layer has a context, none was given")
	p = graph.NewParams(graph.Float64, 1)
	layers.NewActNorm(p, 2, layers.ActNormOptions{Context: -1})
	require.ErrorContains(t, p.Err(), "layers: actnorm: -1 columns of context: must not be negative")
}
