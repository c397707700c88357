package models_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
)

// banana is x2 ~ N(x1²/2, 0.5²), x1 ~ N(0, 1), in odd units; its entropy is
// known.
func banana(n int, seed uint64) (x *mat.Dense, entropy float64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	x = mat.NewDense(n, 2, nil)
	for i := range n {
		a := rng.NormFloat64()
		b := a*a/2 + 0.5*rng.NormFloat64()
		x.SetRow(i, []float64{100 + 30*a, 7 * b})
	}
	return x, math.Log(2*math.Pi) + 1 + math.Log(0.5) + math.Log(30*7)
}

// turned is a banana as angles: nearly all of it is far from ±π, the rest turns round.
func turned(x *mat.Dense) *mat.Dense {
	var y mat.Dense
	y.Apply(func(_, j int, v float64) float64 {
		a := (v - 100) / 80
		if j == 1 {
			a = v/14 - 1
		}
		return math.Remainder(a, 2*math.Pi)
	}, x)
	return &y
}

// Every ready model learns a banana to near its entropy.
func TestFitBanana(t *testing.T) {
	x, entropy := banana(4000, 1)
	test, _ := banana(4000, 2)
	for _, name := range models.Names() {
		t.Run(name, func(t *testing.T) {
			spec := models.Spec{Model: name, Dim: 2, Layers: 4, Hidden: []int{32, 32}, Seed: 3}
			x, test, entropy := x, test, entropy
			steps, rate := 600, 3e-3
			switch name {
			case "bnaf", "gaussianization", "sylvester", "planar", "radial": // small maps: as many as by default
				spec.Layers, spec.Hidden = 0, nil
				steps, rate = 1500, 1e-2
				if name == "gaussianization" {
					spec.Layers, steps = 4, 600
				}
			case "made", "made-mog":
				spec.Layers = 0
			case "ncsf": // the banana on a torus
				x, test, entropy = turned(x), turned(test), entropy-math.Log(80*14)
			}
			m, err := models.New(spec)
			require.NoError(t, err)
			_, err = m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: steps, LearnRate: rate, Seed: 5})
			require.NoError(t, err)
			lp, err := m.LogProb(test, nil)
			require.NoError(t, err)
			mean := 0.0
			for _, v := range lp {
				mean -= v / float64(len(lp))
			}
			require.InDelta(t, entropy, mean, 0.15)
		})
	}
}

// An average over far more steps than there were is as good as the last weights: it
// has forgotten the first ones.
func TestAverageForgetsInitialWeights(t *testing.T) {
	x, _ := banana(2000, 1)
	fit := func(ema float64) float64 {
		m, err := models.MAF(2, models.Spec{Layers: 3, Hidden: []int{16}, Seed: 3})
		require.NoError(t, err)
		r, err := m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: 400, Batch: 64, LearnRate: 3e-3, EMA: ema, Seed: 5})
		require.NoError(t, err)
		return r.Valid
	}
	require.InDelta(t, fit(0), fit(0.9999), 0.05)
}

// Begin is called when a fit is sure to begin, once, and can refuse.
func TestBegin(t *testing.T) {
	m, err := models.New(models.Spec{Model: "realnvp", Dim: 2, Layers: 1, Hidden: []int{4}})
	require.NoError(t, err)
	began := 0
	opts := models.FitOptions{Steps: 2, Batch: 4, Begin: func() error { began++; return nil }}
	_, err = m.Fit(context.Background(), models.Data{X: mat.NewDense(4, 2, []float64{1, 2, 1, 4, 1, 6, 1, 9})}, opts)
	require.ErrorContains(t, err, "constant")
	require.Zero(t, began)
	good := models.Data{X: mat.NewDense(4, 2, []float64{1, 2, 3, 5, 4, 6, 7, 9})}
	_, err = m.Fit(context.Background(), good, opts)
	require.NoError(t, err)
	require.Equal(t, 1, began)
	opts.Begin = func() error { return errors.New("not today") }
	_, err = m.Fit(context.Background(), good, opts)
	require.ErrorContains(t, err, "not today")
}
