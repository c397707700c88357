package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// bothWidths runs f with AVX-512 and with AVX2 alone and requires the same bits of
// what it returns.
func bothWidths[T Float](t *testing.T, what string, f func() []T) {
	t.Helper()
	wide := f()
	useAVX512 = false
	defer func() { useAVX512 = true }()
	half := f()
	requireBits(t, wide, half, what+", AVX-512 and AVX2")
}

// requireBits wants the same numbers, or none, with the same signs of zeros.
func requireBits[T Float](t *testing.T, want, got []T, what string) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for i, w := range want {
		if g := got[i]; w != g && (w == w || g == g) || math.Signbit(float64(w)) != math.Signbit(float64(g)) && w == w {
			t.Fatalf("%s: element %d: %v, %v", what, i, w, g)
		}
	}
}

func needBoth(t *testing.T) {
	t.Helper()
	if !useAVX512 || !useAVX2 {
		t.Skip("needs AVX-512 and AVX2")
	}
}

// Vectors of either width do the same arithmetic in the same order: what a machine
// has for vectors does not change a bit of any elementwise function.
func testWidths[T Float](t *testing.T) {
	needBoth(t)
	rng := rand.New(rand.NewPCG(23, 24))
	x := arguments[T](rng)
	y := arguments[T](rng)
	for i := range y[:20000] {
		j := rng.IntN(len(y))
		y[i], y[j] = y[j], y[i]
	}
	y = y[:min(len(x), len(y))]
	x = x[:len(y)]
	for op := range unaryOps {
		bothWidths(t, fmt.Sprint("function ", op), func() []T {
			out := make([]T, len(x))
			Apply(op, out, x, -0.5, 0.75)
			return out
		})
	}
	for op := range binaryOps {
		bothWidths(t, fmt.Sprint("operation ", op), func() []T {
			out := make([]T, len(x))
			Pairs(op, out, x, y)
			return out
		})
	}
	bothWidths(t, "where", func() []T {
		out := make([]T, len(x))
		Where(out, x, y, x)
		return out
	})
	n := PanelRows[T]()
	for _, count := range []int{1, 2, 9, 70} {
		for _, top := range []bool{false, true} {
			bothWidths(t, fmt.Sprintf("fold of %d", count), func() []T {
				out := make([]T, n)
				FoldLines(out, x[1000:][:count*n], count, top)
				return out
			})
		}
	}
}

func TestWidths(t *testing.T) {
	t.Run("float32", testWidths[float32])
	t.Run("float64", testWidths[float64])
}

// So do sums, steps of the optimiser and splines.
func testWidthsOfRows[T Float](t *testing.T) {
	needBoth(t)
	rng := rand.New(rand.NewPCG(25, 26))
	n := PanelRows[T]()
	for _, size := range []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 70, 1000} {
		x, y := buffer[T](rng, size), buffer[T](rng, size)
		bothWidths(t, "sum of squares", func() []T { return []T{T(SumSquares(x) * 1e-3)} })
		bothWidths(t, "average", func() []T {
			out := append([]T(nil), x...)
			Average(out, y, 0.3)
			return out
		})
		bothWidths(t, "Adam", func() []T {
			p, m, v, a := append([]T(nil), x...), append([]T(nil), y...), make([]T, size), append([]T(nil), y...)
			Adam(p, y, m, v, nil, adamNumbers)
			Adam(p, y, m, v, a, adamNumbers)
			return append(append(append(p, m...), v...), a...)
		})
		tile := Tile[T]{Data: buffer[T](rng, 3*(size+1)*n), Stride: (size + 1) * n}
		bothWidths(t, "sum of rows", func() []T {
			out := append([]T(nil), x...)
			SumRows(out, tile, 3, size)
			return out
		})
	}
	for _, bins := range []int{1, 2, 3, 8, 33} {
		for _, exponential := range []bool{false, true} {
			s := NewSpline[T](bins, 3, 1e-3, 1e-3, 1e-3, 0.5, exponential)
			x, gy, gl := buffer[T](rng, n), buffer[T](rng, n), buffer[T](rng, n)
			h := buffer[T](rng, (3*bins-1)*n)
			for i := range x {
				x[i] *= 2
			}
			x[0], x[1], x[2] = T(math.NaN()), T(math.Inf(1)), 3
			scratch := make([]T, SplineScratch[T](bins))
			for _, inverse := range []bool{false, true} {
				bothWidths(t, fmt.Sprintf("spline of %d bins, inverse %t", bins, inverse), func() []T {
					out := make([]T, (3*bins+2)*n)
					y, l, gx, gh := out[:n], out[n:2*n], out[2*n:3*n], out[3*n:]
					s.Value(y, l, x, h, inverse, false, scratch)
					s.Grad(gx, gh, x, h, gy, gl, inverse, false, scratch)
					over, again := slices.Clone(h), make([]T, len(out))
					s.Value(again[:n], again[n:2*n], x, over, inverse, true, scratch)
					requireBits(t, h[2*bins*n:], over[2*bins*n:], "slopes")
					s.Grad(again[2*n:3*n], again[3*n:], x, over, gy, gl, inverse, true, scratch)
					requireBits(t, out, again, "over sizes")
					s.Grad(again[2*n:3*n], over, x, over, gy, gl, inverse, true, scratch)
					requireBits(t, gx, again[2*n:3*n], "gradient in x, in place")
					requireBits(t, gh, over, "gradient, in place")
					return out
				})
			}
		}
	}
}

func TestWidthsOfRows(t *testing.T) {
	t.Run("float32", testWidthsOfRows[float32])
	t.Run("float64", testWidthsOfRows[float64])
}

var adamNumbers = AdamNumbers{Clip: 0.7, Beta1: 0.9, Beta2: 0.99, Fix1: 1.3, Fix2: 2.1, Epsilon: 1e-8, Rate: 0.01, Decay: 0.1, Limit: 1.5, Share: 0.2}

// testOptimiser compares with plain loops, for all lengths, with guards.
func testOptimiser[T Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(27, 28))
	wide, half := useAVX512, useAVX2
	plain := func(f func()) {
		useAVX512, useAVX2 = false, false
		defer func() { useAVX512, useAVX2 = wide, half }()
		f()
	}
	eps := 1e-6
	if !single[T]() {
		eps = 1e-14
	}
	for size := range 71 {
		g := buffer[T](rng, size)
		var got, want [4][]T
		var guards []func() bool
		for i := range got {
			var intact func() bool
			got[i], intact = output[T](size)
			guards = append(guards, intact)
			for j := range got[i] {
				got[i][j] = T(rng.NormFloat64())
				if i == 2 {
					got[i][j] *= got[i][j]
				}
			}
			want[i] = append([]T(nil), got[i]...)
		}
		check := func(what string) {
			t.Helper()
			for i := range got {
				for j, w := range want[i] {
					require.InDelta(t, float64(w), float64(got[i][j]), eps*(1+math.Abs(float64(w))), "%s of %d: %d[%d]", what, size, i, j)
				}
				require.True(t, guards[i](), what)
			}
		}
		Adam(got[0], g, got[1], got[2], nil, adamNumbers)
		plain(func() { Adam(want[0], g, want[1], want[2], nil, adamNumbers) })
		check("Adam")
		mean := append(make([]T, 0, size), got[3]...)
		Adam(got[0], g, got[1], got[2], got[3], adamNumbers)
		plain(func() { Adam(want[0], g, want[1], want[2], want[3], adamNumbers) })
		check("Adam with an average")
		Average(mean, got[0], T(adamNumbers.Share))
		require.Equal(t, mean, got[3], "the average is the one of a pass of its own")
		Average(got[0], g, 0.3)
		plain(func() { Average(want[0], g, 0.3) })
		check("average")
		var s float64
		plain(func() { s = SumSquares(g) })
		require.InEpsilon(t, s+1, SumSquares(g)+1, 1e-14, "sum of squares of %d", size)
		n := PanelRows[T]()
		for _, panels := range []int{1, 3} {
			x := Tile[T]{Data: buffer[T](rng, panels*(size+2)*n), Stride: (size + 2) * n}
			SumRows(got[0], x, panels, size)
			refSumRows(want[0], x, panels, size)
			near(t, "sum of rows", got[0], want[0], panels*n)
			require.True(t, guards[0]())
			copy(want[0], got[0])
		}
	}
}

func TestOptimiser(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", testOptimiser[float32])
		t.Run("float64", testOptimiser[float64])
	})
}

// Functions of any bits are what the reference is, for any length and place.
func FuzzFunctions(f *testing.F) {
	f.Add([]byte{0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x7f, 1, 0, 0, 0}, uint8(3))
	f.Add([]byte("a text of some more bytes than a vector of thirty-two or of sixty-four has"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, from uint8) {
		fuzzFunctions[float32](t, data, int(from%8), func(b []byte) float32 {
			return math.Float32frombits(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
		})
		fuzzFunctions[float64](t, data, int(from%8), func(b []byte) float64 {
			bits := uint64(0)
			for i, x := range b {
				bits |= uint64(x) << (8 * i)
			}
			return math.Float64frombits(bits)
		})
	})
}

func fuzzFunctions[T Float](t *testing.T, data []byte, from int, number func([]byte) T) {
	size := bytesOf[T]()
	x := make([]T, from, from+len(data)/size)
	for ; len(data) >= size; data = data[size:] {
		x = append(x, number(data))
	}
	x = x[from:]
	got := make([]T, from+len(x))[from:]
	for op := range unaryOps {
		if op == Affine || op == Clamp || op == Inside || op == Copy {
			continue
		}
		Apply(op, got, x, 0, 0)
		for i, v := range x {
			want := op.Of(float64(v), 0, 0)
			if math.Abs(want) > largest[T]()*(1-1e-6) { // rounds either way
				continue
			}
			if u := ulps(got[i], want); !(u <= 8) {
				t.Fatalf("function %d of %v: got %v, want %v, %v ulp", op, v, got[i], want, u)
			}
		}
	}
}

func bytesOf[T Float]() int {
	if single[T]() {
		return 4
	}
	return 8
}

// BenchmarkFunctions times the functions on 4096 numbers, by instruction set.
func BenchmarkFunctions(b *testing.B) {
	wide, half := useAVX512, useAVX2
	defer func() { useAVX512, useAVX2 = wide, half }()
	sets := []struct {
		name       string
		wide, half bool
	}{{"avx512", true, false}, {"avx2", false, true}, {"go", false, false}}
	for _, set := range sets {
		if set.wide && !wide || set.half && !half {
			continue
		}
		useAVX512, useAVX2 = set.wide, set.half
		benchmarkFunctions[float32](b, "float32/"+set.name)
		benchmarkFunctions[float64](b, "float64/"+set.name)
	}
}

func benchmarkFunctions[T Float](b *testing.B, name string) {
	const size = 4096
	rng := rand.New(rand.NewPCG(1, 2))
	x, out := buffer[T](rng, size), make([]T, size)
	run := func(what string, f func()) {
		b.Run(what+"/"+name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/element")
		})
	}
	ops := map[string]UnaryOp{"square": Square, "logcdf": LogCDF, "hazard": Hazard, "quantile": Quantile}
	for k, v := range vectorOps {
		ops[k] = v
	}
	for what, op := range ops {
		run(what, func() { Apply(op, out, x, 0, 0) })
	}
	n := PanelRows[T]()
	s := NewSpline[T](8, 3, 1e-3, 1e-3, 1e-3, 0.5, false)
	scratch, h := make([]T, SplineScratch[T](8)), buffer[T](rng, 23*n)
	gh := make([]T, 23*n)
	if !HasSpline[T]() {
		return
	}
	for _, inverse := range []bool{false, true} {
		run(fmt.Sprintf("spline/inverse=%t", inverse), func() {
			for i := 0; i < size; i += n {
				s.Value(out[:n], out[n:2*n], x[i:i+n], h, inverse, false, scratch)
			}
		})
		run(fmt.Sprintf("spline-gradient/inverse=%t", inverse), func() {
			for i := 0; i < size; i += n {
				s.Grad(out[:n], gh, x[i:i+n], h, x[i:i+n], x[i:i+n], inverse, false, scratch)
			}
		})
	}
}

// BenchmarkOptimiser times a step of Adam and a moving average on more parameters than
// caches hold, in a pass each and in one.
func BenchmarkOptimiser(b *testing.B) {
	const size = 1 << 22
	rng := rand.New(rand.NewPCG(1, 2))
	var v [5][]float32
	for i := range v {
		v[i] = make([]float32, size)
		for j := range v[i] {
			v[i][j] = rng.Float32()
		}
	}
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/parameter")
		})
	}
	run("alone", func() { Adam(v[0], v[1], v[2], v[3], nil, adamNumbers) })
	run("two passes", func() {
		Adam(v[0], v[1], v[2], v[3], nil, adamNumbers)
		Average(v[4], v[0], 0.1)
	})
	run("one pass", func() { Adam(v[0], v[1], v[2], v[3], v[4], adamNumbers) })
}
