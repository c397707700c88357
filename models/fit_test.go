package models_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

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

// Every ready model learns a banana to near its entropy.
func TestFitBanana(t *testing.T) {
	x, entropy := banana(4000, 1)
	test, _ := banana(4000, 2)
	for _, name := range models.Names() {
		t.Run(name, func(t *testing.T) {
			m, err := models.New(models.Spec{Model: name, Dim: 2, Layers: 4, Hidden: []int{32, 32}, Seed: 3})
			require.NoError(t, err)
			start := time.Now()
			r, err := m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: 600, LearnRate: 3e-3, Seed: 5})
			require.NoError(t, err)
			lp, err := m.LogProb(test, nil)
			require.NoError(t, err)
			mean := 0.0
			for _, v := range lp {
				mean -= v / float64(len(lp))
			}
			fmt.Println(name, r.Steps, r.Valid, mean, entropy, m.Parameters(), time.Since(start))
			require.InDelta(t, entropy, mean, 0.15)
		})
	}
}
