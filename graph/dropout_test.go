package graph

import (
	"context"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// dropped runs y = dropout(x) and dropout of it again, on rows of ones but for the sign.
func dropped(t *testing.T, dt DType, p float64, cols, rows int, seed, step, first uint64) (once, twice []float64) {
	t.Helper()
	g := New(NewParams(dt, 1), Train)
	x := g.Rows("x", cols)
	y := x.Dropout(p)
	g.Output("y", y.Neg())
	g.Output("z", y.Dropout(p))
	prog, err := g.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	r.Seed, r.Step, r.FirstRow = seed, step, first
	ones := make([]float64, rows*cols)
	for i := range ones {
		ones[i] = 1
	}
	once, twice = make([]float64, rows*cols), make([]float64, rows*cols)
	require.NoError(t, r.Bind("x", Rows{Float64: ones}))
	require.NoError(t, r.Into("y", Rows{Float64: once}))
	require.NoError(t, r.Into("z", Rows{Float64: twice}))
	require.NoError(t, r.Do(context.Background(), rows))
	return once, twice
}

// As many entries are dropped as should be, in every column and lane, the others are
// scaled so that the mean stays, and two uses are independent.
func TestDropoutChance(t *testing.T) {
	const rows, cols = 4000, 7
	for _, p := range []float64{0, 0.2, 0.5, 0.93} {
		once, twice := dropped(t, Float64, p, cols, rows, 1, 2, 0)
		both := 0.0
		var byColumn [cols]float64
		for i, v := range once {
			require.Contains(t, []float64{0, -1 / (1 - math.Round(p*dropScale)/dropScale)}, v+0)
			if v != 0 {
				byColumn[i%cols]++
			}
			if twice[i] != 0 {
				require.NotZero(t, v)
				both++
			}
		}
		for _, n := range byColumn {
			require.InDelta(t, 1-p, n/rows, 5*math.Sqrt(p*(1-p)/rows)+1e-9, "p = %v", p)
		}
		q := (1 - p) * (1 - p)
		require.InDelta(t, q, both/(rows*cols), 5*math.Sqrt(q*(1-q)/(rows*cols))+1e-9, "p = %v", p)
	}
}

// What is dropped depends on seed, step and the row's number, not on how many rows there
// are, nor on cores or element type.
func TestDropoutIsAFunction(t *testing.T) {
	const cols = 9
	all, _ := dropped(t, Float64, 0.5, cols, 700, 5, 6, 0)
	old := runtime.GOMAXPROCS(1)
	part, _ := dropped(t, Float32, 0.5, cols, 300, 5, 6, 400)
	runtime.GOMAXPROCS(old)
	require.Equal(t, all[400*cols:], part)
	for _, other := range [][2]uint64{{4, 6}, {5, 7}} {
		v, _ := dropped(t, Float64, 0.5, cols, 700, other[0], other[1], 0)
		require.NotEqual(t, all, v)
	}
}

// The gradient has the entries of the value.
func TestDropoutGradient(t *testing.T) {
	const rows, cols = 40, 6
	p := NewParams(Float64, 1)
	w := p.New("w", 1, cols, Fill(0.5))
	g := New(p, Train)
	x := g.Rows("x", cols)
	y := x.Mul(g.Use(w)).Dropout(0.3)
	loss := y.SumCols().SumRows()
	g.Output("y", y)
	g.Minimize(loss)
	prog, err := g.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	v, out := numbers(rows*cols, 1), make([]float64, rows*cols)
	require.NoError(t, r.Bind("x", Rows{Float64: v}))
	require.NoError(t, r.Into("y", Rows{Float64: out}))
	require.NoError(t, r.Do(context.Background(), rows))
	want := make([]float64, cols)
	for i, o := range out {
		want[i%cols] += o / 0.5
	}
	requireClose(t, "gradient", want, w.GetGrad(), 1e-12)
}

// Mistakes are kept.
func TestDropoutMistakes(t *testing.T) {
	for _, p := range []float64{-0.1, 1, math.NaN()} {
		g := New(NewParams(Float64, 1), Train)
		g.Output("y", g.Rows("x", 2).Dropout(p))
		_, err := g.Compile()
		require.ErrorContains(t, err, "want 0 ≤ p < 1")
	}
	g := New(NewParams(Float64, 1), Train)
	g.Output("y", g.Scalar(1).Dropout(0.5))
	_, err := g.Compile()
	require.ErrorContains(t, err, "has no rows")
}
