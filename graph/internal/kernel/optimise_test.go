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
		Adam(p, g, m, v, nil, a)
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

// One step agrees with the formula in float64, whatever the size of the moments.
func testAdam[T Float](t *testing.T, eps float64) {
	const n = 301
	a := AdamNumbers{Clip: 0.5, Beta1: 0.9, Beta2: 0.999, Fix1: 1.3, Fix2: 7, Epsilon: 1e-8, Rate: 1e-2, Decay: 0.1, Limit: 1e6}
	p, g, m, v := make([]T, n), make([]T, n), make([]T, n), make([]T, n)
	want := make([]float64, n)
	for i := range p {
		size := math.Pow(10, float64(i-150)/10)
		p[i], g[i], m[i], v[i] = T(math.Sin(float64(i))), T(size), T(-size/2), T(size*size/3)
		if i%7 == 0 {
			g[i], m[i], v[i] = 0, 0, 0
		}
		x := 0.5 * float64(g[i])
		m1, v1 := 0.9*float64(m[i])+0.1*x, 0.999*float64(v[i])+0.001*x*x
		old := float64(p[i])
		want[i] = old - a.Rate*a.Decay*old - a.Rate*m1*a.Fix1/(math.Sqrt(v1*a.Fix2)+a.Epsilon)
	}
	Adam(p, g, m, v, nil, a)
	for i := range p {
		if !(math.Abs(float64(p[i])-want[i]) <= eps) {
			t.Fatalf("parameter %d: got %v, want %v", i, p[i], want[i])
		}
	}
}

func TestAdam(t *testing.T) {
	run := func(t *testing.T) {
		t.Run("float32", func(t *testing.T) { testAdam[float32](t, 2e-7) })
		t.Run("float64", func(t *testing.T) { testAdam[float64](t, 1e-15) })
	}
	instructionSets(t, run)
	t.Run("as built", run)
}
