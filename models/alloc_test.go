package models_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
)

// A fit in its steady state allocates nothing in a step: validation, averaged weights,
// dropout, noise in columns of whole numbers and contexts included. The few allocations
// are of the order of rows in a new epoch.
func TestFitAllocates(t *testing.T) {
	x, _ := banana(2000, 1)
	whole := mat.DenseCopyOf(x)
	whole.Apply(func(_, j int, v float64) float64 {
		if j == 1 {
			return math.Round(v)
		}
		return v
	}, x)
	y, c := mat.DenseCopyOf(x.Slice(0, 2000, 1, 2)), mat.DenseCopyOf(x.Slice(0, 2000, 0, 1))
	for name, f := range map[string]struct {
		spec models.Spec
		data models.Data
		opts models.FitOptions
	}{
		"plain":      {models.Spec{Model: "realnvp", Dim: 2}, models.Data{X: x}, models.FitOptions{ValidEvery: 1000}},
		"validated":  {models.Spec{Model: "maf", Dim: 2}, models.Data{X: x}, models.FitOptions{ValidEvery: 1, EMA: 0.9}},
		"dropout":    {models.Spec{Model: "nsf-ar", Dim: 2, Dropout: 0.2}, models.Data{X: x}, models.FitOptions{Schedule: "plateau", WeightDecay: 1e-3}},
		"batch norm": {models.Spec{Model: "realnvp", Dim: 2, Norm: "batch"}, models.Data{X: x}, models.FitOptions{}},
		"noise":      {models.Spec{Model: "maf", Dim: 2}, models.Data{X: whole}, models.FitOptions{Dequantise: true}},
		"context":    {models.Spec{Model: "nsf", Dim: 1, Context: 1}, models.Data{X: y, Context: c}, models.FitOptions{}},
		"float64":    {models.Spec{Model: "maf", Dim: 2, DType: "float64"}, models.Data{X: x}, models.FitOptions{}},
	} {
		f.spec.Layers, f.spec.Hidden = 2, []int{16, 16}
		m, err := models.New(f.spec)
		require.NoError(t, err)
		const first, last = 60, 160
		var before, after runtime.MemStats
		f.opts.Steps, f.opts.Batch = last+1, 100
		f.opts.Progress = func(p models.Progress) {
			switch p.Step {
			case first:
				runtime.ReadMemStats(&before)
			case last:
				runtime.ReadMemStats(&after)
			}
		}
		_, err = m.Fit(context.Background(), f.data, f.opts)
		require.NoError(t, err, name)
		require.Less(t, after.Mallocs-before.Mallocs, uint64(last-first)/4, "%s: allocations in %d steps", name, last-first)
	}
}

// Once warm, log-densities and samples into memory of the caller's allocate nothing,
// however many rows there are, in one call after the other or in turns.
func TestScoringAllocates(t *testing.T) {
	m, x := fitted(t, models.Spec{Model: "nsf"}, models.FitOptions{Steps: 5})
	wide, err := models.New(models.Spec{Model: "maf", Dim: 3, Context: 2, Layers: 2, Hidden: []int{16}})
	require.NoError(t, err)
	for _, n := range []int{1, 3, 200, 10000} {
		rows, out := mat.NewDense(n, 2, nil), make([]float64, n)
		for i := range n {
			rows.SetRow(i, x.RawRowView(i%1000))
		}
		three, two := mat.NewDense(n, 3, nil), mat.NewDense(n, 2, nil)
		for name, f := range map[string]func() error{
			"log prob":              func() error { return m.LogProbTo(out, rows, nil) },
			"sample":                func() error { return m.SampleTo(rows, nil, nil, models.SampleOptions{Temperature: 0.5}) },
			"sample, log prob":      func() error { return m.SampleTo(rows, out, nil, models.SampleOptions{Seed: 2}) },
			"log prob of a context": func() error { return wide.LogProbTo(out, three, two) },
			"sample of a context":   func() error { return wide.SampleTo(three, out, two, models.SampleOptions{}) },
		} {
			require.NoError(t, f())
			require.Zero(t, testing.AllocsPerRun(5, func() { _ = f() }), fmt.Sprint(name, " of ", n, " rows"))
		}
	}
}

// SampleTo gives the rows of Sample, in a part of a matrix too, and says what does not fit.
func TestSampleTo(t *testing.T) {
	m, _ := fitted(t, models.Spec{Model: "maf"}, models.FitOptions{Steps: 5})
	want, lp, err := m.SampleLogProb(50, nil, models.SampleOptions{Seed: 3})
	require.NoError(t, err)
	frame := mat.NewDense(60, 4, nil)
	part := frame.Slice(10, 60, 1, 3).(*mat.Dense)
	got := make([]float64, 50)
	require.NoError(t, m.SampleTo(part, got, nil, models.SampleOptions{Seed: 3}))
	require.True(t, mat.Equal(want, part))
	require.Equal(t, lp, got)
	require.Zero(t, mat.Sum(frame)-mat.Sum(part))
	require.ErrorContains(t, m.SampleTo(frame, nil, nil, models.SampleOptions{}), "room for 4 columns, the model has 2")
	require.ErrorContains(t, m.SampleTo(part, got[1:], nil, models.SampleOptions{}), "room for 49 log-probabilities of 50 rows")
	require.ErrorContains(t, m.SampleTo(part, nil, nil, models.SampleOptions{Temperature: -1}), "temperature -1")
}
