package graph

import (
	"math"
	"math/rand/v2"
)

// Init fills a rows×cols parameter, row by row. A nil Init leaves zeros.
type Init func(rng *rand.Rand, rows, cols int, values []float64)

// Fill sets every element to v.
func Fill(v float64) Init {
	return func(_ *rand.Rand, _, _ int, values []float64) {
		for i := range values {
			values[i] = v
		}
	}
}

// Values sets the elements to the given ones, row by row.
func Values(v []float64) Init {
	return func(_ *rand.Rand, _, _ int, values []float64) { copy(values, v) }
}

// Gaussian draws from N(0, std²).
func Gaussian(std float64) Init {
	return func(rng *rand.Rand, _, _ int, values []float64) {
		for i := range values {
			values[i] = std * rng.NormFloat64()
		}
	}
}

// FanIn draws uniformly from ±gain·√(3/cols): the output of a linear layer then
// has gain² times the variance of its input (Glorot & Bengio 2010; He et al.
// 2015, arXiv:1502.01852, with gain √2 for ReLU).
func FanIn(gain float64) Init {
	return func(rng *rand.Rand, _, cols int, values []float64) {
		b := gain * math.Sqrt(3/float64(max(cols, 1)))
		for i := range values {
			values[i] = b * (2*rng.Float64() - 1)
		}
	}
}
