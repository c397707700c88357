package benchmarks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
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
	{"nsf-c", 6, 10, 256, 2}, {"nsf-c", 43, 10, 64, 2},
	{"nsf-ar", 6, 10, 256, 2}, {"nsf-ar", 43, 10, 64, 2},
}

func (s size) name(batch string) string {
	return fmt.Sprintf("model=%s/dim=%d/layers=%d/hidden=%d/%s", s.model, s.dim, s.layers, s.hidden, batch)
}

func (s size) build(b *testing.B, dtype string) *models.Model {
	b.Helper()
	spec := models.Spec{Model: s.model, Dim: s.dim, Layers: s.layers, Hidden: []int{s.hidden, s.hidden}, Blocks: s.blocks, Tails: -1, DType: dtype}
	switch s.model {
	case "realnvp", "maf":
		spec.Mixing = "none"
	case "nsf-c":
		spec.Model = "nsf"
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

// flops is what the matrix products of one row take, for the log-density and, in
// training, its gradients.
func flops(b *testing.B, m *models.Model, train bool) float64 {
	b.Helper()
	mode := graph.Eval
	if train {
		mode = graph.Train
	}
	g := graph.New(m.Params(), mode)
	lp := m.Flow().LogProb(g.Rows("x", m.Spec().Dim), graph.Expr{})
	g.Output("logprob", lp)
	if train {
		g.Minimize(lp.SumRows().Neg())
	}
	p, err := g.Compile()
	if err != nil {
		b.Fatal(err)
	}
	return p.Flops()
}

func report(b *testing.B, rows int, flopsPerRow float64) {
	perSecond := float64(rows) * float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(perSecond, "rows/s")
	if flopsPerRow > 0 {
		b.ReportMetric(perSecond*flopsPerRow/1e9, "GFLOP/s")
	}
}

// BenchmarkTrainStep times optimiser steps of 512 rows, all in all: gathering
// rows, the loss and its gradients, clipping, Adam.
func BenchmarkTrainStep(b *testing.B) { trainSteps(b, "float32") }

// BenchmarkTrainStep64 is BenchmarkTrainStep in float64.
func BenchmarkTrainStep64(b *testing.B) { trainSteps(b, "float64") }

func trainSteps(b *testing.B, dtype string) {
	for _, s := range grid {
		b.Run(s.name("batch=512"), func(b *testing.B) { trainStep(b, s, dtype, 512) })
	}
}

// trainStep times steps of that many rows, after a few that are not counted.
func trainStep(b *testing.B, s size, dtype string, batch int) {
	const warm = 3
	m, x := s.build(b, dtype), normal(max(4096, 2*batch), s.dim)
	f := flops(b, m, true)
	b.ReportAllocs()
	_, err := m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: b.N + warm, Batch: batch, ValidFraction: -1, LearnRate: 1e-5,
		Progress: func(p models.Progress) {
			switch p.Step {
			case warm:
				b.ResetTimer()
			case b.N + warm:
				b.StopTimer()
			}
		}})
	if err != nil {
		b.Fatal(err)
	}
	report(b, batch, f)
}

// BenchmarkLogProb times scoring.
func BenchmarkLogProb(b *testing.B) {
	each(b, true, func(m *models.Model, x *mat.Dense, out []float64) error { return m.LogProbTo(out, x, nil) })
}

// BenchmarkSample times sampling.
func BenchmarkSample(b *testing.B) {
	each(b, false, func(m *models.Model, x *mat.Dense, _ []float64) error {
		n, _ := x.Dims()
		_, err := m.Sample(n, nil, models.SampleOptions{})
		return err
	})
}

// reads is how many times as long a row takes as one core takes to read n numbers of four
// bytes, which were read just before as weights are when row after row is scored: the
// median of some turns, so that others on the machine slow down both.
func reads(n float64, row func() error) (float64, error) {
	const turns, each = 31, 20
	weights := bytes.Repeat([]byte{2}, 4*int(n)) // written to: else all pages are one
	ratios := make([]float64, turns)
	for i := range ratios {
		begin := time.Now()
		for range each {
			if err := row(); err != nil {
				return 0, err
			}
		}
		rows := time.Since(begin)
		begin = time.Now()
		for range each {
			if bytes.IndexByte(weights, 1) >= 0 {
				return 0, errors.New("benchmarks: a one among twos")
			}
		}
		ratios[i] = rows.Seconds() / time.Since(begin).Seconds()
	}
	slices.Sort(ratios)
	return ratios[turns/2], nil
}

func each(b *testing.B, products bool, f func(m *models.Model, x *mat.Dense, out []float64) error) {
	for _, s := range grid {
		for _, n := range []int{1, 100, 10000} {
			b.Run(s.name(fmt.Sprintf("rows=%d", n)), func(b *testing.B) {
				m, x, out := s.build(b, "float32"), normal(n, s.dim), make([]float64, n)
				perRow := 0.0
				if products {
					perRow = flops(b, m, false)
				}
				if err := f(m, x, out); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if err := f(m, x, out); err != nil {
						b.Fatal(err)
					}
				}
				report(b, n, perRow)
				if n == 1 && products {
					times, err := reads(perRow/2, func() error { return f(m, x, out) })
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(times, "reads")
				}
			})
		}
	}
}

// BenchmarkSampleColumns times 1,000 samples of one masked layer of 2 × 512 units
// by its number of columns: what grows is the network, not columns times it.
func BenchmarkSampleColumns(b *testing.B) {
	for _, dim := range []int{8, 16, 32, 64, 128, 256, 512} {
		b.Run(fmt.Sprintf("model=maf/dim=%d", dim), func(b *testing.B) {
			m, err := models.New(models.Spec{Model: "maf", Dim: dim, Layers: 1, Hidden: []int{512, 512}, Tails: -1, Mixing: "none"})
			if err != nil {
				b.Fatal(err)
			}
			f := flops(b, m, false)
			if _, err := m.Sample(1000, nil, models.SampleOptions{}); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := m.Sample(1000, nil, models.SampleOptions{}); err != nil {
					b.Fatal(err)
				}
			}
			report(b, 1000, f)
		})
	}
}
