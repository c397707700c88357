package benchmarks

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
)

// size is a cell of the grid that libraries are compared on.
type size struct {
	model          string
	dim, layers    int
	hidden, blocks int
}

var grid = []size{
	{"realnvp", 6, 10, 128, -1}, {"realnvp", 43, 10, 512, -1},
	{"maf", 6, 5, 100, -1}, {"maf", 43, 5, 512, -1}, {"maf", 63, 10, 512, -1},
	{"nsf", 6, 10, 256, 2}, {"nsf", 43, 10, 64, 2},
	{"nsf-ar", 6, 10, 256, 2}, {"nsf-ar", 43, 10, 64, 2},
}

func (s size) name(batch string) string {
	return fmt.Sprintf("model=%s/dim=%d/layers=%d/hidden=%d/%s", s.model, s.dim, s.layers, s.hidden, batch)
}

func (s size) build(b *testing.B) *models.Model {
	b.Helper()
	spec := models.Spec{Model: s.model, Dim: s.dim, Layers: s.layers, Hidden: []int{s.hidden, s.hidden}, Blocks: s.blocks, Tails: -1}
	if s.model == "realnvp" || s.model == "maf" {
		spec.Mixing = "none"
	}
	m, err := models.New(spec)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func normal(rows, cols int) *mat.Dense {
	r := rand.New(rand.NewPCG(1, 2))
	v := make([]float64, rows*cols)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	return mat.NewDense(rows, cols, v)
}

// BenchmarkTrainStep times optimiser steps of 512 rows, all in all.
func BenchmarkTrainStep(b *testing.B) {
	for _, s := range grid {
		b.Run(s.name("batch=512"), func(b *testing.B) {
			m, x := s.build(b), normal(4096, s.dim)
			b.ReportAllocs()
			b.ResetTimer()
			_, err := m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: b.N, Batch: 512, ValidFraction: -1, LearnRate: 1e-5})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(512*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkLogProb times scoring.
func BenchmarkLogProb(b *testing.B) {
	each(b, func(m *models.Model, x *mat.Dense, n int) error { _, err := m.LogProb(x, nil); return err })
}

// BenchmarkSample times sampling.
func BenchmarkSample(b *testing.B) {
	each(b, func(m *models.Model, _ *mat.Dense, n int) error {
		_, err := m.Sample(n, nil, models.SampleOptions{})
		return err
	})
}

func each(b *testing.B, f func(m *models.Model, x *mat.Dense, n int) error) {
	for _, s := range grid {
		for _, n := range []int{1, 100, 10000} {
			b.Run(s.name(fmt.Sprintf("rows=%d", n)), func(b *testing.B) {
				m, x := s.build(b), normal(n, s.dim)
				b.ReportAllocs()
				for b.Loop() {
					if err := f(m, x, n); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}
