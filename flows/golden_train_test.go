package flows_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"context"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
	"github.com/gorgeflow/gorge/models"
)

// Training goes as PyTorch's does, step by step: losses, norms of gradients and
// the parameters at the end.
func TestGoldenTraining(t *testing.T) {
	realnvp := func(g *golden) []flows.Layer {
		return realnvpNflows(g, [][]int{{1, 0}, {0, 1}, {1, 0}, {0, 1}})
	}
	nsf := func(g *golden) (out []flows.Layer) {
		for i, m := range [][]int{{1, 0}, {0, 1}} {
			out = append(out, layers.NewPermutation(g.p, []int{1, 0}), luNflows(g, fmt.Sprintf("lu%d", i), fmt.Sprintf("%d.", 3*i+1), 2),
				rqsNflows(g, fmt.Sprintf("c%d", i), fmt.Sprintf("%d.", 3*i+2), m, 1, false))
		}
		return out
	}
	for _, c := range []struct {
		name   string
		build  func(*golden) []flows.Layer
		solver gorgonia.Solver
	}{
		{"train_adam_realnvp", realnvp, &models.Adam{LearnRate: 1e-2}},
		{"train_adam_nsf", nsf, &models.Adam{LearnRate: 5e-3}},
		{"train_sgd_momentum_realnvp", realnvp, gorgonia.NewMomentum(gorgonia.WithLearnRate(1e-2), gorgonia.WithMomentum(0.9))},
		{"train_rmsprop_realnvp", realnvp, &models.RMSProp{LearnRate: 1e-3}},
		{"train_adamax_realnvp", realnvp, &models.Adamax{LearnRate: 1e-2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := loadGolden(t, c.name)
			g.p = graph.NewParams(graph.Float64, 1)
			ls := c.build(g)
			require.NoError(t, g.p.Err())
			g.prefix = "param0/"
			g.load(t)
			x := g.arrays["x"]
			rows := len(x) / 2
			gr := graph.New(g.p, graph.Train)
			loss := flows.New(flows.NewStandardNormal(g.p, 2), reversed(ls)...).LogProb(gr.Rows("x", 2), graph.Expr{}).SumRows().Scale(-1 / float64(rows))
			gr.Output("loss", loss)
			gr.Minimize(loss)
			prog, err := gr.Compile()
			require.NoError(t, err)
			r := prog.NewRun()
			require.NoError(t, r.Bind("x", graph.Rows{Float64: x}))
			params := valueGrads(g.p)
			losses, norms := g.arrays["losses"], g.arrays["grad_norms"]
			for s, want := range losses {
				require.NoError(t, r.Do(context.Background(), rows))
				require.InDelta(t, want, r.Number("loss"), 1e-9, "loss before step %d", s)
				if s == len(norms) {
					break
				}
				ss := 0.0
				for _, q := range g.p.Trainable() {
					for _, v := range q.GetGrad() {
						ss += v * v
					}
				}
				require.InDelta(t, norms[s], math.Sqrt(ss), 1e-8*(1+norms[s]), "gradient norm at step %d", s)
				require.NoError(t, c.solver.Step(params))
				g.p.Changed()
			}
			for name, from := range g.from {
				for i, v := range g.p.ByName(name).Get() {
					if from[i].key == "" {
						continue
					}
					want := g.arrays["param_end/"+from[i].key][from[i].i]
					require.InDelta(t, want, v, 1e-8*(1+math.Abs(want)), "%s[%d] at the end", name, i)
				}
			}
		})
	}
}

// valueGrads is what a solver takes.
func valueGrads(p *graph.Params) []gorgonia.ValueGrad {
	var out []gorgonia.ValueGrad
	for _, q := range p.Trainable() {
		out = append(out, q)
	}
	return out
}

// Splines agree with values computed with 50 digits, for parameters of three kinds and
// for the corners of TensorFlow Probability's own test.
func TestGoldenSpline(t *testing.T) {
	b, err := os.ReadFile("../testdata/golden/rqs_golden.json")
	require.NoError(t, err)
	var cases []struct {
		Name          string    `json:"name"`
		Bound         float64   `json:"bound"`
		W             []float64 `json:"unnormalized_widths"`
		H             []float64 `json:"unnormalized_heights"`
		D             []float64 `json:"unnormalized_derivatives"`
		MinWidth      float64   `json:"min_bin_width"`
		MinHeight     float64   `json:"min_bin_height"`
		MinDerivative float64   `json:"min_derivative"`
		KnotsX        []float64 `json:"knots_x"`
		KnotsY        []float64 `json:"knots_y"`
		Points        []struct {
			X, Y, LogAbsDet float64
		} `json:"points"`
	}
	require.NoError(t, json.Unmarshal(b, &cases))
	tried := 0
	for _, c := range cases {
		zero := -1.0    // slopes are softplus(h) + the least
		if c.W == nil { // given by its corners, and slopes of one
			zero, c.Bound, c.MinWidth, c.MinHeight = 1, c.KnotsX[len(c.KnotsX)-1], -1, -1
			for i := range len(c.KnotsX) - 1 {
				c.W = append(c.W, math.Log(c.KnotsX[i+1]-c.KnotsX[i]))
				c.H = append(c.H, math.Log(c.KnotsY[i+1]-c.KnotsY[i]))
			}
			c.D = make([]float64, len(c.W)-1)
		}
		tried++
		t.Run(c.Name, func(t *testing.T) {
			tol, back := 1e-13, 1e-12
			if c.MinDerivative > 0 && len(c.W) == 4 && c.W[0] != 0 { // slopes of 1e-3 beside 9
				tol, back = 1e-11, 1e-9
			}
			p := graph.NewParams(graph.Float64, 1)
			l := layers.NewElementwise(p, 1, layers.RationalQuadratic{Bins: len(c.W), Bound: c.Bound, MinWidth: c.MinWidth, MinHeight: c.MinHeight, MinSlope: c.MinDerivative, ZeroSlope: zero}, layers.ElementwiseOptions{})
			require.NoError(t, p.ByName("parameters").Set(append(append(append([]float64(nil), c.W...), c.H...), c.D...)))
			g := graph.New(p, graph.Eval)
			u, ld := l.Inverse(g.Rows("x", 1), graph.Expr{})
			x, back2 := l.Forward(g.Rows("y", 1), graph.Expr{})
			g.Output("u", u)
			g.Output("logdet", ld)
			g.Output("x", x)
			g.Output("logdet of the inverse", back2)
			prog, err := g.Compile()
			require.NoError(t, err)
			r := prog.NewRun()
			n := len(c.Points)
			in, out := make([]float64, n), make([]float64, n)
			for i, pt := range c.Points {
				in[i], out[i] = pt.X, pt.Y
			}
			require.NoError(t, r.Bind("x", graph.Rows{Float64: in}))
			require.NoError(t, r.Bind("y", graph.Rows{Float64: out}))
			got := map[string][]float64{}
			for _, o := range g.Outputs() {
				got[o.Name] = make([]float64, n)
				require.NoError(t, r.Into(o.Name, graph.Rows{Float64: got[o.Name]}))
			}
			require.NoError(t, r.Do(context.Background(), n))
			for i, pt := range c.Points {
				require.InDelta(t, pt.Y, got["u"][i], tol, "y at %v", pt.X)
				require.InDelta(t, pt.LogAbsDet, got["logdet"][i], tol*10, "log-slope at %v", pt.X)
				require.InDelta(t, pt.X, got["x"][i], back, "inverse at %v", pt.Y)
				require.InDelta(t, -pt.LogAbsDet, got["logdet of the inverse"][i], back*10, "log-slope of the inverse at %v", pt.Y)
			}
		})
	}
	require.Equal(t, 4, tried)
}
