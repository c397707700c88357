package models_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/layers"
	"github.com/gorgeflow/gorge/models"
)

// perturbed is a small model whose parameters are not those it starts with.
func perturbed(t *testing.T, s models.Spec) *models.Model {
	t.Helper()
	s.Hidden, s.Blocks, s.Bins, s.Activation, s.DType, s.Seed = []int{8}, -1, 5, layers.Tanh, "float64", 3
	if !strings.HasPrefix(s.Model, "made") { // which have no layers
		s.Layers = 2
	}
	m, err := models.New(s)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(5, uint64(len(s.Model)+s.Dim)))
	spread := 0.3
	if s.Model == "umnn" { // whose slopes else fall so low that some mass is at e¹⁰⁰
		spread = 0.05
	}
	for _, p := range m.Params().Trainable() {
		v, by := p.Get(), spread
		if rows, cols := p.Shape(); rows > 1 { // what comes out of a matrix is of order one
			by = 2 * spread / math.Sqrt(float64(cols))
		}
		for j := range v {
			v[j] += by * rng.NormFloat64()
		}
		require.NoError(t, p.Set(v))
	}
	return m
}

// trapezoids are points and weights of the trapezoidal rule in t: of an angle, or of the line
// through x = sinh(t), so that tails are reached.
func trapezoids(m *models.Model, n int, half float64) (x, w []float64) {
	circle := m.Spec().Model == "ncsf"
	if circle {
		half = math.Pi
	}
	for i := range n {
		t := -half + 2*half*(float64(i)+0.5)/float64(n)
		v, slope := math.Sinh(t), math.Cosh(t)
		if circle {
			v, slope = t, 1
		}
		x, w = append(x, v), append(w, slope*2*half/float64(n))
	}
	return x, w
}

// integral is that of the model's density, for the given context.
func integral(t *testing.T, m *models.Model, n int, half float64, context ...float64) float64 {
	t.Helper()
	x, w := trapezoids(m, n, half)
	dim := m.Spec().Dim
	var points, weights, contexts []float64
	for i := range n {
		if dim == 1 {
			points, weights = append(points, x[i]), append(weights, w[i])
			continue
		}
		for j := range n {
			points, weights = append(points, x[i], x[j]), append(weights, w[i]*w[j])
		}
	}
	for range weights {
		contexts = append(contexts, context...)
	}
	var c mat.Matrix
	if len(context) > 0 {
		c = mat.NewDense(len(weights), len(context), contexts)
	}
	lp, err := m.LogProb(mat.NewDense(len(weights), dim, points), c)
	require.NoError(t, err)
	sum := 0.0
	for i, v := range lp {
		sum += math.Exp(v) * weights[i]
	}
	return sum
}

// Densities of every model integrate to one, on the line, with tails as far as e⁴⁰, in
// the plane, on the circle and on the torus.
func TestDensitiesIntegrate(t *testing.T) {
	for _, name := range models.Names() {
		t.Run(name+"/dim=1", func(t *testing.T) {
			require.InDelta(t, 1, integral(t, perturbed(t, models.Spec{Model: name, Dim: 1}), 8000, 40), 1e-4)
		})
		t.Run(name+"/dim=2", func(t *testing.T) {
			n := 300
			if name == "umnn" { // 33 evaluations of a network for each value
				n = 80
			}
			require.InDelta(t, 1, integral(t, perturbed(t, models.Spec{Model: name, Dim: 2, Tails: -1}), n, 5), 1e-3)
		})
	}
}

// So do conditional ones, whatever the context, and the context matters: to every model.
func TestConditionalDensitiesIntegrate(t *testing.T) {
	for _, name := range models.Names() {
		for dim := 1; dim <= 2; dim++ {
			t.Run(fmt.Sprintf("%s/dim=%d", name, dim), func(t *testing.T) {
				m := perturbed(t, models.Spec{Model: name, Dim: dim, Context: 2, Tails: -1})
				n := map[int]int{1: 4000, 2: 240}[dim]
				if name == "umnn" {
					n /= 4
				}
				for _, c := range [][]float64{{0, 1}, {2, -3}} {
					require.InDelta(t, 1, integral(t, m, n, 5, c...), 2e-3, "context %v", c)
				}
				x := mat.NewDense(2, dim, nil)
				lp, err := m.LogProb(x, mat.NewDense(2, 2, []float64{0, 1, 2, -3}))
				require.NoError(t, err)
				require.NotEqual(t, lp[0], lp[1])
			})
		}
	}
}

// And those of every base; the class is the second of two. The resampled base estimates its
// integral in training.
func TestBasesIntegrate(t *testing.T) {
	for _, base := range models.Bases() {
		if base == "resampled" {
			continue
		}
		for dim := 1; dim <= 2; dim++ {
			t.Run(fmt.Sprintf("%s/dim=%d", base, dim), func(t *testing.T) {
				s, context := models.Spec{Model: "maf", Dim: dim, Base: base, Tails: -1}, []float64(nil)
				switch base {
				case "torus", "von-mises":
					s.Model = "ncsf"
				case "class":
					s.Context, s.Classes, context = 2, 2, []float64{1}
				}
				require.InDelta(t, 1, integral(t, perturbed(t, s), map[int]int{1: 4000, 2: 300}[dim], 12, context...), 2e-3)
			})
		}
	}
}
