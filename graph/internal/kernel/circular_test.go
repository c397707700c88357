package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// precision is enough bits for the largest numbers modulo π/2.
const precision = 1300

var halfPi = func() *big.Float {
	const digits = "1.57079632679489661923132169163975144209858469968755291048747229615390820314310449931401741267105853" +
		"3991074043256641153323546922304775291115862679704064240558725142051350969260552779822311474477465190" +
		"9822144054878329667230642378241168933915826356009545728242834617301743052271633241066968036301245706" +
		"3686229350330315779408744076046048141462704585768218394629518000566526527441023326069207347597075580" +
		"5"
	f, _, err := big.ParseFloat(digits, 10, precision, big.ToNearestEven)
	if err != nil {
		panic(err)
	}
	return f
}()

func number(v float64) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(v) }

// exactCircular is sin x, or cos x as the sine of a quarter turn more, by its series
// after multiples of π/2 are taken away.
func exactCircular(x float64, cosine bool) *big.Float {
	n, _ := number(0).Add(number(0).Quo(number(x), halfPi), number(0.5)).Int(nil)
	r := number(0).Mul(halfPi, number(0).SetInt(n))
	r.Sub(number(x), r).SetPrec(300)
	turns := int(n.Mod(n, big.NewInt(4)).Int64())
	if cosine {
		turns = (turns + 1) % 4
	}
	term, from := r, 1.0
	if turns%2 == 1 {
		term, from = number(1).SetPrec(300), 0
	}
	z := new(big.Float).Mul(r, r)
	sum := new(big.Float)
	for k := from; term.Sign() != 0 && term.MantExp(nil) > -240; k += 2 {
		sum.Add(sum, term)
		term = new(big.Float).Mul(term, z)
		term.Quo(term, number((k+1)*(k+2))).Neg(term)
	}
	if turns > 1 {
		sum.Neg(sum)
	}
	return sum
}

// bigULPs is ulps for a want of more digits than float64 has.
func bigULPs[T Float](got T, want *big.Float) float64 {
	near, _ := want.Float64()
	rest, _ := number(0).Sub(number(float64(got)), want).Float64()
	return math.Abs(rest) / lastPlace[T](near)
}

// testCircular looks at numbers of any size, and at those next to multiples of
// π/4, where the sine or the cosine has nothing left but what the reduction kept.
func testCircular[T Float](t *testing.T, reach float64) {
	rng := rand.New(rand.NewPCG(13, 14))
	var x []T
	for range 1000 {
		x = append(x, T(rng.NormFloat64()), T(20*rng.NormFloat64()), T(math.Exp(rng.Float64()*math.Log(reach))))
		near := T(math.Floor(math.Exp(rng.Float64()*math.Log(reach/math.Pi*4))) * (math.Pi / 4))
		x = append(x, near, -T(math.Nextafter32(float32(near), 0)), T(math.Nextafter(float64(near), math.Inf(1))))
	}
	for _, op := range []UnaryOp{Sin, Cos} {
		got := make([]T, len(x))
		Apply(op, got, x, 0, 0)
		worst, at := 0.0, 0
		for i, v := range x {
			if u := bigULPs(got[i], exactCircular(float64(v), op == Cos)); u > worst {
				worst, at = u, i
			}
		}
		t.Logf("function %d: %.3f ulp at %v", op, worst, x[at])
		require.LessOrEqual(t, worst, 2.0, "function %d at %v: got %v", op, x[at], got[at])
	}
}

func TestCircular(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", func(t *testing.T) { testCircular[float32](t, 0x1p16) })
		t.Run("float64", func(t *testing.T) { testCircular[float64](t, 0x1p30) })
	})
}

// The worst of all: 2⁻⁶² from a multiple of π/2.
func TestCircularWorst(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	x := []float64{math.Ldexp(6381956970095103, 797), -math.Ldexp(6381956970095103, 797), 0x1p30, math.MaxFloat64}
	for range 1000 {
		x = append(x, rng.NormFloat64()*math.Exp(20+680*rng.Float64()))
	}
	for _, op := range []UnaryOp{Sin, Cos} {
		got := make([]float64, len(x))
		Apply(op, got, x, 0, 0)
		for i, v := range x {
			require.LessOrEqual(t, bigULPs(got[i], exactCircular(v, op == Cos)), 2.0, "function %d at %v: got %v", op, v, got[i])
		}
	}
}

// Beyond the reach of the kernels, and beside such numbers, an element has the
// bits it has alone.
func testFarCircular[T Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for n := range 71 {
		x := make([]T, n)
		for i := range x {
			x[i] = T(rng.NormFloat64() * math.Exp(80*rng.Float64()))
			if rng.IntN(9) == 0 {
				x[i] = T(math.Inf(rng.IntN(3) - 1))
			}
		}
		for _, op := range []UnaryOp{Sin, Cos} {
			got, intact := output[T](n)
			copy(got, x)
			Apply(op, got, got, 0, 0)
			for i, v := range x {
				var alone [1]T
				Apply(op, alone[:], x[i:i+1], 0, 0)
				require.Zero(t, ulps(got[i], float64(alone[0])), "function %d of %v among %d", op, v, n)
			}
			require.True(t, intact())
		}
	}
}

func TestFarCircular(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", testFarCircular[float32])
		t.Run("float64", testFarCircular[float64])
	})
}
