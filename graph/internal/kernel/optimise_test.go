package kernel

import (
	"math"
	"testing"
)

// Where gradients have become zero, the moments come to zero in the end.
func testFlush[T Float](t *testing.T) {
	const n = 37
	p, g, m, v := make([]T, n), make([]T, n), make([]T, n), make([]T, n)
	for i := range p {
		p[i], m[i], v[i] = 1, T(i-10), T(i)
	}
	g[n-1], m[0] = 1, T(math.NaN())
	a := AdamNumbers{Clip: 1, Beta1: 0.5, Beta2: 0.5, Fix1: 1, Fix2: 1, Epsilon: 1e-8, Rate: 1e-3, Limit: 1e6}
	for range 1100 {
		Adam(p, g, m, v, a)
	}
	for i := range n {
		switch {
		case i == 0:
			if m[i] == m[i] {
				t.Fatalf("moment %v, want no number to stay so", m[i])
			}
		case i == n-1:
			if math.Abs(float64(m[i]-1)) > 1e-6 || math.Abs(float64(v[i]-1)) > 1e-6 {
				t.Fatalf("moments %v, %v of gradients of one", m[i], v[i])
			}
		case m[i] != 0 || v[i] != 0:
			t.Fatalf("moments %v, %v of gradients that have been zero for long", m[i], v[i])
		}
	}
}

func TestAdamFlushes(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", testFlush[float32])
		t.Run("float64", testFlush[float64])
	})
}
