package graph

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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
	if !kernel.HasSpline[T]() {
		t.Skip("no assembly here")
	}
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
				k.Value(y, l, x, h, inverse, false, scratch)
				for r := range n {
					wantY, wantL := s.eval(&q, float64(x[r]), inverse, at(r))
					closeTo(t, what+" value", wantY, float64(y[r]), tol)
					closeTo(t, what+" log-slope", wantL, float64(l[r]), 4*tol)
				}
			}
			gh, whole3 := guarded[T](np * n)
			k.Grad(y, gh, x, h, gy, gl, false, false, scratch)
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

// splinePanel is one column of a panel: in each row a spline, the argument of its
// inverse, and the gradients in value and log-slope.
type splinePanel[T float] struct {
	s            Spline
	y, h, gx, gl []T
}

// newSplinePanel has arguments inside, at and beyond the ends of the box, and
// parameters of the given scale; of scale zero, corners that are exact, and they are
// among the arguments.
func newSplinePanel[T float](rng *rand.Rand, s Spline, scale float64) splinePanel[T] {
	n := kernel.PanelRows[T]()
	numbers := func(count int, scale float64) []T {
		v := make([]T, count)
		for i := range v {
			v[i] = T(scale * rng.NormFloat64())
		}
		return v
	}
	p := splinePanel[T]{s, make([]T, n), numbers(s.Params()*n, scale), numbers(n, 1), numbers(n, 1)}
	for r := range p.y {
		p.y[r] = T(s.Bound * (2*rng.Float64() - 1))
	}
	b := s.Bound
	for i, y := range []float64{b, -b, 1.1 * b, -1e30, math.Inf(1), math.Inf(-1)} {
		p.y[i] = T(y)
	}
	if scale == 0 {
		copy(p.h[2*s.Bins*n:], numbers((s.Bins-1)*n, 1))
		for i := range s.Bins {
			p.y[6+i] = T(2*b*float64(i)/float64(s.Bins) - b)
		}
	}
	return p
}

// at reads the parameters of a row.
func (p splinePanel[T]) at(r int) func(int) float64 {
	return func(m int) float64 { return float64(p.h[m*len(p.y)+r]) }
}

// plain is the gradient of a row by Spline's own formulas, in the argument, moved by so
// much, and in the parameters.
func (p splinePanel[T]) plain(r int, moved float64) []float64 {
	g := make([]float64, 1+p.s.Params())
	g[0] = p.s.grad(new(knots), float64(p.y[r])+moved, float64(p.gx[r]), float64(p.gl[r]), true, p.at(r), func(m int, v float64) { g[1+m] = v })
	return g
}

// grads are those of all rows by vectors, laid out as plain's.
func (p splinePanel[T]) grads(t *testing.T) (g [][]float64) {
	if !kernel.HasSpline[T]() {
		t.Skip("no assembly here")
	}
	n, np := len(p.y), p.s.Params()
	k := splineKernel[T](p.s)
	gy, whole1 := guarded[T](n)
	gh, whole2 := guarded[T](np * n)
	scratch, whole3 := guarded[T](kernel.SplineScratch[T](p.s.Bins))
	k.Grad(gy, gh, p.y, p.h, p.gx, p.gl, true, false, scratch)
	require.True(t, whole1() && whole2() && whole3())
	for r := range n {
		g = append(g, []float64{float64(gy[r])})
		for m := range np {
			g[r] = append(g[r], float64(gh[m*n+r]))
		}
	}
	return g
}

// splineCases are parameters of growing scale, with tolerances for the gradients of the
// inverse.
var splineCases = []struct {
	bins         int
	least, scale float64
	tol32, tol64 float64
}{
	{1, 1e-3, 1, 1e-6, 1e-15},
	{2, 1e-3, 1, 1e-4, 1e-13},
	{8, 0, 0, 1e-5, 1e-14},
	{8, 1e-3, 1, 1e-3, 1e-11},
	{8, 1e-3, 2, 1e-2, 1e-10},
	{64, 1e-3, 1, 1e-2, 1e-10},
	{8, 0, 3, 0.05, 1e-9},
}

// Gradients of the inverse by vectors are those by Spline's own formulas at the argument
// or 32 roundings of x or y away from it, which corners are sums of. Errors are in
// proportion to the largest of the row, from whose terms the others are made.
func testSplineInverseGrad[T float](t *testing.T, epsilon float64) {
	rng := rand.New(rand.NewPCG(33, 34))
	for _, c := range splineCases {
		tol := c.tol64
		if epsilon > 1e-10 {
			tol = c.tol32
		}
		for _, exponential := range []bool{false, true} {
			s := Spline{Bins: c.bins, Bound: 3, MinWidth: c.least, MinHeight: c.least, MinSlope: 1e-3, SlopeShift: 0.5, ExpSlope: exponential}
			for range 100 {
				p := newSplinePanel[T](rng, s, c.scale)
				for r, g := range p.grads(t) {
					y := float64(p.y[r])
					_, l := s.eval(new(knots), y, true, p.at(r))
					d := 32 * epsilon * s.Bound * (1 + math.Exp(-l))
					below, above := p.plain(r, -max(0, min(d, y+s.Bound))), p.plain(r, max(0, min(d, s.Bound-y)))
					want, largest := p.plain(r, 0), 1.0
					for _, v := range want {
						largest = max(largest, math.Abs(v))
					}
					for i, v := range want {
						slack := max(math.Abs(below[i]-v), math.Abs(above[i]-v))
						if !(math.Abs(v-g[i]) <= tol*largest+slack) {
							t.Errorf("%+v, y %v: gradient %d is %v, want %v ± %v (largest %v)", s, y, i, g[i], v, slack, largest)
						}
					}
				}
			}
		}
	}
}

func TestSplineInverseGrad(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testSplineInverseGrad[float32](t, 0x1p-23) })
	t.Run("float64", func(t *testing.T) { testSplineInverseGrad[float64](t, 0x1p-52) })
}

// Gradients of the inverse are central differences, but where the step leads to another
// bin: log-slopes have a kink at corners.
func TestSplineInverseDifferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(35, 36))
	const step = 1e-6
	for _, bins := range []int{1, 2, 5, 8} {
		s := Spline{Bins: bins, Bound: 3, MinWidth: 0.02, MinHeight: 0.02, MinSlope: 0.05}
		tried := 0
		for range 20 {
			p := newSplinePanel[float64](rng, s, 1)
			n := len(p.y)
			got := p.grads(t)
			for r := range n {
				if math.Abs(p.y[r]) > 1e9 {
					continue
				}
				loss := func() (float64, int) {
					var q knots
					x, l := s.eval(&q, p.y[r], true, func(m int) float64 { return p.h[m*n+r] })
					return p.gx[r]*x + p.gl[r]*l, q.k
				}
				_, bin := loss()
				for i, g := range got[r] {
					v := &p.y[r]
					if i > 0 {
						v = &p.h[(i-1)*n+r]
					}
					at := *v
					*v = at + step
					up, bin1 := loss()
					*v = at - step
					down, bin2 := loss()
					*v = at
					if bin1 != bin || bin2 != bin || i == 0 && math.Abs(at) == s.Bound {
						continue
					}
					tried++
					closeTo(t, fmt.Sprintf("%d bins, y %v: gradient %d", bins, p.y[r], i), (up-down)/(2*step), g, 1e-6)
				}
			}
		}
		require.Greater(t, tried, 20*16)
	}
}

// What is no number or infinite shows in the gradients where it does in plain Go's, and
// leaves the other rows as they are without it.
func testSplineInverseSpecials[T float](t *testing.T) {
	rng := rand.New(rand.NewPCG(37, 38))
	nan, inf := T(math.NaN()), T(math.Inf(1))
	s := Spline{Bins: 5, Bound: 2, MinWidth: 1e-3, MinHeight: 1e-3, MinSlope: 1e-3}
	n := kernel.PanelRows[T]()
	for _, c := range []struct {
		what  string
		spoil func(p splinePanel[T], r int)
	}{
		{"argument", func(p splinePanel[T], r int) { p.y[r] = nan }},
		{"width", func(p splinePanel[T], r int) { p.h[n+r] = nan }},
		{"height", func(p splinePanel[T], r int) { p.h[8*n+r] = nan }},
		{"infinite width", func(p splinePanel[T], r int) { p.h[2*n+r] = inf }},
		{"slopes", func(p splinePanel[T], r int) { p.h[11*n+r], p.h[12*n+r] = nan, nan }},
		{"gradient", func(p splinePanel[T], r int) { p.gx[r] = nan }},
		{"infinite gradient", func(p splinePanel[T], r int) { p.gx[r] = -inf }},
		{"slope's gradient", func(p splinePanel[T], r int) { p.gl[r] = inf }},
	} {
		p := newSplinePanel[T](rng, s, 1)
		before := p.grads(t)
		for r := 1; r < n; r += 3 { // inside and outside
			c.spoil(p, r)
		}
		after := p.grads(t)
		for r := range n {
			if r%3 != 1 {
				require.Equal(t, before[r], after[r], c.what)
				continue
			}
			if math.Abs(float64(p.y[r])) < s.Bound {
				require.Equal(t, finite(p.plain(r, 0)), finite(after[r]), "%s, y %v", c.what, p.y[r])
			}
		}
	}
}

func finite(x []float64) bool {
	return !slices.ContainsFunc(x, func(v float64) bool { return v-v != 0 })
}

func TestSplineInverseSpecials(t *testing.T) {
	t.Run("float32", testSplineInverseSpecials[float32])
	t.Run("float64", testSplineInverseSpecials[float64])
}

// BenchmarkSplineGrad times six splines of 8 bins both ways with their gradients, on 128
// rows, in a program that does nothing else.
func BenchmarkSplineGrad(b *testing.B) {
	const rows, dim = 128, 6
	s := Spline{Bins: 8, Bound: 3, MinWidth: 1e-3, MinHeight: 1e-3, MinSlope: 1e-3}
	for _, dt := range []DType{Float32, Float64} {
		for _, inverse := range []bool{false, true} {
			p := NewParams(dt, 3)
			w := p.New("w", dim*s.Params(), 1, Gaussian(1))
			g := New(p, Train)
			x := g.Rows("x", dim)
			y, l := x.spline(x.Slice(0, 1).Linear(g.Use(w), Expr{}), s, inverse)
			g.Minimize(y.Square().Sub(l).SumCols().SumRows())
			prog, err := g.Compile()
			require.NoError(b, err)
			r := prog.NewRun()
			require.NoError(b, r.Bind("x", Rows{Float64: numbers(rows*dim, 5)}))
			b.Run(fmt.Sprintf("inverse=%t/type=%v", inverse, dt), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, r.Do(context.Background(), rows))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(rows*dim), "ns/element")
			})
		}
	}
}

// The inverse takes steep slopes: where all of a bin's height but little is within a
// rounding of its end, it still comes back to where it started, in height.
func TestSplineInverseSteep(t *testing.T) {
	s := Spline{Bins: 2, Bound: 1, MinWidth: 1e-3, MinHeight: 1e-3, MinSlope: 1e-3, ExpSlope: true}
	for _, slope := range []float64{1e-3, 1, 1e3, 1e6, 1e9} {
		at := func(m int) float64 {
			if m < 2*s.Bins {
				return 0
			}
			return math.Log(slope)
		}
		for i := range 201 {
			y := float64(i-100) / 100
			x, l := s.eval(new(knots), y, true, at)
			var q knots
			q.load(s, at)
			q.find(s, y, true)
			xi, rest := q.ratio(y, true)
			back, forward := q.value(xi, rest)
			closeTo(t, fmt.Sprintf("slope %v: back at y %v by x %v", slope, y, x), y, back, 1e-12)
			closeTo(t, fmt.Sprintf("slope %v: log-slope at y %v", slope, y), -forward, l, 1e-12)
		}
	}
}
