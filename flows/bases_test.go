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
)

// smooth is a small network without kinks.
var smooth = layers.Net{Hidden: []int{8, 7}, Activation: layers.Tanh, Saturate: 10, OutputGain: 0.3}

// bases are checked at these contexts; spread is that of their random parameters,
// default 0.4.
var bases = []struct {
	name    string
	make    func(p *graph.Params, dim int) flows.Base
	context []float64
	spread  float64
}{
	{name: "normal", make: func(p *graph.Params, dim int) flows.Base { return flows.NewStandardNormal(p, dim) }},
	{name: "diagonal", make: func(p *graph.Params, dim int) flows.Base { return flows.NewDiagonalNormal(p, dim, 0) }},
	{name: "diagonal, context", make: func(p *graph.Params, dim int) flows.Base { return flows.NewDiagonalNormal(p, dim, 2) }, context: []float64{0.7, -1.2}},
	{name: "uniform", make: func(p *graph.Params, dim int) flows.Base { return flows.NewUniform(p, dim, -2, 3) }},
	{name: "student", make: func(p *graph.Params, dim int) flows.Base { return flows.NewStudentT(p, dim, 5) }},
	{name: "logistic", make: func(p *graph.Params, dim int) flows.Base { return flows.NewLogistic(p, dim) }},
	{name: "full", make: func(p *graph.Params, dim int) flows.Base { return flows.NewFullNormal(p, dim) }},
	{name: "full, context", make: func(p *graph.Params, dim int) flows.Base {
		return flows.NewLocationScale(p.In("moved"), flows.NewFullNormal(p, dim), 2)
	}, context: []float64{0.7, -1.2}, spread: 0.2},
	{name: "low rank", make: func(p *graph.Params, dim int) flows.Base { return flows.NewLowRankNormal(p, dim, 1) }},
	{name: "tails", make: func(p *graph.Params, dim int) flows.Base { return flows.NewLearnableTails(p, dim) }},
	{name: "tails, context", make: func(p *graph.Params, dim int) flows.Base {
		return flows.NewLocationScale(p.In("moved"), flows.NewLearnableTails(p, dim), 1)
	}, context: []float64{0.8}},
	{name: "mixture", make: func(p *graph.Params, dim int) flows.Base { return flows.NewMixture(p, dim, 3, 0) }},
	{name: "mixture of one", make: func(p *graph.Params, dim int) flows.Base { return flows.NewMixture(p, dim, 1, 0) }},
	{name: "mixture, context", make: func(p *graph.Params, dim int) flows.Base { return flows.NewMixture(p, dim, 3, 2) }, context: []float64{0.7, -1.2}},
	{name: "class", make: func(p *graph.Params, dim int) flows.Base {
		return flows.NewClassConditional(p, dim, 3, flows.ClassOptions{})
	}, context: []float64{0, 1, 0}},
	{name: "class, unknown", make: func(p *graph.Params, dim int) flows.Base {
		return flows.NewClassConditional(p, dim, 3, flows.ClassOptions{})
	}, context: []float64{0.2, 0.5, 0.3}},
	{name: "class by number", make: func(p *graph.Params, dim int) flows.Base {
		return flows.NewClassConditional(p, dim, 4, flows.ClassOptions{Components: 2, Index: true})
	}, context: []float64{3, 17}},
	{name: "made", make: func(p *graph.Params, dim int) flows.Base {
		return flows.NewAutoregressiveMixture(p, dim, 1, 0, smooth)
	}, spread: 0.2},
	{name: "made mog", make: func(p *graph.Params, dim int) flows.Base {
		return flows.NewAutoregressiveMixture(p, dim, 3, 0, smooth)
	}, spread: 0.2},
	{name: "made mog, context", make: func(p *graph.Params, dim int) flows.Base {
		return flows.NewAutoregressiveMixture(p, dim, 2, 1, smooth)
	}, context: []float64{0.8}, spread: 0.2},
	{name: "joint", make: func(p *graph.Params, dim int) flows.Base {
		last := flows.Part{Columns: []int{dim - 1}, Base: flows.NewDiagonalNormal(p.In("last"), 1, 1)}
		if dim == 1 {
			return flows.NewJoint(p, last)
		}
		var others []int
		for i := range dim - 1 {
			others = append(others, dim-2-i)
		}
		return flows.NewJoint(p, last, flows.Part{Columns: others, Base: flows.NewMixture(p.In("others"), dim-1, 2, 0)})
	}, context: []float64{0.8}},
	{name: "resampled", make: func(p *graph.Params, dim int) flows.Base {
		return flows.NewResampled(p, dim, smooth, flows.ResampledOptions{})
	}, spread: 1},
	{name: "resampled, few tries", make: func(p *graph.Params, dim int) flows.Base {
		return flows.NewResampled(p, dim, smooth, flows.ResampledOptions{Tries: 3})
	}, spread: 1},
	{name: "resampled, context", make: func(p *graph.Params, dim int) flows.Base {
		return flows.NewLocationScale(p.In("moved"), flows.NewResampled(p, dim, smooth, flows.ResampledOptions{}), 1)
	}, context: []float64{0.8}},
}

// given is the context v beside each row of x.
func given(x graph.Expr, v []float64) graph.Expr {
	if len(v) == 0 {
		return graph.Expr{}
	}
	return x.Graph().Constant(1, len(v), v).Expand(x.Zeros(len(v)))
}

// Densities integrate to one, and the histogram of samples agrees with them.
func TestBases(t *testing.T) {
	for _, c := range bases {
		for _, dim := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", c.name, dim), func(t *testing.T) {
				p := graph.NewParams(graph.Float64, 1)
				b := c.make(p, dim)
				scramble(p, or(c.spread, 0.4))
				logProb := func(x graph.Expr) graph.Expr { return b.LogProb(x, given(x, c.context)) }
				require.InDelta(t, 1, integral(t, p, dim, logProb), 6e-3)
				g := graph.New(p, graph.Eval)
				ctx := given(g.Uniform(1), c.context)
				u := b.Sample(g, ctx, 1)
				g.Output("u", u)
				g.Output("lp", b.LogProb(u, ctx))
				out := evaluate(t, g, 40000, nil, 3)
				checkHistogram(t, p, dim, logProb, out["u"])
				for _, v := range out["lp"] {
					require.False(t, math.IsNaN(v) || math.IsInf(v, 0))
				}
			})
		}
	}
}

func or(v, def float64) float64 {
	if v == 0 {
		return def
	}
	return v
}

// checkHistogram compares the shares of samples in boxes that fill [-3, 3] in each
// column with the integrals of the density there; they may be five standard deviations
// of a share away.
func checkHistogram(t *testing.T, p *graph.Params, dim int, logProb func(x graph.Expr) graph.Expr, u []float64) {
	t.Helper()
	bins, fine := 12, 200
	if dim == 2 {
		bins, fine = 6, 40
	}
	n := float64(len(u) / dim)
	w := 6 / float64(bins)
	at := func(i int) float64 { return -3 + w/float64(fine)*(float64(i)+0.5) }
	box := func(x []float64) int {
		k := 0
		for _, v := range x {
			b := math.Floor((v + 3) / w)
			if b < 0 || b >= float64(bins) {
				return -1
			}
			k = k*bins + int(b)
		}
		return k
	}
	var x []float64
	for i := range bins * fine {
		for j := range map[int]int{1: 1, 2: bins * fine}[dim] {
			x = append(x, []float64{at(i), at(j)}[:dim]...)
		}
	}
	g := graph.New(p, graph.Eval)
	g.Output("lp", logProb(g.Rows("x", dim)))
	want, got := map[int]float64{}, map[int]float64{}
	for i, lp := range evaluate(t, g, len(x)/dim, map[string][]float64{"x": x}, 0)["lp"] {
		want[box(x[i*dim:(i+1)*dim])] += math.Exp(lp) * math.Pow(w/float64(fine), float64(dim))
	}
	for i := range len(u) / dim {
		got[box(u[i*dim:(i+1)*dim])] += 1 / n
	}
	for k, share := range want {
		require.InDelta(t, share, got[k], 5*math.Sqrt(share/n)+2/n, "box %d", k)
	}
}

// baseBench is a base with random parameters and the graph of its log-density and that
// one's gradients.
func baseBench(t *testing.T, make func(p *graph.Params, dim int) flows.Base, dt graph.DType, dim int, spread float64, ctx []float64) (*graph.Params, flows.Base, *graph.Run) {
	t.Helper()
	p := graph.NewParams(dt, 1)
	b := make(p, dim)
	scramble(p, spread)
	g := graph.New(p, graph.Eval)
	x := g.Rows("x", dim)
	lp := b.LogProb(x, given(x, ctx))
	g.Output("lp", lp)
	gx := graph.VJP(lp, lp.Zeros(1).Shift(1), x)[0]
	if gx.IsZero() { // a constant density
		gx = x.Zeros(dim)
	}
	g.Output("gx", gx)
	loss := lp.SumRows()
	g.Output("loss", loss)
	if len(p.Trainable()) > 0 {
		g.Minimize(loss)
	}
	prog, err := g.Compile()
	require.NoError(t, err)
	return p, b, prog.NewRun()
}

func baseAt(t *testing.T, r *graph.Run, dim int, x []float64) (lp, gx []float64) {
	t.Helper()
	lp, gx = make([]float64, len(x)/dim), make([]float64, len(x))
	require.NoError(t, r.Bind("x", graph.Rows{Float64: x}))
	require.NoError(t, r.Into("lp", graph.Rows{Float64: lp}))
	require.NoError(t, r.Into("gx", graph.Rows{Float64: gx}))
	require.NoError(t, r.Do(context.Background(), len(lp)))
	return lp, gx
}

// Gradients in rows and in parameters are what differences say, and single precision
// agrees with double.
func TestBaseGradients(t *testing.T) {
	const dim, rows, step = 3, 5, 1e-5
	for _, c := range bases {
		t.Run(c.name, func(t *testing.T) {
			p, _, r := baseBench(t, c.make, graph.Float64, dim, or(c.spread, 0.4), c.context)
			x := make([]float64, rows*dim)
			rng := rand.New(rand.NewPCG(3, 3))
			for i := range x {
				x[i] = 0.8 * rng.NormFloat64()
			}
			lp, gx := baseAt(t, r, dim, x)
			grads := map[string][]float64{}
			for _, q := range p.Trainable() {
				grads[q.Name()] = q.GetGrad()
			}
			for i := range rows { // a row alone has the same bits
				alone, _ := baseAt(t, r, dim, x[i*dim:(i+1)*dim])
				require.Equal(t, lp[i], alone[0])
			}
			for i := range x {
				v := x[i]
				x[i] = v + step
				up, _ := baseAt(t, r, dim, x)
				x[i] = v - step
				down, _ := baseAt(t, r, dim, x)
				x[i] = v
				requireNear(t, "gradient in x", []float64{(up[i/dim] - down[i/dim]) / (2 * step)}, gx[i:i+1], 1e-6)
			}
			for _, q := range p.Trainable() {
				v := q.Get()
				for i := range v {
					sum := func(d float64) float64 {
						w := append([]float64(nil), v...)
						w[i] += d
						require.NoError(t, q.Set(w))
						baseAt(t, r, dim, x)
						return r.Number("loss")
					}
					requireNear(t, q.Name(), []float64{(sum(step) - sum(-step)) / (2 * step)}, grads[q.Name()][i:i+1], 1e-6)
				}
				require.NoError(t, q.Set(v))
			}
			_, _, r32 := baseBench(t, c.make, graph.Float32, dim, or(c.spread, 0.4), c.context)
			lp32, gx32 := baseAt(t, r32, dim, x)
			requireNear(t, "float32", lp, lp32, 2e-4)
			requireNear(t, "float32 gradient", gx, gx32, 2e-3)
		})
	}
}

// Log-densities and gradients are finite far out, and with parameters as large as they
// may be; so are samples.
func TestBaseExtremes(t *testing.T) {
	const dim = 3
	for _, c := range bases {
		if c.name == "uniform" { // zero outside its box
			continue
		}
		for _, dt := range []graph.DType{graph.Float32, graph.Float64} {
			for _, spread := range []float64{0.4, 1e3, 1e8} {
				t.Run(fmt.Sprintf("%s/%s/%g", c.name, dt, spread), func(t *testing.T) {
					p, b, r := baseBench(t, c.make, dt, dim, spread, c.context)
					var x []float64
					for _, v := range []float64{0, 1, -1, 1e3, -1e3, 1e8, -1e8} {
						x = append(x, v, -v, v/2)
					}
					lp, gx := baseAt(t, r, dim, x)
					finite(t, "log p", lp)
					finite(t, "gradient in x", gx)
					for _, q := range p.Trainable() {
						finite(t, "gradient in "+q.Name(), q.GetGrad())
					}
					g := graph.New(p, graph.Eval)
					g.Output("u", b.Sample(g, given(g.Uniform(1), c.context), 1))
					finite(t, "samples", evaluate(t, g, 100, nil, 1)["u"])
				})
			}
		}
	}
}

func finite(t *testing.T, what string, v []float64) {
	t.Helper()
	for i, x := range v {
		require.False(t, math.IsNaN(x) || math.IsInf(x, 0), "%s[%d]: %v", what, i, x)
	}
}

// Bases say what is wrong with what they are made of.
func TestBaseMistakes(t *testing.T) {
	for want, make := range map[string]func(p *graph.Params) flows.Base{
		"joint base: no parts": func(p *graph.Params) flows.Base { return flows.NewJoint(p) },
		"a part without a base for columns [0 1]": func(p *graph.Params) flows.Base {
			return flows.NewJoint(p, flows.Part{Columns: []int{0, 1}})
		},
		"location-scale base: no base": func(p *graph.Params) flows.Base { return flows.NewLocationScale(p, nil, 0) },
		"+Inf degrees of freedom":      func(p *graph.Params) flows.Base { return flows.NewStudentT(p, 2, math.Inf(1)) },
		"uniform base on [0, 1e+300]":  func(p *graph.Params) flows.Base { return flows.NewUniform(p, 2, 0, 1e300) },
	} {
		p := graph.NewParams(graph.Float32, 1)
		b := make(p)
		g := graph.New(p, graph.Eval)
		g.Output("lp", b.LogProb(g.Rows("u", 2), graph.Expr{}))
		g.Output("u", b.Sample(g, graph.Expr{}, 1))
		_, err := g.Compile()
		require.ErrorContains(t, err, want)
	}
}
