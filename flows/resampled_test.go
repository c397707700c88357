package flows_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
	"github.com/gorgeflow/gorge/models"
)

// In training the normaliser goes to the mean acceptance, and gradients, on average over
// the proposals, to those of the density that evaluation has.
func TestResampledTraining(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	b := flows.NewResampled(p, 2, smooth, flows.ResampledOptions{Tries: 5, Average: 0.02})
	scramble(p, 1)
	const rows, steps = 512, 600
	x := make([]float64, rows*2)
	rng := rand.New(rand.NewPCG(6, 6))
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	compile := func(mode graph.Mode) *graph.Run {
		g := graph.New(p, mode)
		loss := b.LogProb(g.Rows("x", 2), graph.Expr{}).SumRows().Scale(1. / rows)
		g.Output("loss", loss)
		g.Minimize(loss)
		prog, err := g.Compile()
		require.NoError(t, err)
		r := prog.NewRun()
		require.NoError(t, r.Bind("x", graph.Rows{Float64: x}))
		return r
	}
	eval, train := compile(graph.Eval), compile(graph.Train)
	q := p.ByName("acceptance.output.weight")
	require.NoError(t, eval.Do(context.Background(), rows))
	want := q.GetGrad()
	mean := make([]float64, len(want))
	const last = 400
	loss := 0.0
	for s := range steps {
		train.Step = uint64(s)
		require.NoError(t, train.Do(context.Background(), rows))
		if s >= steps-last {
			loss += train.Number("loss") / last
			for i, g := range q.GetGrad() {
				mean[i] += g / last
			}
		}
	}
	require.InDelta(t, eval.Number("loss"), loss, 0.01)
	// Acceptances have standard deviations below 1/2, so that a mean over all proposals
	// has one of less than 0.002; the gradient's is about as small.
	for i := range want {
		require.InDelta(t, want[i], mean[i], 0.01, "%d", i)
	}
	require.InDelta(t, acceptance(t, p), p.ByName("normaliser").Get()[0], 0.01)
}

// acceptance is E a(z) over normal z, by the parameters in p and the formula.
func acceptance(t *testing.T, p *graph.Params) float64 {
	t.Helper()
	twin := graph.NewParams(p.DType(), 1)
	net := layers.NewMLP(twin, 2, 1, smooth)
	for _, q := range twin.All() {
		require.NoError(t, q.Set(p.ByName("acceptance."+q.Name()).Get()))
	}
	g := graph.New(twin, graph.Eval)
	g.Output("l", net.Apply(g.Normal(2)))
	const n = 100000
	total := 0.0
	for _, l := range evaluate(t, g, n, nil, 2)["l"] {
		total += 1 / (1 + math.Exp(-15*math.Tanh(l/15))) / n
	}
	return total
}

// Fitted to a normal density with a hole, which no continuous map of a normal one has, the
// base comes to within two hundredths of a nat of its entropy.
func TestResampledLearnsAHole(t *testing.T) {
	if testing.Short() {
		t.Skip("fits for seconds")
	}
	// p(x) ∝ N(x; 0, 1) outside [-1, 1].
	const inside = 0.682689492137086
	rng := rand.New(rand.NewPCG(2, 2))
	draw := func() float64 {
		for {
			if x := rng.NormFloat64(); math.Abs(x) > 1 {
				return x
			}
		}
	}
	p := graph.NewParams(graph.Float32, 1)
	b := flows.NewResampled(p, 1, layers.Net{Hidden: []int{32, 32}}, flows.ResampledOptions{})
	const rows = 256
	g := graph.New(p, graph.Train)
	loss := b.LogProb(g.Rows("x", 1), graph.Expr{}).SumRows().Scale(-1. / rows)
	g.Minimize(loss)
	prog, err := g.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	x := make([]float64, rows)
	require.NoError(t, r.Bind("x", graph.Rows{Float64: x}))
	adam := &models.Adam{LearnRate: 5e-3}
	params := valueGrads(p)
	for s := range 1500 {
		for i := range x {
			x[i] = draw()
		}
		adam.LearnRate = 5e-3 * (1 - float64(s)/1500)
		r.Step = uint64(s)
		require.NoError(t, r.Do(context.Background(), rows))
		require.NoError(t, adam.Step(params))
		p.Changed()
	}
	const n = 20000
	test := make([]float64, n)
	entropy := 0.0
	for i := range test {
		test[i] = draw()
		entropy += (test[i]*test[i]/2 + 0.5*math.Log(2*math.Pi) + math.Log(1-inside)) / n
	}
	g = graph.New(p, graph.Eval)
	g.Output("lp", b.LogProb(g.Rows("x", 1), graph.Expr{}))
	g.Output("u", b.Sample(g, graph.Expr{}, 1))
	out := evaluate(t, g, n, map[string][]float64{"x": test}, 3)
	nll, within := 0.0, 0.0
	for i, v := range out["lp"] {
		nll -= v / n
		if math.Abs(out["u"][i]) < 0.9 {
			within += 1. / n
		}
	}
	require.InDelta(t, entropy, nll, 0.02)
	// A normal density has 0.63 there.
	require.Less(t, within, 0.02)
	total := integral(t, p, 1, func(x graph.Expr) graph.Expr { return b.LogProb(x, graph.Expr{}) })
	require.InDelta(t, 1, total, 2e-3)
}
