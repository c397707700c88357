package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
	"github.com/stretchr/testify/require"
)

// guarded is n numbers between others that must not change.
func guarded[T float](n int) (v []T, intact func() bool) {
	const g = 9
	b := make([]T, n+2*g)
	for i := range g {
		b[i], b[n+g+i] = 4321, 4321
	}
	return b[g : n+g : n+g], func() bool {
		for i := range g {
			if b[i] != 4321 || b[n+g+i] != 4321 {
				return false
			}
		}
		return true
	}
}

// testSplineKernels compares the vector code with Spline's own evaluation of one
// element in float64: values and log-slopes both ways, gradients in the argument and
// in the parameters, inside, at and beyond the ends of the box.
func testSplineKernels[T float](t *testing.T, tol float64) {
	rng := rand.New(rand.NewPCG(31, 32))
	n := kernel.PanelRows[T]()
	for _, bins := range []int{1, 2, 3, 5, 8, 16, 33, 64} {
		for _, exponential := range []bool{false, true} {
			s := Spline{Bins: bins, Bound: 3, MinWidth: 1e-3, MinHeight: 2e-3, MinSlope: 1e-3, SlopeShift: 0.5, ExpSlope: exponential}
			k, np := splineKernel[T](s), s.Params()
			numbers := func(count int) []T {
				v := make([]T, count+1)[1:]
				for i := range v {
					v[i] = T(rng.NormFloat64())
				}
				return v
			}
			x, h, gy, gl := numbers(n), numbers(np*n), numbers(n), numbers(n)
			for i := range x {
				x[i] *= 2
			}
			copy(x, []T{3, -3, 3.5, T(math.Inf(1)), T(math.Inf(-1)), 1e30})
			scratch := make([]T, kernel.SplineScratch[T](bins))
			what := fmt.Sprintf("%d bins, exponential %t", bins, exponential)
			y, whole1 := guarded[T](n)
			l, whole2 := guarded[T](n)
			var q knots
			at := func(r int) func(int) float64 { return func(m int) float64 { return float64(h[m*n+r]) } }
			for _, inverse := range []bool{false, true} {
				if !k.Value(y, l, x, h, inverse, scratch) {
					t.Skip("no assembly here")
				}
				for r := range n {
					wantY, wantL := s.eval(&q, float64(x[r]), inverse, at(r))
					closeTo(t, what+" value", wantY, float64(y[r]), tol)
					closeTo(t, what+" log-slope", wantL, float64(l[r]), 4*tol)
				}
			}
			gh, whole3 := guarded[T](np * n)
			require.True(t, k.Grad(y, gh, x, h, gy, gl, scratch))
			for r := range n {
				want := s.grad(&q, float64(x[r]), float64(gy[r]), float64(gl[r]), false, at(r), func(m int, v float64) {
					closeTo(t, fmt.Sprint(what, " gradient in parameter ", m), v, float64(gh[m*n+r]), 40*tol)
				})
				closeTo(t, what+" gradient", want, float64(y[r]), 40*tol)
			}
			require.True(t, whole1() && whole2() && whole3(), what)
		}
	}
}

func closeTo(t *testing.T, what string, want, got, tol float64) {
	t.Helper()
	if want != got && !(math.Abs(want-got) <= tol*(1+math.Abs(want))) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// The tolerances are for bins of a thousandth of the box: a rounding of an argument is
// a thousand times as much of its place in the bin.
func TestSplineKernels(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testSplineKernels[float32](t, 3e-5) })
	t.Run("float64", func(t *testing.T) { testSplineKernels[float64](t, 1e-13) })
}
