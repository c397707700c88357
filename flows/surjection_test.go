package flows_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
	"github.com/gorgeflow/gorge/models"
)

// logProbs are those of a flow at the rows x, with noise by a seed.
func logProbs(t *testing.T, p *graph.Params, f *flows.Flow, dim int, x []float64, seed uint64) []float64 {
	t.Helper()
	g := graph.New(p, graph.Eval)
	g.Output("lp", f.LogProb(g.Rows("x", dim), graph.Expr{}))
	return evaluate(t, g, len(x)/dim, map[string][]float64{"x": x}, seed)["lp"]
}

// Where what is drawn has the density that the noise gives it, a bound is the
// log-density itself, whatever is drawn.
func TestTightBounds(t *testing.T) {
	normal := func(x float64) float64 { return -0.5*x*x - 0.5*math.Log(2*math.Pi) }
	for _, c := range []struct {
		name string
		x    []float64
		want func(x float64) float64
		flow func(p *graph.Params) *flows.Flow
	}{
		{"augment", []float64{-2, 0, 0.7}, normal, func(p *graph.Params) *flows.Flow {
			return flows.New(flows.NewStandardNormal(p, 3), layers.NewAugment(p, 1, 2, flows.New(flows.NewStandardNormal(p, 2)), 0))
		}},
		{"abs inverted", []float64{0.1, 0.7, 3}, func(x float64) float64 { return normal(x) + math.Log(2) }, func(p *graph.Params) *flows.Flow {
			return flows.New(flows.NewStandardNormal(p, 1), layers.Invert(layers.NewAbs(p, 1, layers.AbsOptions{})))
		}},
		{"abs there and back", []float64{-1, 0.7, 3}, normal, func(p *graph.Params) *flows.Flow {
			return flows.New(flows.NewStandardNormal(p, 1), layers.Invert(layers.NewAbs(p, 1, layers.AbsOptions{})), layers.NewAbs(p, 1, layers.AbsOptions{}))
		}},
		{"uniform dequantize", []float64{-10, 0, 10}, func(float64) float64 { return -math.Log(21) }, func(p *graph.Params) *flows.Flow {
			return flows.New(flows.NewUniform(p, 1, -10.5, 10.5), layers.NewUniformDequantize(p, 1, layers.Grid{}))
		}},
		{"variational dequantize of logistic noise", []float64{-10, 0, 10}, func(float64) float64 { return -math.Log(21) }, func(p *graph.Params) *flows.Flow {
			return flows.New(flows.NewUniform(p, 1, -10.5, 10.5), layers.NewVariationalDequantize(p, 1, layers.Grid{}, flows.New(flows.NewLogistic(p, 1)), 0))
		}},
		{"uniform dequantize, a grid of halves", []float64{-9.75, -0.25, 9.75}, func(float64) float64 { return -math.Log(20) }, func(p *graph.Params) *flows.Flow {
			return flows.New(flows.NewUniform(p, 1, -10, 10), layers.NewUniformDequantize(p, 1, layers.Grid{Origin: []float64{0.25}, Width: []float64{0.5}}))
		}},
	} {
		p := graph.NewParams(graph.Float64, 1)
		f := c.flow(p)
		require.True(t, f.Bound(), c.name)
		for seed := range uint64(3) {
			for i, got := range logProbs(t, p, f, 1, c.x, seed) {
				require.InDelta(t, c.want(c.x[i]), got, 1e-10, "%s at %v", c.name, c.x[i])
			}
		}
	}
}

// Surjections compose: columns come and go between other layers, and the flow says what
// its likelihood is; samples of an exact one come with the density that scoring gives
// them, those of a bound with a bound.
func TestSurjectiveFlow(t *testing.T) {
	net := layers.Net{Hidden: []int{8}, Saturate: 10}
	coupling := func(p *graph.Params, dim int) flows.Layer {
		return layers.NewCoupling(p, dim, layers.Even, layers.Affine{}, net, layers.CouplingOptions{})
	}
	p := graph.NewParams(graph.Float64, 1)
	exact := flows.New(flows.NewStandardNormal(p, 1), // 1, 1, 1, 2, 3 columns
		layers.NewSoftplus(), layers.NewAbs(p, 1, layers.AbsOptions{Net: &net}),
		layers.NewMax(p.In("max"), 2, net, 0),
		layers.NewSlice(p, 3, 2, flows.New(flows.NewDiagonalNormal(p.In("dropped"), 1, 2)), 0),
		layers.NewPermutation(p, []int{2, 0, 1}), coupling(p.In("c"), 3))
	scramble(p, 0.2)
	require.False(t, exact.Bound())
	forward, inverse := exact.Random()
	require.True(t, forward && !inverse)
	g := graph.New(p, graph.Eval)
	x, lp := exact.SampleLogProb(g, graph.Expr{}, 1)
	g.Output("x", x)
	g.Output("lp", lp)
	out := evaluate(t, g, 300, nil, 7)
	requireNear(t, "log-density of samples", out["lp"], logProbs(t, p, exact, 3, out["x"], 1), 1e-8)

	p = graph.NewParams(graph.Float64, 1)
	tight := flows.New(flows.NewStandardNormal(p, 3), layers.NewAugment(p, 2, 1, flows.New(flows.NewStandardNormal(p, 1)), 0))
	loose := flows.New(flows.NewStandardNormal(p, 3), coupling(p.In("mix"), 3), layers.NewReverse(p, 3), coupling(p.In("more"), 3),
		layers.NewAugment(p, 2, 1, flows.New(flows.NewStandardNormal(p, 1)), 0))
	scramble(p, 0.15)
	require.True(t, loose.Bound())
	require.True(t, flows.New(flows.NewStandardNormal(p, 3), loose).Bound(), "in another flow")
	g = graph.New(p, graph.Eval)
	for name, f := range map[string]*flows.Flow{"tight": tight, "loose": loose} {
		x, lp := f.SampleLogProb(g, graph.Expr{}, 1)
		g.Output(name+"x", x)
		g.Output(name, lp)
	}
	const n, draws = 2000, 200
	out = evaluate(t, g, n, nil, 7)
	requireNear(t, "tight bound of samples", out["tight"], logProbs(t, p, tight, 2, out["tightx"], 3), 1e-10)
	// The mean of a bound is below that of the log-density, which a mean over many draws
	// is near to.
	sums, bound, density := make([]float64, n), 0.0, 0.0
	for d := range uint64(draws) {
		for i, v := range logProbs(t, p, loose, 2, out["loosex"], 100+d) {
			sums[i] += math.Exp(v) / draws
		}
	}
	for i, s := range sums {
		bound, density = bound+out["loose"][i]/n, density+math.Log(s)/n
	}
	over := func(draws int) (mean float64) {
		g := graph.New(p, graph.Eval)
		g.Output("lp", loose.LogProbOver(draws, g.Rows("x", 2), graph.Expr{}))
		for _, v := range evaluate(t, g, n, map[string][]float64{"x": out["loosex"]}, 5)["lp"] {
			mean += v / n
		}
		return mean
	}
	require.InDelta(t, bound, over(1), 0.1)
	require.Less(t, over(1)+0.01, over(8))
	require.Less(t, over(8), density+0.01)
	require.Less(t, bound, density-0.02)
	require.Greater(t, bound, density-3)
}

// Columns that do not fit, and a density that is a bound where one must be exact, are
// named.
func TestSurjectionMistakes(t *testing.T) {
	for want, f := range map[string]func(p *graph.Params) *flows.Flow{
		"the layers leave 3 columns, the base was made for 2": func(p *graph.Params) *flows.Flow {
			return flows.New(flows.NewStandardNormal(p, 2), layers.NewAugment(p, 2, 1, flows.New(flows.NewStandardNormal(p, 1)), 0))
		},
		"slice: 2 of 2 columns kept": func(p *graph.Params) *flows.Flow {
			return flows.New(flows.NewStandardNormal(p, 2), layers.NewSlice(p, 2, 2, flows.New(flows.NewStandardNormal(p, 1)), 0))
		},
		"augment: the density of what is drawn is a bound": func(p *graph.Params) *flows.Flow {
			q := flows.New(flows.NewStandardNormal(p, 2), layers.NewAugment(p, 1, 1, flows.New(flows.NewStandardNormal(p, 1)), 0))
			return flows.New(flows.NewStandardNormal(p, 3), layers.NewAugment(p, 2, 1, q, 0))
		},
		"slice: the layer has a context, none was given": func(p *graph.Params) *flows.Flow {
			return flows.New(flows.NewStandardNormal(p, 1), layers.NewSlice(p, 2, 1, flows.New(flows.NewDiagonalNormal(p, 1, 3)), 2))
		},
		"uniform dequantize: grid of column 2": func(p *graph.Params) *flows.Flow {
			return flows.New(flows.NewStandardNormal(p, 2), layers.NewUniformDequantize(p, 2, layers.Grid{Columns: []int{2}}))
		},
		"2 widths for 1 columns": func(p *graph.Params) *flows.Flow {
			return flows.New(flows.NewStandardNormal(p, 2), layers.NewUniformDequantize(p, 2, layers.Grid{Columns: []int{1}, Width: []float64{1, 2}}))
		},
	} {
		p := graph.NewParams(graph.Float64, 1)
		g := graph.New(p, graph.Eval)
		g.Output("lp", f(p).LogProb(g.Rows("x", 2), graph.Expr{}))
		_, err := g.Compile()
		require.ErrorContains(t, err, want)
	}
}

// bits are rows of two bits, of which the second is the first but for one row in ten,
// and their entropy.
func bits(n int) (x []float64, entropy float64) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range n {
		b := float64(rng.IntN(2))
		c := b
		if rng.Float64() < 0.1 {
			c = 1 - b
		}
		x = append(x, b, c)
	}
	return x, -0.9*math.Log(0.45) - 0.1*math.Log(0.05)
}

// Affine couplings fitted to bits: noise whose density is learnt gives a better bound
// than uniform noise, several draws together a better one than each alone, and none is
// better than the entropy lets it be.
func TestDequantizing(t *testing.T) {
	const n = 2000
	x, entropy := bits(n)
	net := layers.Net{Hidden: []int{32}, Saturate: 10}
	affine := func(p *graph.Params, layer, context int) flows.Layer {
		return layers.NewCoupling(p.In(fmt.Sprint("layer", layer)), 2, []layers.Split{layers.Even, layers.Odd}[layer%2], layers.Affine{}, net, layers.CouplingOptions{Context: context})
	}
	fit := func(dequantize func(p *graph.Params) flows.Layer) (nll, of64 float64) {
		p := graph.NewParams(graph.Float32, 1)
		f := flows.New(flows.NewStandardNormal(p, 2), affine(p, 0, 0), affine(p, 1, 0), affine(p, 2, 0), affine(p, 3, 0), dequantize(p))
		g := graph.New(p, graph.Train)
		loss := f.LogProb(g.Rows("x", 2), graph.Expr{}).SumRows().Scale(-1. / n)
		g.Output("loss", loss)
		g.Minimize(loss)
		prog, err := g.Compile()
		require.NoError(t, err)
		r := prog.NewRun()
		require.NoError(t, r.Bind("x", graph.Rows{Float64: x}))
		adam, params := &models.Adam{LearnRate: 5e-3}, valueGrads(p)
		for r.Step = range 500 {
			require.NoError(t, r.Do(context.Background(), n))
			require.NoError(t, adam.Step(params))
			p.Changed()
		}
		mean := make([]float64, n)
		for seed := range uint64(64) {
			for i, v := range logProbs(t, p, f, 2, x, seed) {
				mean[i] += math.Exp(v) / 64
				nll -= v / n / 64
			}
		}
		for _, v := range mean {
			of64 -= math.Log(v) / n
		}
		return nll, of64
	}
	uniform, uniform64 := fit(func(p *graph.Params) flows.Layer { return layers.NewUniformDequantize(p, 2, layers.Grid{}) })
	learnt, learnt64 := fit(func(p *graph.Params) flows.Layer {
		q := p.In("noise")
		return layers.NewVariationalDequantize(q, 2, layers.Grid{}, flows.New(flows.NewLogistic(q, 2), affine(q, 0, 2), affine(q, 1, 2)), 0)
	})
	t.Logf("nats: uniform %.3f, of 64 draws %.3f; learnt %.3f, of 64 draws %.3f; entropy %.3f", uniform, uniform64, learnt, learnt64, entropy)
	const sampling = 0.03 // of the entropy of these rows about that of their distribution
	require.Less(t, learnt, uniform-0.05)
	require.Less(t, uniform64, uniform-0.03)
	require.Less(t, learnt64, learnt)
	require.Greater(t, min(uniform64, learnt64), entropy-sampling)
	require.Less(t, learnt64, entropy+0.05)
}
