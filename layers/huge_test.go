package layers_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// Where parameters are so large that a row has no inverse among finite numbers, Forward
// says so; what it gives otherwise is finite.
func TestHugeForward(t *testing.T) {
	for name, build := range map[string]func(p *graph.Params, dim int) flows.Layer{
		"lu": func(p *graph.Params, dim int) flows.Layer { return layers.NewLU(p, dim, layers.LUOptions{}) },
		"lu, context": func(p *graph.Params, dim int) flows.Layer {
			return layers.NewLU(p, dim, layers.LUOptions{Context: 1, Net: small})
		},
		"triangular": func(p *graph.Params, dim int) flows.Layer {
			return layers.NewTriangular(p, dim, layers.TriangularOptions{})
		},
		"qr": func(p *graph.Params, dim int) flows.Layer { return layers.NewQR(p, dim, 0) },
		"block autoregressive": func(p *graph.Params, dim int) flows.Layer {
			return layers.NewBlockAutoregressive(p, dim, layers.BlockAutoregressiveOptions{})
		},
	} {
		for _, dt := range []graph.DType{graph.Float32, graph.Float64} {
			for _, dim := range []int{5, 64} {
				for _, by := range []float64{1, 1e3, graph.ParamLimit} {
					p := graph.NewParams(dt, 1)
					l := build(p, dim)
					rng := rand.New(rand.NewPCG(2, 3))
					for _, q := range p.Trainable() {
						v := q.Get()
						for i := range v {
							v[i] = by * (v[i] + 0.1*rng.NormFloat64())
						}
						require.NoError(t, q.Set(v))
					}
					g := graph.New(p, graph.Eval)
					x, logDet := l.Forward(g.Rows("u", dim), g.Rows("context", 1))
					g.Output("x", graph.Concat(x, logDet))
					prog, err := g.Compile()
					require.NoError(t, err)
					run, u, got := prog.NewRun(), make([]float64, dim), make([]float64, dim+1)
					for i := range u {
						u[i] = rng.NormFloat64()
					}
					require.NoError(t, run.Bind("u", graph.Rows{Float64: u}))
					require.NoError(t, run.Bind("context", graph.Rows{Float64: []float64{0.3}}))
					require.NoError(t, run.Into("x", graph.Rows{Float64: got}))
					if err := run.Do(context.Background(), 1); err != nil {
						require.ErrorIs(t, err, graph.ErrNoInverse)
						require.NotEqual(t, 1., by, "%s, %v, %d columns", name, dt, dim)
						continue
					}
					for _, v := range got {
						require.Zero(t, v-v, "%s, %v, %d columns, parameters × %v: %v", name, dt, dim, by, got)
					}
				}
			}
		}
	}
}

// Maps by sigmoids are finite at the ends of float32, where their logits would not be.
func TestHugeLogits(t *testing.T) {
	for _, tr := range []layers.Transformer{
		layers.DeepDenseSigmoidal{}, layers.DeepDenseSigmoidal{Units: 3, Depth: 3}, layers.DeepSigmoidal{}, layers.LogisticMixture{Components: 3},
	} {
		for _, dt := range []graph.DType{graph.Float32, graph.Float64} {
			for _, by := range []float64{1, 1e3, graph.ParamLimit, -1, -1e3, -graph.ParamLimit} {
				p := graph.NewParams(dt, 1)
				l := layers.NewElementwise(p, 1, tr, layers.ElementwiseOptions{})
				rng := rand.New(rand.NewPCG(5, 6))
				v := p.All()[0].Get()
				for i := range v {
					v[i] = by * (0.5 + rng.Float64())
				}
				require.NoError(t, p.All()[0].Set(v))
				g := graph.New(p, graph.Eval)
				u, logDet := l.Inverse(g.Rows("x", 1), graph.Expr{})
				g.Output("u", graph.Concat(u, logDet))
				g.Minimize(logDet.SumRows())
				x := []float64{0, 1e-45, -1, 1e15, 1e30, -1e30, math.MaxFloat32, -math.MaxFloat32}
				got := evaluate(t, g, len(x), map[string][]float64{"x": x}, map[string]int{"u": 2})["u"]
				for i, v := range append(got, p.All()[0].GetGrad()...) {
					require.Zero(t, v-v, "%T, %v, parameters × %v: number %d: %v of %v", tr, dt, by, i, v, x[min(i/2, len(x)-1)])
				}
			}
		}
	}
}

// Noise that block autoregressive layers bring far out has a log-determinant wherever it
// has a place.
func TestHugeBlocks(t *testing.T) {
	p := graph.NewParams(graph.Float32, 1)
	l := layers.NewBlockAutoregressive(p, 2, layers.BlockAutoregressiveOptions{Hidden: []int{4, 3}})
	g := graph.New(p, graph.Eval)
	x, logDet := l.Forward(g.Rows("u", 2), graph.Expr{})
	g.Output("x", graph.Concat(x, logDet))
	prog, err := g.Compile()
	require.NoError(t, err)
	run, got, there := prog.NewRun(), make([]float64, 3), 0
	require.NoError(t, run.Bind("u", graph.Rows{Float64: []float64{0.3, 1e30}}))
	require.NoError(t, run.Into("x", graph.Rows{Float64: got}))
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 9))
		for _, q := range p.All() {
			v := q.Get()
			for i := range v {
				v[i] = 100 * rng.NormFloat64()
			}
			require.NoError(t, q.Set(v))
		}
		if err := run.Do(context.Background(), 1); err != nil {
			require.ErrorIs(t, err, graph.ErrNoInverse)
			continue
		}
		there++
		for _, v := range got {
			require.Zero(t, v-v, "seed %d: %v", seed, got)
		}
	}
	require.NotZero(t, there)
}

// Residual networks that are told of far rows give numbers, whatever their weights.
func TestHugeResidual(t *testing.T) {
	p := graph.NewParams(graph.Float32, 1)
	l := layers.NewCoupling(p, 6, layers.Even, rq, layers.Net{Hidden: []int{12}, Blocks: 1}, layers.CouplingOptions{})
	rng := rand.New(rand.NewPCG(7, 8))
	for _, q := range p.All() {
		v := q.Get()
		for i := range v {
			v[i] = graph.ParamLimit * (2*rng.Float64() - 1)
		}
		require.NoError(t, q.Set(v))
	}
	for d, apply := range []func(x, c graph.Expr) (y, logDet graph.Expr){l.Forward, l.Inverse} {
		g := graph.New(p, graph.Eval)
		y, logDet := apply(g.Rows("x", 6), graph.Expr{})
		g.Output("y", graph.Concat(y, logDet))
		x := []float64{1e30, 1, 1e30, 2, 1e30, 3, -1e30, 1, 1e30, -2, 0, 0.3}
		for _, v := range evaluate(t, g, 2, map[string][]float64{"x": x}, map[string]int{"y": 7})["y"] {
			require.Zero(t, v-v, "direction %d", d)
		}
	}
}

// The gradients of straight tails are finite as far out as the density is.
func TestFarGradients(t *testing.T) {
	p := graph.NewParams(graph.Float32, 1)
	l := layers.NewElementwise(p, 1, layers.Gaussianization{}, layers.ElementwiseOptions{})
	require.NoError(t, p.All()[0].Set(slices.Repeat([]float64{1e3, -1e3}, 8))) // of the least slope at the bound
	for _, x := range []float64{30, 1e15, 1e30, -1e30} {
		g := graph.New(p, graph.Eval)
		u, logDet := l.Inverse(g.Rows("x", 1), graph.Expr{})
		loss := u.Square().Scale(0.5).Sub(logDet).SumRows()
		g.Output("loss", loss)
		g.Minimize(loss)
		prog, err := g.Compile()
		require.NoError(t, err)
		run := prog.NewRun()
		require.NoError(t, run.Bind("x", graph.Rows{Float64: []float64{x}}))
		require.NoError(t, run.Do(context.Background(), 1))
		for _, v := range append(p.All()[0].GetGrad(), run.Number("loss")) {
			require.Zero(t, v-v, "at %v", x)
		}
	}
}
