package layers_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/sbinet/npyio/npz"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

func loadZoo(t *testing.T, name string) map[string][]float64 {
	t.Helper()
	r, err := npz.Open(filepath.Join("..", "testdata", "golden", "zoo", name+".npz"))
	require.NoError(t, err)
	defer r.Close()
	out := map[string][]float64{}
	for _, k := range r.Keys() {
		if len(r.Header(k).Descr.Shape) == 0 {
			continue // single numbers
		}
		var v []float64
		require.NoError(t, r.Read(k, &v), k)
		out[strings.TrimSuffix(k, ".npy")] = v
	}
	return out
}

func near(t *testing.T, what string, want, got []float64, tol float64) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for i := range want {
		if !(math.Abs(want[i]-got[i]) <= tol*(1+math.Abs(want[i]))) {
			t.Fatalf("%s[%d]: got %v, want %v (tolerance %v)", what, i, got[i], want[i], tol)
		}
	}
}

// evaluate compiles a graph and returns its outputs with rows.
func evaluate(t *testing.T, g *graph.Graph, rows int, in map[string][]float64, out map[string]int) map[string][]float64 {
	t.Helper()
	prog, err := g.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	for name, v := range in {
		require.NoError(t, r.Bind(name, graph.Rows{Float64: v}))
	}
	res := map[string][]float64{}
	for name, cols := range out {
		res[name] = make([]float64, rows*cols)
		require.NoError(t, r.Into(name, graph.Rows{Float64: res[name]}))
	}
	require.NoError(t, r.Do(context.Background(), rows))
	return res
}

// Transformers agree with what nflows, zuko and the papers' formulas give, in value,
// slope and gradients, and find the way back.
func TestZooTransformers(t *testing.T) {
	quadratic, cubic := layers.QuadraticSpline{Bins: 6, Bound: 3, HalfEnds: true}, layers.CubicSpline{Bins: 6, Bound: 3}
	for _, c := range []struct {
		name   string
		t      layers.Transformer
		params []string
		tol    float64
	}{
		{"linear_spline", layers.LinearSpline{Bins: 6, Bound: 3, MinMass: -1}, []string{"raw"}, 1e-11},
		{"linear_spline_steep", layers.LinearSpline{Bins: 6, Bound: 3, MinMass: -1}, []string{"raw"}, 1e-9},
		{"quadratic_spline", quadratic, []string{"raw_w", "raw_h"}, 1e-11},
		{"quadratic_spline_steep", quadratic, []string{"raw_w", "raw_h"}, 1e-9},
		{"cubic_spline", cubic, []string{"raw_w", "raw_h", "raw_left", "raw_right"}, 1e-11},
		{"cubic_spline_steep", cubic, []string{"raw_w", "raw_h", "raw_left", "raw_right"}, 1e-9},
		{"sos_3_3", layers.SumOfSquares{NoShift: true}, []string{"raw"}, 1e-10},
		{"sos_2_5", layers.SumOfSquares{Polynomials: 2, Degree: 5, NoShift: true}, []string{"raw"}, 1e-10},
		{"bernstein", layers.Bernstein{Plain: true}, []string{"raw"}, 1e-7},
		{"gaussianization", layers.Gaussianization{Components: 4, Limit: -1, Shrink: 1e-6}, []string{"shift", "scale"}, 1e-7},
		{"deep_sigmoidal", layers.DeepSigmoidal{Units: 6, Plain: true}, []string{"raw_w", "raw_a", "raw_b"}, 1e-10},
		{"logistic_mixture", layers.LogisticMixture{Components: 6, Limit: -1}, []string{"raw_pi", "mu", "s", "a", "b"}, 1e-10},
		{"sinh_arcsinh", layers.SinhArcsinh{Limit: -1}, []string{"skew", "raw_tail"}, 1e-10},
		{"circular_rqs", layers.CircularSpline{Bins: 5, MinWidth: -1, MinHeight: -1, SoftClip: -math.Log(1e-3)}, []string{"raw_w", "raw_h", "raw_d"}, 1e-10},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := loadZoo(t, c.name)
			n := len(z["x"])
			p := c.t.Params()
			h, gh := make([]float64, 0, n*p), make([]float64, 0, n*p)
			for i := range n {
				for _, name := range c.params {
					k := len(z[name]) / n
					h, gh = append(h, z[name][i*k:(i+1)*k]...), append(gh, z["grad_"+name][i*k:(i+1)*k]...)
				}
			}
			g := graph.New(graph.NewParams(graph.Float64, 1), graph.Eval)
			x, he := g.Rows("x", 1), g.Rows("h", p)
			y, ls := c.t.Inverse(x, he)
			d := graph.VJP(y.Mul(g.Rows("w", 1)).Add(ls), y.Zeros(1).Shift(1), x, he)
			back, lb := c.t.Forward(y, he)
			for name, e := range map[string]graph.Expr{"y": y, "ls": ls, "gx": d[0], "gh": d[1], "back": back, "lb": lb} {
				g.Output(name, e)
			}
			got := evaluate(t, g, n, map[string][]float64{"x": z["x"], "h": h, "w": z["w"]}, map[string]int{"y": 1, "ls": 1, "gx": 1, "gh": p, "back": 1, "lb": 1})
			near(t, "y", z["y"], got["y"], c.tol)
			near(t, "log-slope", z["logdet"], got["ls"], c.tol)
			near(t, "back", z["x"], got["back"], max(c.tol, 1e-8))
			for i := range got["lb"] {
				got["lb"][i] *= -1
			}
			near(t, "log-slope back", z["logdet"], got["lb"], max(c.tol, 1e-7))
			near(t, "gradient in x", z["grad_x"], got["gx"], 100*c.tol)
			near(t, "gradient in h", gh, got["gh"], 100*c.tol)
		})
	}
}

// rowCase is a layer given the parameters of a case.
type rowCase struct {
	name string
	make func(p *graph.Params, z map[string][]float64) flows.Layer
	set  func(z map[string][]float64) map[string][]float64 // our parameters
	// grads says which of their arrays is the gradient in which of our parameters, where
	// the two are the same numbers.
	grads map[string]string
}

// through is the a whose limit·tanh(a/limit) is v.
func through(v []float64, limit float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = limit * math.Atanh(x/limit)
	}
	return out
}

func inverseSoftplus(v []float64, least float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = math.Log(math.Expm1(x - least))
	}
	return out
}

var rowCases = []rowCase{
	{"householder", func(p *graph.Params, _ map[string][]float64) flows.Layer { return layers.NewQR(p, 5, 4) },
		func(z map[string][]float64) map[string][]float64 { return map[string][]float64{"q": z["raw"]} }, map[string]string{"q": "raw"}},
	{"qr_linear", func(p *graph.Params, _ map[string][]float64) flows.Layer { return layers.NewQR(p, 5, 4) },
		func(z map[string][]float64) map[string][]float64 {
			up, k := make([]float64, 25), 0
			for i := range 5 {
				for j := i + 1; j < 5; j++ {
					up[i*5+j] = z["upper"][k]
					k++
				}
			}
			return map[string][]float64{"q": z["raw_q"], "upper": up, "log_diagonal": through(z["log_diag"], 10), "bias": z["bias"]}
		}, map[string]string{"q": "raw_q", "bias": "bias"}},
	{"svd_linear", func(p *graph.Params, _ map[string][]float64) flows.Layer { return layers.NewSVD(p, 5, 4) },
		func(z map[string][]float64) map[string][]float64 {
			return map[string][]float64{"u": z["raw_u"], "v": z["raw_v"], "singular_values": z["raw_s"], "bias": z["bias"]}
		}, map[string]string{"u": "raw_u", "v": "raw_v", "singular_values": "raw_s", "bias": "bias"}},
	{"rotation", func(p *graph.Params, _ map[string][]float64) flows.Layer { return layers.NewRotation(p, 5) },
		func(z map[string][]float64) map[string][]float64 {
			return map[string][]float64{"generator": through(z["A"], 100)}
		}, nil},
	{"low_rank", func(p *graph.Params, _ map[string][]float64) flows.Layer { return layers.NewLowRank(p, 5, 2, false) },
		func(z map[string][]float64) map[string][]float64 {
			return map[string][]float64{"diagonal": inverseSoftplus(z["d"], 1e-3), "u": through(z["U"], 10), "v": through(z["V"], 10)}
		}, nil},
	{"sylvester", func(p *graph.Params, _ map[string][]float64) flows.Layer {
		return layers.NewSylvester(p, 5, 3, layers.SylvesterOrthogonal, layers.SylvesterOptions{})
	}, func(z map[string][]float64) map[string][]float64 {
		var qr mat.QR
		qr.Factorize(mat.NewDense(5, 3, z["Q"]))
		var q mat.Dense
		qr.QTo(&q)
		rows := make([]float64, 15)
		for i := range 5 {
			for j := range 3 {
				rows[j*5+i] = q.At(i, j)
			}
		}
		d1 := make([]float64, 3)
		for i, v := range z["d1"] {
			d1[i] = math.Atanh(math.Tanh(v) / 0.99)
		}
		return map[string][]float64{"q": rows, "r1": z["R1"], "r2": z["R2"], "d1": d1, "d2": z["d2"], "bias": z["b"]}
	}, map[string]string{"r1": "R1", "r2": "R2", "bias": "b", "d2": "d2"}},
	{"bnaf", func(p *graph.Params, _ map[string][]float64) flows.Layer {
		return layers.NewBlockAutoregressive(p, 5, layers.BlockAutoregressiveOptions{Hidden: []int{2, 2}})
	}, func(z map[string][]float64) map[string][]float64 {
		out := map[string][]float64{}
		per := []int{1, 2, 2, 1}
		for l := range 3 {
			w := append([]float64(nil), z[fmt.Sprintf("W%d", l)]...)
			cols := 5 * per[l]
			for i := range w {
				if i/cols/per[l+1] == i%cols/per[l] {
					w[i] = 10 * math.Atanh(w[i]/10)
				}
			}
			out[fmt.Sprintf("weight%d", l)], out[fmt.Sprintf("bias%d", l)] = w, z[fmt.Sprintf("b%d", l)]
		}
		return out
	}, map[string]string{"bias0": "b0", "bias1": "b1", "bias2": "b2"}},
}

// Maps of rows agree with nflows, zuko and the papers' formulas.
func TestZooRows(t *testing.T) {
	for _, c := range rowCases {
		t.Run(c.name, func(t *testing.T) {
			z := loadZoo(t, c.name)
			p := graph.NewParams(graph.Float64, 1)
			l := c.make(p, z)
			for name, v := range c.set(z) {
				require.NotNil(t, p.ByName(name), name)
				require.NoError(t, p.ByName(name).Set(v), name)
			}
			const d = 5
			n := len(z["x"]) / d
			g := graph.New(p, graph.Eval)
			x, w := g.Rows("x", d), g.Rows("w", d)
			y, ld := l.Inverse(x, graph.Expr{})
			loss := y.Mul(w).SumCols().Add(ld)
			g.Output("gx", graph.VJP(loss, loss.Zeros(1).Shift(1), x)[0])
			back, lb := l.Forward(y, graph.Expr{})
			g.Output("y", y)
			g.Output("ld", ld)
			g.Output("back", back)
			g.Output("lb", lb.Neg())
			g.Minimize(loss.SumRows())
			got := evaluate(t, g, n, map[string][]float64{"x": z["x"], "w": z["w"]}, map[string]int{"y": d, "ld": 1, "back": d, "lb": 1, "gx": d})
			near(t, "y", z["y"], got["y"], 1e-11)
			near(t, "log-determinant", z["logdet"], got["ld"], 1e-11)
			near(t, "back", z["x"], got["back"], 1e-9)
			near(t, "log-determinant back", z["logdet"], got["lb"], 1e-9)
			near(t, "gradient in x", z["grad_x"], got["gx"], 1e-9)
			for ours, theirs := range c.grads {
				want, g := z["grad_"+theirs], p.ByName(ours).GetGrad()
				if strings.HasPrefix(theirs, "R") { // theirs has gradients above the diagonal alone
					require.Len(t, g, len(want))
				}
				near(t, "gradient in "+ours, want, g, 1e-9)
			}
		})
	}
}

// The planar and the radial flow of normalizing-flows, layer by layer.
func TestZooPlanarRadial(t *testing.T) {
	for name, make := range map[string]func(p *graph.Params, z map[string][]float64, i string) flows.Layer{
		"../planar_tanh_normflows": func(p *graph.Params, z map[string][]float64, i string) flows.Layer {
			l := layers.NewPlanar(p, 5, layers.PlanarOptions{Plain: true})
			for ours, theirs := range map[string]string{"v": "u", "w": "w", "b": "b"} {
				require.NoError(t, p.ByName(ours).Set(z["param/"+i+"."+theirs]))
			}
			return l
		},
		"../planar_leaky_relu_normflows": func(p *graph.Params, z map[string][]float64, i string) flows.Layer {
			l := layers.NewPlanar(p, 5, layers.PlanarOptions{Plain: true, Slope: 0.2})
			for ours, theirs := range map[string]string{"v": "u", "w": "w", "b": "b"} {
				require.NoError(t, p.ByName(ours).Set(z["param/"+i+"."+theirs]))
			}
			return l
		},
		"../radial_normflows": func(p *graph.Params, z map[string][]float64, i string) flows.Layer {
			l := layers.NewRadial(p, 5, layers.RadialOptions{})
			require.NoError(t, p.ByName("centre").Set(z["param/"+i+".z_0"]))
			a, b := math.Abs(z["param/"+i+".alpha"][0]), math.Log1p(math.Exp(z["param/"+i+".beta"][0]))
			require.NoError(t, p.ByName("alpha").Set(inverseSoftplus([]float64{a}, 1e-3)))
			require.NoError(t, p.ByName("beta").Set(inverseSoftplus([]float64{b}, 1e-3)))
			return l
		},
	} {
		z := loadZoo(t, name)
		x := z["x"]
		for _, i := range []string{"0", "1", "2"} {
			p := graph.NewParams(graph.Float64, 1)
			l := make(p, z, i)
			g := graph.New(p, graph.Eval)
			y, ld := l.Inverse(g.Rows("x", 5), graph.Expr{})
			back, _ := l.Forward(y, graph.Expr{})
			g.Output("y", y)
			g.Output("ld", ld)
			g.Output("back", back)
			got := evaluate(t, g, 16, map[string][]float64{"x": x}, map[string]int{"y": 5, "ld": 1, "back": 5})
			near(t, name+" y", z["layer"+i+"/out"], got["y"], 1e-7)
			near(t, name+" log-determinant", z["layer"+i+"/logabsdet"], got["ld"], 1e-7)
			near(t, name+" back", x, got["back"], 1e-9)
			x = z["layer"+i+"/out"]
		}
	}
}
