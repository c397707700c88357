package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const guard = 7

// buffer is n random numbers between guards that must not change.
func buffer[T Float](rng *rand.Rand, n int) []T {
	b := make([]T, n+2*guard)
	for i := range b {
		b[i] = T(math.NaN())
		if i >= guard && i < n+guard {
			b[i] = T(rng.NormFloat64())
		}
	}
	return b[guard : n+guard : n+guard]
}

// output is n zeros with guards around them, and a check that the guards stand.
func output[T Float](n int) (v []T, intact func() bool) {
	b := make([]T, n+2*guard)
	for i := range guard {
		b[i], b[n+guard+i] = 12345, 12345
	}
	return b[guard : n+guard : n+guard], func() bool {
		for i := range guard {
			if b[i] != 12345 || b[n+guard+i] != 12345 {
				return false
			}
		}
		return true
	}
}

// staircases gives reaches to test: none, full, empty, random, of equal steps.
func staircases(rng *rand.Rand, m, k int) [][]int32 {
	full, empty, random, even := make([]int32, m), make([]int32, m), make([]int32, m), make([]int32, m)
	last, steps := 0, 1+rng.IntN(max(m/6, 1))
	for j := range m {
		full[j] = int32(k)
		if k > last && rng.IntN(3) == 0 {
			last += rng.IntN(min(k-last, 9) + 1)
		}
		random[j] = int32(last)
		even[j] = int32((j*steps/m + 1) * k / steps) // as in masked nets
	}
	return [][]int32{nil, full, empty, random, even}
}

func near[T Float](t *testing.T, what string, got, want []T, terms int) {
	t.Helper()
	eps := 1e-6
	if PanelRows[T]() == 16 {
		eps = 1e-14
	}
	for i := range want {
		if !(math.Abs(float64(got[i]-want[i])) <= eps*(10+float64(terms))) {
			t.Fatalf("%s[%d]: got %v, want %v", what, i, got[i], want[i])
		}
	}
}

func testProducts[T Float](t *testing.T, sizes [][2]int, panels ...int) {
	rng := rand.New(rand.NewPCG(1, 2))
	n := PanelRows[T]()
	for _, size := range sizes {
		m, k := size[0], size[1]
		for _, panels := range panels {
			for s, reach := range staircases(rng, m, k) {
				what := fmt.Sprintf("m=%d k=%d panels=%d staircase=%d", m, k, panels, s)
				ldw := k + 3
				w := Matrix[T]{Data: buffer[T](rng, max(m*ldw, 1)), Stride: ldw}
				for j := range m { // what is out of reach must not matter
					for i := limit(reach, j, k); i < k; i++ {
						w.Data[j*ldw+i] = T(math.NaN())
					}
				}
				bias := buffer[T](rng, m)
				x := Tile[T]{Data: buffer[T](rng, panels*(k+2)*n), Stride: (k + 2) * n}
				g := Tile[T]{Data: buffer[T](rng, panels*(m+1)*n), Stride: (m + 1) * n}
				var guards []func() bool
				out := func(n int) []T {
					v, intact := output[T](n)
					guards = append(guards, intact)
					return v
				}
				ym := func() Tile[T] { return Tile[T]{Data: out(panels * (m + 1) * n), Stride: (m + 1) * n} }
				yk := func() Tile[T] { return Tile[T]{Data: out(panels * (k + 2) * n), Stride: (k + 2) * n} }
				for _, b := range [][]T{nil, bias} {
					got, want := ym(), ym()
					Linear(got, x, panels, w, m, k, reach, b, nil, nil)
					refLinear(want, x, panels, w, m, k, reach, b)
					near(t, "linear "+what, got.Data, want.Data, k)
					Linear(got, x, panels, w, m, k, reach, b, &[2]T{-0.5, 1}, nil)
					for p := range panels {
						refUnary(Clamp, want.Panel(p, m), want.Panel(p, m), -0.5, 1)
					}
					near(t, "clamped linear "+what, got.Data, want.Data, k)
				}
				got, want := yk(), yk()
				tscratch := func() []T { return out(LinearTScratch[T](m, k, panels, reach)) }
				LinearT(got, g, panels, w, m, k, reach, Tile[T]{}, nil, tscratch())
				refLinearT(want, g, panels, w, m, k, reach)
				near(t, "linearT "+what, got.Data, want.Data, m)
				LinearT(got, g, panels, w, m, k, reach, x, &[2]T{-0.5, 1}, nil)
				for p := range panels {
					for i, v := range x.Panel(p, k) {
						if !(v > -0.5 && v < 1) {
							want.Panel(p, k)[i] = 0
						}
					}
				}
				near(t, "gated linearT "+what, got.Data, want.Data, m)
				a, b := out(max(m*ldw, 1)), out(max(m*ldw, 1))
				for i := range a {
					a[i] = T(i % 5)
				}
				copy(b, a)
				scratch, own := out(OuterScratch[T](m, k, panels, reach)), out(OuterScratch[T](m, k, panels, reach))
				c := slices.Clone(a)
				Outer(Matrix[T]{Data: a, Stride: ldw}, g, x, panels, m, k, reach, scratch, s%2 == 0)
				outerForked(t, Matrix[T]{Data: c, Stride: ldw}, g, x, panels, m, k, reach, scratch, own, s%2 == 0)
				if !slices.Equal(a, c) {
					t.Fatalf("%s: a forked sum differs", what)
				}
				refOuter(Matrix[T]{Data: b, Stride: ldw}, g, x, panels, m, k, reach, s%2 == 0, 0, k)
				for j := range m {
					for i := limit(reach, j, k); i < k; i++ {
						if a[j*ldw+i] == 0 {
							b[j*ldw+i] = 0 // either is right
						}
					}
				}
				near(t, "outer "+what, a, b, panels*n)
				for i, intact := range guards {
					if !intact() {
						t.Fatalf("%s: output %d was written beyond its ends", what, i)
					}
				}
			}
		}
	}
}

func sizes() [][2]int {
	var out [][2]int
	for _, m := range []int{0, 1, 2, 3, 5, 11, 12, 13, 24, 25, 37, 64, 70} {
		for _, k := range []int{0, 1, 2, 4, 7, 12, 15, 16, 17, 31, 32, 33, 48, 64, 65, 70} {
			out = append(out, [2]int{m, k})
		}
	}
	return append(out, [2]int{200, 131}, [2]int{131, 200}, [2]int{601, 45}, [2]int{90, 400})
}

// sweep is every size up to 70 of one dimension beside a few of the other.
func sweep() [][2]int {
	var out [][2]int
	for i := range 71 {
		for _, j := range []int{5, 37, 70} {
			out = append(out, [2]int{i, j}, [2]int{j, i})
		}
	}
	return out
}

// instructionSets runs a test with AVX-512 and with AVX2 alone, as far as the
// machine has them, or without assembly if it has neither.
func instructionSets(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if !useAVX512 && !useAVX2 {
		t.Run("go", f)
		return
	}
	if useAVX512 {
		t.Run("avx512", f)
		useAVX512 = false
		defer func() { useAVX512 = true }()
	}
	if useAVX2 {
		t.Run("avx2", f)
	}
}

// The products agree with their references for every size, with guards around
// what they read and whatever stands beyond the staircase.
func TestProducts(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", func(t *testing.T) { testProducts[float32](t, sizes(), 1, 3) })
		t.Run("float64", func(t *testing.T) { testProducts[float64](t, sizes(), 1, 3) })
		if testing.Short() {
			return
		}
		t.Run("sweep float32", func(t *testing.T) { testProducts[float32](t, sweep(), 3) })
		t.Run("sweep float64", func(t *testing.T) { testProducts[float64](t, sweep(), 3) })
	})
}

// A row's result has the same bits wherever it stands and whatever is beside it.
func testRowsAreIndependent[T Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const m, k, panels = 29, 45, 4
	n := PanelRows[T]()
	for _, reach := range staircases(rng, m, k) {
		w := Matrix[T]{Data: buffer[T](rng, m*k), Stride: k}
		x := Tile[T]{Data: buffer[T](rng, panels*k*n), Stride: k * n}
		g := Tile[T]{Data: buffer[T](rng, panels*m*n), Stride: m * n}
		for _, t := range []Tile[T]{x, g} { // row 5 of panel 3 is row 0 of panel 0
			for f := range t.Stride / n {
				t.Data[3*t.Stride+f*n+5] = t.Data[f*n]
			}
		}
		y, z := Tile[T]{Data: make([]T, panels*m*n), Stride: m * n}, Tile[T]{Data: make([]T, panels*k*n), Stride: k * n}
		Linear(y, x, panels, w, m, k, reach, nil, nil, nil)
		LinearT(z, g, panels, w, m, k, reach, Tile[T]{}, nil, make([]T, LinearTScratch[T](m, k, panels, reach)))
		for _, out := range []Tile[T]{y, z} {
			for f := range out.Stride / n {
				if out.Data[3*out.Stride+f*n+5] != out.Data[f*n] {
					t.Fatalf("feature %d of %d: the same row gave %v and %v", f, out.Stride/n, out.Data[f*n], out.Data[3*out.Stride+f*n+5])
				}
			}
		}
	}
}

func TestRowsAreIndependent(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", testRowsAreIndependent[float32])
		t.Run("float64", testRowsAreIndependent[float64])
	})
}

// Products of any size and staircase are as the reference has them.
func FuzzProducts(f *testing.F) {
	f.Add(uint64(1), uint8(13), uint8(33), uint8(2), false)
	f.Add(uint64(2), uint8(1), uint8(1), uint8(1), true)
	f.Add(uint64(3), uint8(70), uint8(7), uint8(3), true)
	f.Fuzz(func(t *testing.T, seed uint64, m, k, panels uint8, stairs bool) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n, mm, kk, pp := PanelRows[float32](), int(m), int(k), int(panels%5)+1
		var reach []int32
		if stairs {
			reach = staircases(rng, mm, kk)[3]
		}
		w := Matrix[float32]{Data: buffer[float32](rng, max(mm*kk, 1)), Stride: kk}
		x, g := Tile[float32]{Data: buffer[float32](rng, pp*kk*n), Stride: kk * n}, Tile[float32]{Data: buffer[float32](rng, pp*mm*n), Stride: mm * n}
		got, want := Tile[float32]{Data: make([]float32, pp*mm*n), Stride: mm * n}, Tile[float32]{Data: make([]float32, pp*mm*n), Stride: mm * n}
		Linear(got, x, pp, w, mm, kk, reach, nil, nil, nil)
		refLinear(want, x, pp, w, mm, kk, reach, nil)
		near(t, "linear", got.Data, want.Data, kk)
		got, want = Tile[float32]{Data: make([]float32, pp*kk*n), Stride: kk * n}, Tile[float32]{Data: make([]float32, pp*kk*n), Stride: kk * n}
		LinearT(got, g, pp, w, mm, kk, reach, Tile[float32]{}, nil, make([]float32, LinearTScratch[float32](mm, kk, pp, reach)))
		refLinearT(want, g, pp, w, mm, kk, reach)
		near(t, "linearT", got.Data, want.Data, mm)
		a, b := make([]float32, mm*kk), make([]float32, mm*kk)
		Outer(Matrix[float32]{Data: a, Stride: kk}, g, x, pp, mm, kk, reach, make([]float32, OuterScratch[float32](mm, kk, pp, reach)), false)
		refOuter(Matrix[float32]{Data: b, Stride: kk}, g, x, pp, mm, kk, reach, false, 0, kk)
		near(t, "outer", a, b, pp*n)
	})
}

func BenchmarkKernel(b *testing.B) {
	b.Run("peak", func(b *testing.B) {
		round := 0
		for b.Loop() {
			round = fastPeak[float32](1000)
		}
		b.ReportMetric(1000*float64(round)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	})
	for _, c := range [][3]int{{128, 128, 4}, {512, 512, 4}, {256, 3, 4}} {
		m, k, panels := c[0], c[1], c[2]
		n := PanelRows[float32]()
		rng := rand.New(rand.NewPCG(1, 2))
		aligned := func(n int) []float32 { return slices.Clone(buffer[float32](rng, n)) } // as programs have it
		w := Matrix[float32]{Data: aligned(m * k), Stride: k}
		x := Tile[float32]{Data: aligned(panels * k * n), Stride: k * n}
		g := Tile[float32]{Data: aligned(panels * m * n), Stride: m * n}
		dw := Matrix[float32]{Data: make([]float32, m*k), Stride: k}
		scratch := make([]float32, OuterScratch[float32](m, k, panels, nil))
		tscratch := make([]float32, LinearTScratch[float32](m, k, panels, nil))
		flops := 2 * float64(m*k*panels*n)
		run := func(name string, f func()) {
			b.Run(fmt.Sprintf("%s/m=%d/k=%d/rows=%d", name, m, k, panels*n), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
		run("linear", func() { Linear(g, x, panels, w, m, k, nil, nil, nil, nil) })
		run("linearT", func() { LinearT(x, g, panels, w, m, k, nil, Tile[float32]{}, nil, tscratch) })
		run("outer", func() { Outer(dw, g, x, panels, m, k, nil, scratch, true) })
	}
}

func testTimes[T Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, s := range [][3]int{{0, 3, 4}, {3, 0, 4}, {3, 4, 0}, {1, 1, 1}, {2, 3, 5}, {7, 16, 16}, {5, 9, 17}, {43, 43, 43}, {3, 70, 129}, {2, 5, 300}} {
		m, k, n := s[0], s[1], s[2]
		a, b := buffer[T](rng, m*k), buffer[T](rng, k*n)
		want := make([]T, m*n)
		for r := range m {
			for i := range k {
				for j := range n {
					want[r*n+j] += a[r*k+i] * b[i*n+j]
				}
			}
		}
		got, intact := output[T](m * n)
		Times(got, a, k, 1, b, m, k, n)
		near(t, fmt.Sprint("times ", s), got, want, k)
		at := make([]T, m*k)
		for r := range m {
			for i := range k {
				at[i*m+r] = a[r*k+i]
			}
		}
		Times(got, at, 1, m, b, m, k, n)
		near(t, fmt.Sprint("transposed times ", s), got, want, k)
		if !intact() {
			t.Fatalf("times %v: written beyond its ends", s)
		}
	}
}

func TestTimes(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", testTimes[float32])
		t.Run("float64", testTimes[float64])
	})
}

// A single row comes out of Column to the same bits as of Linear, whatever its
// staircase.
func testColumn[T Float](t *testing.T) {
	if !HasColumn() {
		t.Skip("no assembly here")
	}
	rng := rand.New(rand.NewPCG(11, 12))
	n := PanelRows[T]()
	for _, size := range [][2]int{{1, 1}, {3, 2}, {16, 5}, {17, 16}, {70, 33}, {128, 64}, {129, 70}, {300, 131}} {
		m, k := size[0], size[1]
		for s, reach := range staircases(rng, m, k) {
			w, b := Matrix[T]{Data: buffer[T](rng, m*k), Stride: k}, buffer[T](rng, m)
			x := Tile[T]{Data: buffer[T](rng, k*n), Stride: k * n}
			for i := range x.Data {
				if rng.IntN(2) == 0 { // as behind a rectifier
					x.Data[i] = 0
				}
			}
			clear(x.Data[min(k, 64)*n*(s%4)/4:][:k*n/4]) // runs of them
			y := Tile[T]{Data: make([]T, m*n), Stride: m * n}
			Linear(y, x, 1, w, m, k, reach, b, nil, nil)
			p := NewPacked[T](m, k, reach)
			p.Zeros = s%2 == 0
			p.Fill(w, b)
			one, intact := output[T](p.Width())
			parts, whole := output[T](p.Width())
			row := make([]T, k)
			for r := range n {
				for i := range k {
					row[i] = x.Data[i*n+r]
				}
				Column(one, row, p)
				for j := range m {
					if one[j] != y.Data[j*n+r] {
						t.Fatalf("m=%d k=%d staircase=%d row %d: unit %d is %v, %v in a panel", m, k, s, r, j, one[j], y.Data[j*n+r])
					}
				}
			}
			for i := range p.Parts() {
				ColumnPart(parts, x.Data, p, i)
			}
			Column(one, x.Data, p)
			if !slices.Equal(parts, one) {
				t.Fatalf("m=%d k=%d staircase=%d: %v in parts, %v", m, k, s, parts, one)
			}
			if !intact() || !whole() {
				t.Fatalf("m=%d k=%d: written beyond its ends", m, k)
			}
		}
	}
}

func TestColumn(t *testing.T) {
	instructionSets(t, func(t *testing.T) {
		t.Run("float32", testColumn[float32])
		t.Run("float64", testColumn[float64])
	})
}
