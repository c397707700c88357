package models_test

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
	"github.com/gorgeflow/gorge/models/toy"
)

// Fit a flow to rows, score rows with it, sample from it, keep it.
func Example() {
	x, err := toy.Sample("moons", 2000, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := models.RealNVP(2, models.Spec{Layers: 6, Hidden: []int{32, 32}})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: 400, LearnRate: 3e-3})
	if err != nil {
		fmt.Println(err)
		return
	}
	on, off := []float64{-0.5, 0.75}, []float64{-0.5, -1.5} // on the upper moon, and far from both
	logp, err := m.LogProb(mat.NewDense(2, 2, append(on, off...)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	samples, err := m.Sample(1000, nil, models.SampleOptions{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	n, _ := samples.Dims()
	fmt.Println(report.Stopped, n, logp[0] > -1.5, logp[0]-logp[1] > 3, !math.IsNaN(report.Valid))
	// Output: steps 1000 true true true
}
