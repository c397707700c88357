package kernel

import (
	"bufio"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// normalCase is a line of testdata/normal.txt.
type normalCase struct {
	op   UnaryOp
	x    float64
	want *big.Float
}

func normalCases(t *testing.T) []normalCase {
	t.Helper()
	f, err := os.Open("testdata/normal.txt")
	require.NoError(t, err)
	defer f.Close()
	var out []normalCase
	for s := bufio.NewScanner(f); s.Scan(); {
		words := strings.Fields(s.Text())
		ops := map[string][]UnaryOp{"x": {LogCDF, Hazard, HazardExcess}, "l": {Quantile}}[words[0]]
		require.Len(t, words, 2+len(ops))
		var v [4]*big.Float
		for i, w := range words[1:] {
			v[i], _, err = big.ParseFloat(w, 10, 100, big.ToNearestEven)
			require.NoError(t, err)
		}
		x, _ := v[0].Float64()
		for i, op := range ops {
			out = append(out, normalCase{op, x, v[i+1]})
		}
	}
	return out
}

// The functions are within five units in the last place, from one end to the other.
// The largest errors of 10,000 random arguments in the bulk, beside the table's: 3.6
// (float32) and 4.7 (float64) in log Φ, 2.5 and 2.9 in the hazard, 3.0 and 2.9 in its
// excess, 3.5 and 3.6 in the quantile.
func testNormal[T Float](t *testing.T) {
	worst, at := map[UnaryOp]float64{}, map[UnaryOp]float64{}
	for _, c := range normalCases(t) {
		x, y := [1]T{T(c.x)}, [1]T{}
		require.Equal(t, c.x, float64(x[0]), "the table has numbers of float32")
		Apply(c.op, y[:], x[:], 0, 0)
		if want, _ := c.want.Float64(); math.Abs(want) > largest[T]() {
			require.True(t, math.IsInf(float64(y[0]), 0), "function %d of %v: got %v", c.op, c.x, y[0])
			continue
		}
		if u := bigULPs(y[0], c.want); !(u <= worst[c.op]) {
			worst[c.op], at[c.op] = u, c.x
		}
	}
	for op, u := range worst {
		t.Logf("function %d: %.3f ulp at %v", op, u, at[op])
		require.LessOrEqual(t, u, 5.0, "function %d at %v", op, at[op])
	}
}

func largest[T Float]() float64 {
	if single[T]() {
		return math.MaxFloat32
	}
	return math.MaxFloat64
}

func TestNormal(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", testNormal[float32])
		t.Run("float64", testNormal[float64])
	})
}

// Elsewhere, at special values and in every binade, they are what the reference is to
// the errors of both; next to its zero the quantile too.
func testNormalSweep[T Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	x := arguments[T](rng)
	for range 300 {
		x = append(x, T(-math.Ln2*(1+rng.NormFloat64()*math.Exp(-30*rng.Float64()))))
	}
	for _, op := range []UnaryOp{LogCDF, Hazard, HazardExcess, Quantile} {
		got := make([]T, len(x))
		Apply(op, got, x, 0, 0)
		for i, v := range x {
			want := op.Of(float64(v), 0, 0)
			if !(ulps(got[i], want) <= 8) || want == 0 && math.Signbit(want) != math.Signbit(float64(got[i])) {
				t.Fatalf("function %d of %v: got %v, want %v", op, v, got[i], want)
			}
		}
	}
}

func TestNormalSweep(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", testNormalSweep[float32])
		t.Run("float64", testNormalSweep[float64])
	})
}

// The quantile of an element has the same bits alone and beside others, though a
// vector without any in the upper half is spared the work for those.
func testQuantileAlone[T Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	for n := range 71 {
		x := make([]T, n)
		for i := range x {
			x[i] = T(-rng.ExpFloat64() * math.Exp(4*rng.NormFloat64()))
		}
		got, intact := output[T](n)
		Apply(Quantile, got, x, 0, 0)
		for i := range x {
			var alone [1]T
			Apply(Quantile, alone[:], x[i:i+1], 0, 0)
			require.Equal(t, alone[0], got[i], "quantile of %v among %d", x[i], n)
		}
		require.True(t, intact())
	}
}

func TestQuantileAlone(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", testQuantileAlone[float32])
		t.Run("float64", testQuantileAlone[float64])
	})
}
