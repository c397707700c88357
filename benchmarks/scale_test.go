package benchmarks

import (
	"fmt"
	"testing"
)

// scales are the sizes that rows per second are plotted against: each axis varies one
// of batch, columns and hidden width, the other two stay at the centre of 512 rows, 16
// columns and 128 units. peers/scale.py asks for the same sizes.
var scales = []struct {
	axis   string
	values []int
	at     func(value int) (dim, hidden, batch int)
}{
	{"batch", []int{32, 128, 512, 2048, 8192}, func(v int) (dim, hidden, batch int) { return 16, 128, v }},
	{"columns", []int{2, 4, 8, 16, 32, 64, 128, 256}, func(v int) (dim, hidden, batch int) { return v, 128, 512 }},
	{"hidden", []int{16, 32, 64, 128, 256, 512, 1024}, func(v int) (dim, hidden, batch int) { return 16, v, 512 }},
}

// BenchmarkScaleTrainStep times optimiser steps of ten couplings by size.
func BenchmarkScaleTrainStep(b *testing.B) {
	eachScale(b, func(b *testing.B, s size, batch int) { trainStep(b, s, "float32", batch) })
}

// BenchmarkScaleLogProb times the scoring of batches by ten couplings by size.
func BenchmarkScaleLogProb(b *testing.B) {
	eachScale(b, func(b *testing.B, s size, batch int) {
		m, x, out := s.build(b, "float32"), normal(batch, s.dim), make([]float64, batch)
		perRow := flops(b, m, false)
		if err := m.LogProbTo(out, x, nil); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if err := m.LogProbTo(out, x, nil); err != nil {
				b.Fatal(err)
			}
		}
		report(b, batch, perRow)
	})
}

func eachScale(b *testing.B, f func(b *testing.B, s size, batch int)) {
	for _, a := range scales {
		for _, v := range a.values {
			dim, hidden, batch := a.at(v)
			s := size{"realnvp", dim, 10, hidden, -1}
			b.Run("axis="+a.axis+"/"+s.name(fmt.Sprintf("batch=%d", batch)), func(b *testing.B) { f(b, s, batch) })
		}
	}
}
