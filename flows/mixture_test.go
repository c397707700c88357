package flows_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// clouds are rows of two columns about three places, and which one each is about.
func clouds(n int) (x *mat.Dense, of []float64) {
	places := [][]float64{{-2, 0}, {1, 2}, {2, -1.5}}
	rng := rand.New(rand.NewPCG(9, 9))
	x = mat.NewDense(n, 2, nil)
	for i := range n {
		k := i % 3
		of = append(of, float64(k))
		for j, c := range places[k] {
			x.Set(i, j, c+0.3*rng.NormFloat64())
		}
	}
	return x, of
}

// meanLogProb is that of the rows; context, if not nil, has a column.
func meanLogProb(t *testing.T, p *graph.Params, b flows.Base, x *mat.Dense, ctx []float64) float64 {
	t.Helper()
	n, dim := x.Dims()
	g := graph.New(p, graph.Eval)
	in := map[string][]float64{"x": x.RawMatrix().Data}
	var c graph.Expr
	u := g.Rows("x", dim)
	if ctx != nil {
		in["c"], c = ctx, g.Rows("c", len(ctx)/n)
	}
	g.Output("lp", b.LogProb(u, c))
	total := 0.0
	for _, v := range evaluate(t, g, n, in, 0)["lp"] {
		total += v / float64(n)
	}
	return total
}

// Bases that start from data begin at their density: within a tenth of a nat of the
// entropy of the clouds, log 3 + log(2πe 0.3²).
func TestStart(t *testing.T) {
	const n = 3000
	x, of := clouds(n)
	entropy := math.Log(3) + math.Log(2*math.Pi*math.E*0.09)
	oneHot := make([]float64, 3*n)
	for i, k := range of {
		oneHot[3*i+int(k)] = 1
	}
	for name, c := range map[string]struct {
		make    func(p *graph.Params) flows.Base
		context []float64
		want    float64
	}{
		"mixture":         {func(p *graph.Params) flows.Base { return flows.NewMixture(p, 2, 3, 0) }, nil, -entropy},
		"context mixture": {func(p *graph.Params) flows.Base { return flows.NewMixture(p, 2, 3, 1) }, of, -entropy},
		"class":           {func(p *graph.Params) flows.Base { return flows.NewClassConditional(p, 2, 3, flows.ClassOptions{}) }, oneHot, -entropy + math.Log(3)},
		"class by number": {func(p *graph.Params) flows.Base {
			return flows.NewClassConditional(p, 2, 3, flows.ClassOptions{Index: true})
		}, of, -entropy + math.Log(3)},
		"class of two": {func(p *graph.Params) flows.Base {
			return flows.NewClassConditional(p, 2, 3, flows.ClassOptions{Components: 2})
		}, oneHot, -entropy + math.Log(3)},
	} {
		for _, dt := range []graph.DType{graph.Float32, graph.Float64} {
			p := graph.NewParams(dt, 1)
			b := c.make(p)
			before := meanLogProb(t, p, b, x, c.context)
			start := func(seed uint64) {
				var ctx mat.Matrix
				if c.context != nil {
					ctx = mat.NewDense(n, len(c.context)/n, c.context)
				}
				require.NoError(t, b.(flows.Starter).Start(x, ctx, rand.New(rand.NewPCG(seed, 0))))
			}
			start(1)
			first := p.All()[0].Get()
			after := meanLogProb(t, p, b, x, c.context)
			require.Greater(t, after, before+0.5, name)
			require.InDelta(t, c.want, after, 0.1, name)
			start(2)
			start(1)
			require.Equal(t, first, p.All()[0].Get(), name)
		}
	}
}

// Rows of the wrong shape, or not finite, start nothing.
func TestStartRefuses(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	for _, b := range []flows.Starter{
		flows.NewMixture(p.In("a"), 2, 3, 0), flows.NewClassConditional(p.In("b"), 2, 3, flows.ClassOptions{}), flows.NewAutoregressiveMixture(p.In("c"), 2, 3, 0, layers.Net{}),
	} {
		before := p.All()[0].Get()
		require.ErrorContains(t, b.Start(mat.NewDense(3, 1, nil), nil, nil), "2 columns from 3 rows of 1")
		require.ErrorContains(t, b.Start(mat.NewDense(2, 2, []float64{0, 1, 2, math.NaN()}), nil, nil), "row 2, column 2: NaN")
		require.Equal(t, before, p.All()[0].Get())
	}
}

// Contexts are as many as rows; rows as large as any begin something.
func TestStartExtremes(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	b := flows.NewClassConditional(p.In("class"), 1, 3, flows.ClassOptions{Index: true})
	require.ErrorContains(t, b.Start(mat.NewDense(4, 1, nil), mat.NewDense(3, 1, nil), nil), "4 rows, and contexts of 3")
	m := flows.NewMixture(p.In("mixture"), 1, 2, 0)
	require.NoError(t, m.Start(mat.NewDense(3, 1, []float64{1e200, -1e200, 0}), nil, rand.New(rand.NewPCG(1, 1))))
	for _, q := range p.All() {
		for _, v := range q.Get() {
			require.False(t, math.IsNaN(v), q.Name())
		}
	}
}

// A class without rows stays as it is.
func TestStartOfAbsentClass(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	b := flows.NewClassConditional(p, 1, 3, flows.ClassOptions{Index: true})
	drawn := p.ByName("means").Get()
	require.NoError(t, b.Start(mat.NewDense(4, 1, []float64{1, 3, 7, 9}), mat.NewDense(4, 1, []float64{0, 0, 2, 2}), rand.New(rand.NewPCG(1, 1))))
	require.Equal(t, []float64{2, drawn[1], 8}, p.ByName("means").Get())
}

// The density of a class is that of its Gaussian, a row of probabilities has the mixture
// of them, and a number that is no class has none.
func TestClassConditional(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	hot := flows.NewClassConditional(p.In("hot"), 1, 3, flows.ClassOptions{})
	number := flows.NewClassConditional(p.In("number"), 1, 3, flows.ClassOptions{Index: true})
	means, sds := []float64{-1, 0.5, 4}, []float64{0.5, 1, 2}
	for _, prefix := range []string{"hot.", "number."} {
		require.NoError(t, p.ByName(prefix+"means").Set(means))
		a := make([]float64, 3)
		for k, s := range sds {
			a[k] = 5 * math.Atanh(math.Log(s)/5)
		}
		require.NoError(t, p.ByName(prefix+"log_scales").Set(a))
	}
	normal := func(k int, x float64) float64 {
		z := (x - means[k]) / sds[k]
		return math.Exp(-z*z/2) / sds[k] / math.Sqrt(2*math.Pi)
	}
	x := []float64{0.3, 0.3, 0.3, 1.7, 0.3}
	g := graph.New(p, graph.Eval)
	u := g.Rows("x", 1)
	g.Output("hot", hot.LogProb(u, g.Rows("c", 3)))
	g.Output("number", number.LogProb(u, g.Rows("n", 1)))
	out := evaluate(t, g, 5, map[string][]float64{"x": x, "c": {1, 0, 0, 0, 1, 0, 0, 0, 1, 0.2, 0.3, 0.5, 1, 0, 0}, "n": {0, 1, 2, 2, 3}}, 0)
	mixed := 0.2*normal(0, 1.7) + 0.3*normal(1, 1.7) + 0.5*normal(2, 1.7)
	requireNear(t, "one-hot", []float64{math.Log(normal(0, 0.3)), math.Log(normal(1, 0.3)), math.Log(normal(2, 0.3)), math.Log(mixed), math.Log(normal(0, 0.3))}, out["hot"], 1e-12)
	requireNear(t, "numbers", []float64{math.Log(normal(0, 0.3)), math.Log(normal(1, 0.3)), math.Log(normal(2, 0.3)), math.Log(normal(2, 1.7))}, out["number"][:4], 1e-12)
	require.True(t, math.IsInf(out["number"][4], -1), "%v", out["number"][4])
}

// Samples of a class are of that class.
func TestClassSamples(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	b := flows.NewClassConditional(p, 1, 3, flows.ClassOptions{})
	require.NoError(t, p.ByName("means").Set([]float64{-100, 0, 100}))
	g := graph.New(p, graph.Eval)
	g.Output("u", b.Sample(g, g.Rows("c", 3), 1))
	const n = 3000
	c := make([]float64, 3*n)
	for i := range n {
		c[3*i+i%3] = 1
	}
	for i, u := range evaluate(t, g, n, map[string][]float64{"c": c}, 5)["u"] {
		require.InDelta(t, float64(i%3-1)*100, u, 10)
	}
}

// Rows so far out that every component's density is zero in float32 have the log-density
// of zero.
func TestMixtureFarOut(t *testing.T) {
	p := graph.NewParams(graph.Float32, 1)
	g := graph.New(p, graph.Eval)
	g.Output("lp", flows.NewMixture(p, 2, 3, 0).LogProb(g.Rows("x", 2), graph.Expr{}))
	prog, err := g.Compile()
	require.NoError(t, err)
	run, lp := prog.NewRun(), make([]float64, 2)
	require.NoError(t, run.Bind("x", graph.Rows{Float64: []float64{1e15, 0, 1e30, 0}}))
	require.NoError(t, run.Into("lp", graph.Rows{Float64: lp}))
	require.NoError(t, run.Do(context.Background(), 2))
	require.Less(t, lp[0], -1e29)
	require.True(t, math.IsInf(lp[1], -1), "%v", lp)
}
