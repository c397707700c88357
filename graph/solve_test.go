package graph

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// solveRows inverts f at the rows y with one argument.
func solveRows(t *testing.T, dt DType, f Map, y, a []float64) ([]float64, error) {
	t.Helper()
	g := New(NewParams(dt, 1), Eval)
	g.Output("x", g.Rows("y", 1).Solve(f, g.Rows("a", 1)))
	prog, err := g.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	require.NoError(t, r.Bind("y", Rows{Float64: y}))
	require.NoError(t, r.Bind("a", Rows{Float64: a}))
	x := make([]float64, len(y))
	require.NoError(t, r.Into("x", Rows{Float64: x}))
	return x, r.Do(context.Background(), len(y))
}

// Searches have no bounds, and end within rounding of the solution for maps that
// are steep, flat, and curved.
func TestSolve(t *testing.T) {
	maps := map[string]struct {
		f    Map
		want func(y, a float64) float64
		top  float64
	}{
		"scale": {func(x Expr, a []Expr) (Expr, Expr) { return x.Mul(a[0].Exp()), a[0] },
			func(y, a float64) float64 { return y / math.Exp(a) }, 1e30},
		"sinh": {func(x Expr, a []Expr) (Expr, Expr) {
			y := x.Expm1().Sub(x.Neg().Expm1()).Scale(0.5) // infinite where the search begins
			return y, x.Exp().Add(x.Neg().Exp()).Scale(0.5).Log()
		}, func(y, _ float64) float64 { return math.Asinh(y) }, 1e30},
		"cube": {func(x Expr, a []Expr) (Expr, Expr) {
			return x.Square().Mul(x), x.Square().Scale(3).Shift(1e-30).Log()
		}, func(y, _ float64) float64 { return math.Cbrt(y) }, 1e30},
		"log tails": {func(x Expr, a []Expr) (Expr, Expr) {
			l := x.Abs().Log1p()
			return x.Sign().Mul(l), l.Neg()
		}, func(y, _ float64) float64 { return math.Copysign(math.Expm1(math.Abs(y)), y) }, 60},
		"step": {func(x Expr, a []Expr) (Expr, Expr) { // nearly flat, then steep
			s := x.Shift(-3).Scale(1e4)
			return x.Scale(1e-4).Add(s.Sigmoid()), s.Sigmoid().Mul(s.Neg().Sigmoid()).Affine(1e4, 1e-4).Log()
		}, nil, 2},
	}
	for name, m := range maps {
		for _, dt := range []DType{Float32, Float64} {
			tol := 2e-6
			if dt == Float64 {
				tol = 1e-13
			}
			var ys, as []float64
			for i := range 200 {
				y := m.top * math.Pow(10, -float64(i%40))
				ys, as = append(ys, y, -y, 0), append(as, 3, -3, 0.5)
			}
			x, err := solveRows(t, dt, m.f, ys, as)
			require.NoError(t, err, name)
			for i := range x {
				if m.want != nil {
					want := m.want(ys[i], as[i])
					require.InDelta(t, want, x[i], tol*math.Abs(want)+1e-20, "%s %v: y %v", name, dt, ys[i])
					continue
				}
				s := 1 / (1 + math.Exp(-1e4*(x[i]-3)))
				require.InDelta(t, ys[i], 1e-4*x[i]+s, 1e4*tol*4, "%s %v: y %v", name, dt, ys[i])
			}
		}
	}
}

// What has no solution is NaN and an error; a NaN stays one without; neither harms
// the rows beside it.
func TestNoSolution(t *testing.T) {
	f := func(x Expr, a []Expr) (Expr, Expr) {
		y := x.Tanh()
		return y.Mul(a[0]), y.Square().Affine(-1, 1).Log().Add(a[0].Log())
	}
	x, err := solveRows(t, Float64, f, []float64{0.5, 2, -0.25}, []float64{1, 1, 1})
	require.ErrorContains(t, err, "1 elements have no inverse")
	require.InDelta(t, math.Atanh(0.5), x[0], 1e-12)
	require.True(t, math.IsNaN(x[1]))
	require.InDelta(t, math.Atanh(-0.25), x[2], 1e-12)
	x, err = solveRows(t, Float64, f, []float64{0.5, math.NaN(), 0.1}, []float64{1, 1, math.NaN()})
	require.NoError(t, err)
	require.InDelta(t, math.Atanh(0.5), x[0], 1e-12)
	require.True(t, math.IsNaN(x[1]) && math.IsNaN(x[2]))
}
