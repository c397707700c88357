package flows_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// The log-density is the sum over columns of the explicit formula of a mixture, with the
// numbers that the network gives.
func TestAutoregressiveMixtureFormula(t *testing.T) {
	const dim, k, rows = 4, 3, 20
	p := graph.NewParams(graph.Float64, 1)
	b := flows.NewAutoregressiveMixture(p, dim, k, 2, smooth)
	scramble(p, 0.3)
	same := graph.NewParams(graph.Float64, 2)
	net := layers.NewMADE(same, dim, 3*k, 2, smooth)
	for _, q := range p.All() {
		require.NoError(t, same.ByName(q.Name()).Set(q.Get()))
	}
	rng := rand.New(rand.NewPCG(8, 8))
	x, c := make([]float64, rows*dim), make([]float64, rows*2)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	for i := range c {
		c[i] = rng.NormFloat64()
	}
	in := map[string][]float64{"x": x, "c": c}
	g := graph.New(p, graph.Eval)
	g.Output("lp", b.LogProb(g.Rows("x", dim), g.Rows("c", 2)))
	got := evaluate(t, g, rows, in, 0)["lp"]
	g = graph.New(same, graph.Eval)
	g.Output("h", net.Apply(g.Rows("x", dim), g.Rows("c", 2)))
	h := evaluate(t, g, rows, in, 0)["h"]
	want := make([]float64, rows)
	for i := range rows {
		for j := range dim {
			h := h[(i*dim+j)*3*k:]
			density, weights := 0.0, 0.0
			for c := range k {
				w, m, s := math.Exp(h[c]), h[k+c], math.Exp(5*math.Tanh(h[2*k+c]/5))
				z := (x[i*dim+j] - m) / s
				weights += w
				density += w * math.Exp(-z*z/2) / s / math.Sqrt(2*math.Pi)
			}
			want[i] += math.Log(density / weights)
		}
	}
	requireNear(t, "log p", want, got, 1e-11)
}

// A Gaussianization layer on a normal base is the same density, within its bound.
func TestAutoregressiveMixtureIsGaussianization(t *testing.T) {
	const k = 3
	means, logS, logits := []float64{-1.5, 0.2, 2}, []float64{-0.7, 0.1, -0.3}, []float64{0.3, -0.4, 0.9}
	p := graph.NewParams(graph.Float64, 1)
	b := flows.NewAutoregressiveMixture(p.In("base"), 1, k, 0, layers.Net{})
	f := flows.New(flows.NewStandardNormal(p, 1), layers.NewAutoregressive(p.In("layer"), 1, layers.Gaussianization{Components: k, Weighted: true, Limit: -1}, layers.Net{}, layers.AutoregressiveOptions{}))
	ours, theirs := append([]float64(nil), logits...), make([]float64, 0, 3*k)
	ours = append(ours, means...)
	for i, s := range logS {
		ours = append(ours, 5*math.Atanh(s/5))
		theirs = append(theirs, -means[i]*math.Exp(-s))
	}
	for _, s := range logS {
		theirs = append(theirs, -s)
	}
	require.NoError(t, p.ByName("base.output.bias").Set(ours))
	require.NoError(t, p.ByName("layer.output.bias").Set(append(theirs, logits...)))
	var x []float64
	for v := -6.0; v <= 6; v += 0.25 {
		x = append(x, v)
	}
	g := graph.New(p, graph.Eval)
	u := g.Rows("x", 1)
	// A single column sees no inputs: hidden units of degree 0 are constants.
	g.Output("base", b.LogProb(u, graph.Expr{}))
	g.Output("layer", f.LogProb(u, graph.Expr{}))
	out := evaluate(t, g, len(x), map[string][]float64{"x": x}, 0)
	requireNear(t, "log p", out["base"], out["layer"], 1e-9)
}

// Started from rows, the mixture of each column is that of the column.
func TestAutoregressiveMixtureStart(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	const n = 4000
	x := mat.NewDense(n, 2, nil)
	for i := range n {
		x.Set(i, 0, 3*float64(i%2)+0.2*rng.NormFloat64())
		x.Set(i, 1, []float64{-4, 0, 4}[i%3]+0.3*rng.NormFloat64())
	}
	p := graph.NewParams(graph.Float64, 1)
	b := flows.NewAutoregressiveMixture(p, 2, 4, 0, layers.Net{})
	require.NoError(t, b.Start(x, nil, rng))
	entropy := math.Log(2*math.Pi*math.E) + math.Log(0.2) + math.Log(0.3) + math.Log(2) + math.Log(3)
	require.InDelta(t, -entropy, meanLogProb(t, p, b, x, nil), 0.15)
}
