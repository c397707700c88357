package models_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/gorgeflow/gorge/models"
)

// BenchmarkFit times steps of a fit, validation and all.
func BenchmarkFit(b *testing.B) {
	x, _ := banana(4096, 1)
	for _, name := range []string{"realnvp", "maf", "nsf"} {
		b.Run(fmt.Sprintf("model=%s", name), func(b *testing.B) {
			m, err := models.New(models.Spec{Model: name, Dim: 2})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: b.N, ValidEvery: 1 << 30}); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(256*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
