package kernel

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// vectorOps are the functions that assembly computes by its own formulas.
var vectorOps = map[string]UnaryOp{"exp": Exp, "expm1": Expm1, "log": Log, "log1p": Log1p, "tanh": Tanh, "sigmoid": Sigmoid, "softplus": Softplus, "erf": Erf, "sin": Sin, "cos": Cos, "atan": Atan}

// arguments are special values, a sweep over magnitudes, and random numbers.
func arguments[T Float](rng *rand.Rand) []T {
	v := []T{0, T(math.Copysign(0, -1)), T(math.NaN()), T(math.Inf(1)), T(math.Inf(-1)), 1, -1, 88.7, -87.4, 89, -104, 709, -745.2, 710}
	tiny, huge, least := math.SmallestNonzeroFloat64, math.MaxFloat64, -1074
	if single[T]() {
		tiny, huge, least = math.SmallestNonzeroFloat32, math.MaxFloat32, -149
	}
	v = append(v, T(tiny), T(-tiny), T(3*tiny), T(huge), T(-huge))
	for e := least; e < -least/2; e++ {
		x := T(math.Ldexp(1+rng.Float64(), e))
		v = append(v, x, -x)
	}
	for range 20000 {
		v = append(v, T(rng.NormFloat64()), T(rng.NormFloat64()*20), T(rng.Float64()), T(1+rng.NormFloat64()*1e-3), T(-rng.Float64()))
	}
	return v
}

// ulps is the distance of got from want in units of T's last place at want.
func ulps[T Float](got T, want float64) float64 {
	switch g := float64(got); {
	case math.IsNaN(want) != math.IsNaN(g):
		return math.Inf(1)
	case math.IsNaN(want), g == want:
		return 0
	case math.IsInf(want, 0) || math.IsInf(g, 0):
		if T(want) == got {
			return 0
		}
		return math.Inf(1)
	}
	return math.Abs(float64(got)-want) / lastPlace[T](want)
}

// lastPlace is the worth of T's last digit at v.
func lastPlace[T Float](v float64) float64 {
	unit, digits := math.SmallestNonzeroFloat64, 52
	if single[T]() {
		unit, digits = math.SmallestNonzeroFloat32, 23
	}
	_, e := math.Frexp(v)
	return math.Max(unit, math.Ldexp(1, e-1-digits))
}

func testFunctions[T Float](t *testing.T, bound float64) {
	x := arguments[T](rand.New(rand.NewPCG(3, 4)))
	for name, op := range vectorOps {
		got := make([]T, len(x))
		Apply(op, got, x, 0, 0)
		worst, at := 0.0, 0
		for i, v := range x {
			want := op.Of(float64(v), 0, 0)
			if u := ulps(got[i], want); u > worst {
				worst, at = u, i
			}
			if want == 0 {
				require.Equal(t, math.Signbit(want), math.Signbit(float64(got[i])), "%s(%v): sign of zero", name, v)
			}
		}
		t.Logf("%s: %.3f ulp at %v", name, worst, x[at])
		require.LessOrEqual(t, worst, bound, "%s(%v): got %v, want %v", name, x[at], got[at], op.Of(float64(x[at]), 0, 0))
	}
}

// Functions are within two units in the last place of float64's own rounded, and
// right at NaN, infinities, subnormals and zeros of either sign. For float64 the
// standard library's own error of up to one unit is allowed for.
func TestFunctions(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", func(t *testing.T) { testFunctions[float32](t, 2) })
		t.Run("float64", func(t *testing.T) { testFunctions[float64](t, 3) })
	})
}

// exp in float64 is within one unit of the exact value.
func TestExpExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var x, got [64]float64
	for i := range x {
		x[i] = rng.NormFloat64() * 30
	}
	Apply(Exp, got[:], x[:], 0, 0)
	for i, v := range x {
		// e^v = (e^(v/2^k))^(2^k), by a series in 200 bits.
		z := new(big.Float).SetPrec(300).SetMantExp(big.NewFloat(v), -12)
		sum, term := big.NewFloat(1).SetPrec(300), big.NewFloat(1).SetPrec(300)
		for n := 1; n < 40; n++ {
			term.Mul(term, z)
			term.Quo(term, big.NewFloat(float64(n)))
			sum.Add(sum, term)
		}
		for range 12 {
			sum.Mul(sum, sum)
		}
		want, _ := sum.Float64()
		require.LessOrEqual(t, ulps(got[i], want), 1.0, "exp(%v)", v)
	}
}

// testAlgebra compares everything else with the reference, for all lengths, at
// any alignment, with guards around what is written.
func testAlgebra[T Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	special := []T{0, T(math.Copysign(0, -1)), T(math.NaN()), T(math.Inf(1)), T(math.Inf(-1)), 1, -1}
	fill := func(n int) []T {
		b := buffer[T](rng, n)
		for i := range b {
			if rng.IntN(4) == 0 {
				b[i] = special[rng.IntN(len(special))]
			}
		}
		return b
	}
	bound := 3.0
	same := func(what string, got, want []T) {
		t.Helper()
		for i := range want {
			if got[i] != want[i] && !(got[i] != got[i] && want[i] != want[i]) && ulps(got[i], float64(want[i])) > bound {
				t.Fatalf("%s[%d]: got %v, want %v", what, i, got[i], want[i])
			}
		}
	}
	for n := range 71 {
		x, y, c := fill(n), fill(n), fill(n)
		want := make([]T, n)
		for op := range unaryOps {
			got, intact := output[T](n)
			Apply(op, got, x, -0.5, 0.75)
			refUnary(op, want, x, -0.5, 0.75)
			what := fmt.Sprintf("function %d of %d", op, n)
			bound = 3
			if op >= LogCDF && op <= Quantile {
				bound = 8
			}
			same(what, got, want)
			require.True(t, intact(), what)
		}
		bound = 3
		for op := range binaryOps {
			got, intact := output[T](n)
			Pairs(op, got, x, y)
			refPairs(op, want, x, y)
			what := fmt.Sprintf("operation %d of %d", op, n)
			same(what, got, want)
			require.True(t, intact(), what)
		}
		got, intact := output[T](n)
		Where(got, c, x, y)
		refWhere(want, c, x, y)
		same("where", got, want)
		require.True(t, intact())
	}
	rows := PanelRows[T]()
	for _, features := range []int{0, 1, 2, 7, 70} {
		for form := range 16 {
			x := Line[T]{fill(features*rows + rows), form&1 != 0, form&2 != 0}
			y := Line[T]{fill(features*rows + rows), form&4 != 0, form&8 != 0}
			if x.Number && y.Number {
				continue
			}
			for op := range binaryOps {
				got, intact := output[T](features * rows)
				want := make([]T, features*rows)
				Lines(op, got, x, y, features)
				refLines(op, want, x, y, features)
				what := fmt.Sprintf("operation %d on %d lines, form %d", op, features, form)
				same(what, got, want)
				require.True(t, intact(), what)
			}
		}
		if features > 0 {
			x := buffer[T](rng, features*rows)
			for _, top := range []bool{false, true} {
				got, intact := output[T](rows)
				FoldLines(got, x, features, top)
				want := append([]T(nil), x[:rows]...)
				for f := 1; f < features; f++ {
					op := Add
					if top {
						op = Max
					}
					refPairs(op, want, want, x[f*rows:])
				}
				require.Equal(t, want, got)
				require.True(t, intact())
			}
		}
	}
}

func TestAlgebra(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", testAlgebra[float32])
		t.Run("float64", testAlgebra[float64])
	})
}
