package layers_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// An all-in-one block is the formula of its documentation: u = P (s ⊙ (x_A, x_B e^a + t)
// + o), and, where it preserves volumes, with a of mean zero and without s.
func TestAllInOneFormula(t *testing.T) {
	const dim, seed = 5, 4
	order := rand.New(rand.NewPCG(seed, 0)).Perm(dim)
	for _, gin := range []bool{false, true} {
		p := graph.NewParams(graph.Float64, 1)
		l := layers.NewAllInOne(p, dim, small, layers.AllInOneOptions{Seed: seed, VolumePreserving: gin})
		set := func(name string, v ...float64) {
			require.NotNil(t, p.ByName(name), name)
			require.NoError(t, p.ByName(name).Set(v), name)
		}
		w := p.ByName("coupling.output.weight").Get()
		set("coupling.output.weight", make([]float64, len(w))...)
		shift, raw, o, logS := []float64{0.3, -1}, []float64{0.5, -2}, []float64{1, -2, 0.5, 0, 3}, make([]float64, dim)
		set("coupling.output.bias", shift[0], raw[0], shift[1], raw[1])
		if gin {
			set("global.parameters", o...)
		} else {
			logS = []float64{0.1, -0.2, 0.3, 1, -1}
			set("global.shift", o...)
			set("global.log_scale", through(logS, 10)...)
		}
		a := []float64{2 * math.Tanh(raw[0]/2), 2 * math.Tanh(raw[1]/2)}
		if mean := (a[0] + a[1]) / 2; gin {
			a[0], a[1] = a[0]-mean, a[1]-mean
		}
		x := grid(20)
		var want, wantDet []float64
		for i := 0; i < len(x); i += dim {
			y := append([]float64{}, x[i:i+dim]...)
			y[3], y[4] = y[3]*math.Exp(a[0])+shift[0], y[4]*math.Exp(a[1])+shift[1]
			det := a[0] + a[1]
			for j := range y {
				y[j] = y[j]*math.Exp(logS[j]) + o[j]
				det += logS[j]
			}
			for _, j := range order {
				want = append(want, y[j])
			}
			wantDet = append(wantDet, det)
		}
		g := graph.New(p, graph.Eval)
		u, ld := l.Inverse(g.Rows("x", dim), graph.Expr{})
		g.Output("u", u)
		g.Output("ld", ld)
		got := evaluate(t, g, len(x)/dim, map[string][]float64{"x": x}, map[string]int{"u": dim, "ld": 1})
		near(t, "u", want, got["u"], 1e-12)
		near(t, "log-determinant", wantDet, got["ld"], 1e-12)
		if gin {
			near(t, "volume", make([]float64, len(wantDet)), got["ld"], 1e-12)
		}
	}
}

// A random rotation has determinant one, and another seed another rotation.
func TestRandomRotation(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	unit := []float64{1, 0, 0, 0, 1, 0, 0, 0, 1}
	w := inverseOf(t, p, layers.NewRandomRotation(p, 3, 7), 3, unit) // columns of W, one behind the other
	det := w[0]*(w[4]*w[8]-w[5]*w[7]) - w[3]*(w[1]*w[8]-w[2]*w[7]) + w[6]*(w[1]*w[5]-w[2]*w[4])
	require.InDelta(t, 1, det, 1e-12)
	require.NotEqual(t, w, inverseOf(t, p, layers.NewRandomRotation(p, 3, 8), 3, unit))
	require.Equal(t, w, inverseOf(t, p, layers.NewRandomRotation(p, 3, 7), 3, unit))
}
