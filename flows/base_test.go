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

// scramble moves parameters off their start.
func scramble(p *graph.Params, std float64) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, q := range p.Trainable() {
		v := q.Get()
		for i := range v {
			v[i] += std * rng.NormFloat64()
		}
		_ = q.Set(v)
	}
}

func evaluate(t *testing.T, g *graph.Graph, rows int, inputs map[string][]float64, seed uint64) map[string][]float64 {
	t.Helper()
	prog, err := g.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	r.Seed = seed
	for k, v := range inputs {
		require.NoError(t, r.Bind(k, graph.Rows{Float64: v}))
	}
	out := map[string][]float64{}
	for _, o := range g.Outputs() {
		if o.Expr.HasRows() {
			out[o.Name] = make([]float64, rows*o.Expr.Cols())
			require.NoError(t, r.Into(o.Name, graph.Rows{Float64: out[o.Name]}))
		}
	}
	require.NoError(t, r.Do(context.Background(), rows))
	return out
}

// integral is that of a density on a grid over [-15, 15] in each of dim columns.
func integral(t *testing.T, p *graph.Params, dim int, logProb func(x graph.Expr) graph.Expr) float64 {
	t.Helper()
	n := 6000
	if dim == 2 {
		n = 700
	}
	h := 30 / float64(n)
	var x []float64
	for i := range n {
		if dim == 1 {
			x = append(x, -15+h*(float64(i)+0.5))
			continue
		}
		for j := range n {
			x = append(x, -15+h*(float64(i)+0.5), -15+h*(float64(j)+0.5))
		}
	}
	g := graph.New(p, graph.Eval)
	g.Output("lp", logProb(g.Rows("x", dim)))
	total := 0.0
	for _, v := range evaluate(t, g, len(x)/dim, map[string][]float64{"x": x}, 0)["lp"] {
		total += math.Exp(v) * math.Pow(h, float64(dim))
	}
	return total
}

// Flows of every kind of layer integrate to one and agree with themselves:
// samples come with the log-density that scoring gives them.
func TestFlow(t *testing.T) {
	for _, dim := range []int{1, 2} {
		p := graph.NewParams(graph.Float64, 1)
		net := layers.Net{Hidden: []int{8}, Saturate: 10}
		f := flows.New(flows.NewStudentT(p, dim, 6),
			layers.NewCoupling(p.In("a"), dim, layers.Even, layers.Affine{}, net, layers.CouplingOptions{}),
			layers.NewLU(p.In("b"), dim, layers.LUOptions{}),
			layers.NewAutoregressive(p.In("c"), dim, layers.RationalQuadratic{Bins: 5, Bound: 4}, net, layers.AutoregressiveOptions{}),
			layers.NewLogTails(p, dim, 3))
		scramble(p, 0.3)
		require.InDelta(t, 1, integral(t, p, dim, func(x graph.Expr) graph.Expr { return f.LogProb(x, graph.Expr{}) }), 2e-2)
		g := graph.New(p, graph.Eval)
		x, lp := f.SampleLogProb(g, graph.Expr{}, 1)
		g.Output("x", x)
		g.Output("lp", lp)
		out := evaluate(t, g, 500, nil, 7)
		g = graph.New(p, graph.Eval)
		g.Output("lp", f.LogProb(g.Rows("x", dim), graph.Expr{}))
		again := evaluate(t, g, 500, map[string][]float64{"x": out["x"]}, 0)
		requireNear(t, "log-density of samples", out["lp"], again["lp"], 1e-8)
	}
}

// A flow of linear layers is the Gaussian it says: variance of u = L U x + b.
func TestLinearFlowIsGaussian(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	l := layers.NewLU(p, 2, layers.LUOptions{})
	require.NoError(t, p.ByName("lower").Set([]float64{0, 0, 0.7, 0}))
	require.NoError(t, p.ByName("upper").Set([]float64{0, -0.4, 0, 0}))
	require.NoError(t, p.ByName("bias").Set([]float64{0.3, -1}))
	f := flows.New(flows.NewStandardNormal(p, 2), l)
	x := []float64{0.5, -2, 1, 1, 0, 0}
	g := graph.New(p, graph.Eval)
	g.Output("lp", f.LogProb(g.Rows("x", 2), graph.Expr{}))
	got := evaluate(t, g, 3, map[string][]float64{"x": x}, 0)["lp"]
	for i := range 3 { // diagonals are one at the start
		a, b := x[2*i]-0.4*x[2*i+1], x[2*i+1]
		u, v := a+0.3, 0.7*a+b-1
		require.InDelta(t, -math.Log(2*math.Pi)-(u*u+v*v)/2, got[i], 1e-12)
	}
}

// ActNorm's start makes columns of mean zero and variance one, through other
// layers too.
func TestActNormStart(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	f := flows.New(flows.NewStandardNormal(p, 2), layers.NewActNorm(p.In("a"), 2, layers.ActNormOptions{}), layers.NewLU(p.In("b"), 2, layers.LUOptions{}), layers.NewActNorm(p.In("c"), 2, layers.ActNormOptions{}))
	rng := rand.New(rand.NewPCG(1, 1))
	var x []float64
	for range 700 {
		x = append(x, 50+20*rng.NormFloat64(), -3+0.01*rng.NormFloat64())
	}
	g := graph.New(p, graph.Start)
	u, _ := f.Inverse(g.Rows("x", 2), graph.Expr{})
	g.Output("u", u)
	evaluate(t, g, 700, map[string][]float64{"x": x}, 0)
	g = graph.New(p, graph.Eval)
	u, _ = f.Inverse(g.Rows("x", 2), graph.Expr{})
	g.Output("u", u)
	out := evaluate(t, g, 700, map[string][]float64{"x": x}, 0)["u"]
	for j := range 2 {
		m, s := 0.0, 0.0
		for i := range 700 {
			m += out[2*i+j] / 700
			s += out[2*i+j] * out[2*i+j] / 700
		}
		require.InDelta(t, 0, m, 1e-6)
		require.InDelta(t, 1, s, 1e-3)
	}
}

// Dropout drops at its rate in training, by seed, and never in evaluation.
func TestDropout(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	m := layers.NewMLP(p, 1, 1, layers.Net{Hidden: []int{400}, Dropout: 0.25})
	v := make([]float64, 400)
	for i := range v {
		v[i] = 1. / 400
	}
	for name, value := range map[string]float64{"hidden0.bias": 1, "output.weight": 1. / 400, "hidden0.weight": 0} {
		q := p.ByName(name)
		for i := range v {
			v[i] = value
		}
		require.NoError(t, q.Set(v))
	}
	run := func(mode graph.Mode, seed uint64) []float64 {
		g := graph.New(p, mode)
		g.Output("y", m.Apply(g.Rows("x", 1)))
		return evaluate(t, g, 300, map[string][]float64{"x": make([]float64, 300)}, seed)["y"]
	}
	for _, y := range run(graph.Eval, 1) {
		require.InDelta(t, 1, y, 1e-12)
	}
	a, b := run(graph.Train, 1), run(graph.Train, 2)
	require.Equal(t, a, run(graph.Train, 1))
	require.NotEqual(t, a, b)
	mean, sd := 0.0, 0.0
	for _, y := range a {
		mean += y / 300
		sd += (y - 1) * (y - 1) / 300
	}
	require.InDelta(t, 1, mean, 0.01)
	require.InDelta(t, math.Sqrt(0.25/0.75/400), math.Sqrt(sd), 0.006)
}

// Thirty-two affine couplings at nineteen columns of heavy-tailed data train
// without a NaN, the case of normalizing-flows issue 73.
func TestThirtyTwoCouplings(t *testing.T) {
	steps := 2000
	if testing.Short() {
		steps = 100
	}
	p := graph.NewParams(graph.Float32, 1)
	var ls []flows.Layer
	for i := range 32 {
		split := layers.Split(layers.Even)
		if i%2 == 1 {
			split = layers.Odd
		}
		ls = append(ls, layers.NewCoupling(p.In(fmt.Sprint("l", i)), 19, split, layers.Affine{}, layers.Net{Hidden: []int{16, 16}}, layers.CouplingOptions{}))
	}
	f := flows.New(flows.NewStandardNormal(p, 19), ls...)
	const rows = 64
	g := graph.New(p, graph.Train)
	loss := f.LogProb(g.Rows("x", 19), graph.Expr{}).SumRows().Scale(-1. / rows)
	g.Output("loss", loss)
	g.Minimize(loss)
	prog, err := g.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	rng := rand.New(rand.NewPCG(1, 73))
	adam := &models.Adam{LearnRate: 1e-3}
	x := make([]float64, rows*19)
	require.NoError(t, r.Bind("x", graph.Rows{Float64: x}))
	params := valueGrads(p)
	first := 0.0
	last := 0.0
	for s := range steps {
		for i := range x { // Cauchy noise, mixed over the columns
			x[i] = math.Max(math.Min(math.Tan(math.Pi*(rng.Float64()-0.5)), 1e3), -1e3)
			if i%19 > 0 {
				x[i] = 0.5*x[i] + 0.5*x[i-1]
			}
		}
		require.NoError(t, r.Do(context.Background(), rows))
		l := r.Number("loss")
		require.False(t, math.IsNaN(l) || math.IsInf(l, 0), "step %d: %v", s, l)
		norm := 0.0
		for _, q := range p.Trainable() {
			_, gr := q.Float32()
			for i, v := range gr {
				require.False(t, v != v, "step %d: gradient of %s[%d]", s, q.Name(), i)
				norm += float64(v) * float64(v)
			}
		}
		if scale := float32(5 / math.Max(5, math.Sqrt(norm))); scale < 1 {
			for _, q := range p.Trainable() {
				_, gr := q.Float32()
				for i := range gr {
					gr[i] *= scale
				}
			}
		}
		require.NoError(t, adam.Step(params))
		p.Changed()
		if s < 20 {
			first += l / 20
		}
		last += (l - last) * 0.05
	}
	if steps == 2000 {
		require.Less(t, last, first)
	}
}

// Bases agree with PyTorch's distributions, in value and gradient.
func TestGoldenBases(t *testing.T) {
	through := func(v []float64, limit float64) []float64 {
		out := make([]float64, len(v))
		for i, x := range v {
			out[i] = limit * math.Atanh(x/limit)
		}
		return out
	}
	logs := func(v []float64) []float64 {
		out := make([]float64, len(v))
		for i, x := range v {
			out[i] = math.Log(x)
		}
		return out
	}
	for name, c := range map[string]struct {
		make func(p *graph.Params) flows.Base
		set  func(z map[string][]float64) map[string][]float64
	}{
		"full_covariance": {func(p *graph.Params) flows.Base { return flows.NewFullNormal(p, 3) }, func(z map[string][]float64) map[string][]float64 {
			l, unit := z["scale_tril"], make([]float64, 9)
			for i := range 9 {
				unit[i] = l[i] / l[i/3*4] // of unit diagonal
			}
			for i := range 3 {
				unit[4*i] = 0
			}
			return map[string][]float64{"location": z["mean"], "lower": through(unit, 100), "log_diagonal": through(logs([]float64{l[0], l[4], l[8]}), 5)}
		}},
		"low_rank_covariance": {func(p *graph.Params) flows.Base { return flows.NewLowRankNormal(p, 3, 2) }, func(z map[string][]float64) map[string][]float64 {
			return map[string][]float64{"location": z["mean"], "factors": through(z["factor"], 100), "log_diagonal": through(logs(z["diag"]), 5)}
		}},
		"student_t": {func(p *graph.Params) flows.Base { return flows.NewLearnableTails(p, 3) }, func(z map[string][]float64) map[string][]float64 {
			nu := make([]float64, 3)
			for i, v := range z["df"] {
				nu[i] = math.Log(v - 1)
			}
			return map[string][]float64{"location": z["loc"], "log_scale": through(z["log_scale"], 5), "log_freedom": nu}
		}},
		"von_mises": {func(p *graph.Params) flows.Base { return flows.NewVonMises(p, 3, 0) }, func(z map[string][]float64) map[string][]float64 {
			return map[string][]float64{"location": z["loc"], "log_concentration": through(logs(z["concentration"]), 5)}
		}},
		"mixture": {func(p *graph.Params) flows.Base { return flows.NewMixture(p, 3, 4, 0) }, func(z map[string][]float64) map[string][]float64 {
			return map[string][]float64{"logits": z["logits"], "means": z["mean"], "log_scales": through(z["log_scale"], 5)}
		}},
	} {
		z := loadGolden(t, "zoo/base_"+name).arrays
		p := graph.NewParams(graph.Float64, 1)
		b := c.make(p)
		for k, v := range c.set(z) {
			require.NoError(t, p.ByName(k).Set(v), "%s %s", name, k)
		}
		g := graph.New(p, graph.Eval)
		x := g.Rows("x", 3)
		lp := b.LogProb(x, graph.Expr{})
		g.Output("lp", lp)
		g.Output("gx", graph.VJP(lp, lp.Zeros(1).Shift(1), x)[0])
		prog, err := g.Compile()
		require.NoError(t, err)
		r := prog.NewRun()
		n := len(z["x"]) / 3
		got, gx := make([]float64, n), make([]float64, 3*n)
		require.NoError(t, r.Bind("x", graph.Rows{Float64: z["x"]}))
		require.NoError(t, r.Into("lp", graph.Rows{Float64: got}))
		require.NoError(t, r.Into("gx", graph.Rows{Float64: gx}))
		require.NoError(t, r.Do(context.Background(), n))
		tol := 1e-11
		if name == "von_mises" { // theirs has log I₀ by polynomials of seven digits
			tol = 1e-7
		}
		requireNear(t, name+" log p", z["log_prob"], got, tol)
		requireNear(t, name+" gradient", z["grad_x"], gx, 1e-11)
	}
}

// Angles of a von Mises density have its mean direction and length; a context moves both,
// and the density of one turn is one.
func TestVonMisesSample(t *testing.T) {
	for _, logK := range []float64{-2, 0, 1.5, 4} {
		for _, context := range []int{0, 1} {
			p := graph.NewParams(graph.Float64, 1)
			b := flows.NewVonMises(p, 2, context)
			loc, c := "location", "log_concentration"
			if context > 0 { // of value 1
				loc, c = loc+".weight", c+".weight"
			}
			require.NoError(t, p.ByName(loc).Set([]float64{1, 2.5}))
			require.NoError(t, p.ByName(c).Set([]float64{0, 5 * math.Atanh(logK/5)}))
			with := func(x graph.Expr) graph.Expr { return given(x, []float64{1}[:context:context]) }
			g := graph.New(p, graph.Eval)
			u := b.Sample(g, with(g.Uniform(1)), 1)
			g.Output("u", u)
			g.Output("lp", b.LogProb(u, with(u)))
			const n = 6000
			out := evaluate(t, g, n, nil, 7)
			var s, c1 float64
			for i := range n {
				a := out["u"][2*i+1]
				require.True(t, a >= -math.Pi-1e-9 && a <= math.Pi+1e-9, "%v", a)
				s, c1 = s+math.Sin(a-2.5)/n, c1+math.Cos(a-2.5)/n
			}
			k := math.Exp(logK)
			var i0, i1 float64 // by the midpoint rule
			for i := range 2000 {
				a := math.Pi * (float64(i) + 0.5) / 2000
				i0, i1 = i0+math.Exp(k*math.Cos(a)), i1+math.Exp(k*math.Cos(a))*math.Cos(a)
			}
			require.InDelta(t, i1/i0, c1, 4/math.Sqrt(n), "κ %v", k)
			require.InDelta(t, 0, s, 4/math.Sqrt(n), "κ %v", k)
			const turn = 100
			var x []float64
			for i := range turn * turn {
				x = append(x, 2*math.Pi*float64(i/turn)/turn, 2*math.Pi*float64(i%turn)/turn)
			}
			g = graph.New(p, graph.Eval)
			v := g.Rows("x", 2)
			g.Output("lp", b.LogProb(v, with(v)))
			total := 0.0
			for _, lp := range evaluate(t, g, turn*turn, map[string][]float64{"x": x}, 0)["lp"] {
				total += math.Exp(lp) * math.Pow(2*math.Pi/turn, 2)
			}
			require.InDelta(t, 1, total, 1e-9)
		}
	}
}

// Layers in stacks, of whatever depth and turned round, are the same as one after the
// other.
func TestStacks(t *testing.T) {
	make := func(p *graph.Params, i int) flows.Layer {
		return layers.NewAutoregressive(p, 2, layers.Affine{}, layers.Net{Hidden: []int{5}}, layers.AutoregressiveOptions{Order: []int{i % 2, 1 - i%2}})
	}
	p, q := graph.NewParams(graph.Float64, 1), graph.NewParams(graph.Float64, 2)
	nested := flows.New(flows.NewStandardNormal(p, 2), make(p.In("first"), 0), layers.Invert(flows.Stack(flows.Repeat(p.In("a"), 3, make), make(p.In("last"), 1))))
	inverse := func(name string, i int) flows.Layer { return layers.Invert(make(q.In(name), i)) }
	flat := flows.New(flows.NewStandardNormal(q, 2), make(q.In("first"), 0), inverse("last", 1), inverse("a.layer2", 2), inverse("a.layer1", 1), inverse("a.layer0", 0))
	scramble(p, 0.5)
	require.Len(t, q.All(), len(p.All()))
	for _, w := range q.All() {
		require.NoError(t, w.Set(p.ByName(w.Name()).Get()), w.Name())
	}
	x := []float64{0.3, -1, 2, 0.1, -0.5, -0.4}
	both := func(p *graph.Params, f *flows.Flow) map[string][]float64 {
		g := graph.New(p, graph.Eval)
		g.Output("lp", f.LogProb(g.Rows("x", 2), graph.Expr{}))
		g.Output("sample", f.Sample(g, graph.Expr{}, 1))
		return evaluate(t, g, 3, map[string][]float64{"x": x}, 4)
	}
	a, b := both(p, nested), both(q, flat)
	requireNear(t, "log p", b["lp"], a["lp"], 1e-12)
	requireNear(t, "samples", b["sample"], a["sample"], 1e-12)
}

// A stack has no density of its own, and says so.
func TestStackHasNoDensity(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	s := flows.Repeat(p, 2, func(p *graph.Params, _ int) flows.Layer { return layers.NewLU(p, 2, layers.LUOptions{}) })
	for _, use := range []func(g *graph.Graph) graph.Expr{
		func(g *graph.Graph) graph.Expr { return s.LogProb(g.Rows("x", 2), graph.Expr{}) },
		func(g *graph.Graph) graph.Expr { return s.Sample(g, graph.Expr{}, 1) },
		func(g *graph.Graph) graph.Expr { x, _ := s.SampleLogProb(g, graph.Expr{}, 1); return x },
	} {
		g := graph.New(p, graph.Eval)
		g.Output("y", use(g))
		_, err := g.Compile()
		require.ErrorContains(t, err, "no density without a base")
	}
	flows.Repeat(p, -1, nil)
	require.ErrorContains(t, p.Err(), "-1 layers")
}
