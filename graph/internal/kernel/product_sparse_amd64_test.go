//go:build amd64 && !noasm

package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// zeroed makes a share of numbers zero, some of them with a sign.
func zeroed[T Float](rng *rand.Rand, x []T, share float64) {
	for i := range x {
		if rng.Float64() < share {
			x[i] = T(math.Copysign(0, float64(rng.IntN(2)-1)))
		}
	}
}

// sameNumbers takes zeros of either sign for the same.
func sameNumbers[T Float](t *testing.T, what string, got, want []T) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s[%d]: got %v, want %v", what, i, got[i], want[i])
		}
	}
}

// byRows is the same tile row by row, from a cache line on, or the tile itself.
func byRows[T Float](x Tile[T], panels, features int, rows bool) Tile[T] {
	if !rows {
		return x
	}
	n := PanelRows[T]()
	data := make([]T, panels*features*n+n)
	for uintptr(unsafe.Pointer(&data[0]))&63 != 0 {
		data = data[1:]
	}
	y := Tile[T]{Data: data[:panels*features*n], Stride: features * n, ByRows: true}
	for r := range panels * n {
		for f := range features {
			y.Data[r*features+f] = x.Data[r/n*x.Stride+f*n+r%n]
		}
	}
	return y
}

// numbers are those of the features of a tile, row by row.
func numbers[T Float](x Tile[T], panels, features int) []T {
	if x.ByRows {
		return x.Data
	}
	return byRows(x, panels, features, true).Data
}

// sparseCase is a product in all three forms with operands that have zeros.
type sparseCase[T Float] struct {
	m, k, panels int
	w            Matrix[T]
	bias         []T
	x, g         Tile[T]
	guards       []func() bool
}

func newSparseCase[T Float](rng *rand.Rand, m, k, panels int, share float64) *sparseCase[T] {
	n, ldw := PanelRows[T](), k+rng.IntN(3)
	w := buffer[T](rng, (m-1)*ldw+k+n/2)
	if rng.IntN(2) == 0 { // as those of models are
		w = w[toLine(w):]
	}
	c := &sparseCase[T]{m: m, k: k, panels: panels, w: Matrix[T]{Data: w[:(m-1)*ldw+k], Stride: ldw}, bias: buffer[T](rng, m)}
	c.x = Tile[T]{Data: buffer[T](rng, panels*(k+2)*n), Stride: (k + 2) * n}
	c.g = Tile[T]{Data: buffer[T](rng, panels*(m+1)*n), Stride: (m + 1) * n}
	zeroed(rng, c.x.Data, share)
	zeroed(rng, c.g.Data, share)
	return c
}

func (c *sparseCase[T]) out(n int) []T {
	v, intact := output[T](n)
	c.guards = append(c.guards, intact)
	return v
}

// result is a tile to write to.
func (c *sparseCase[T]) result(features int, rows bool) Tile[T] {
	n := PanelRows[T]()
	if rows {
		return byRows(Tile[T]{Data: make([]T, c.panels*features*n), Stride: features * n}, c.panels, features, true)
	}
	return Tile[T]{Data: c.out(c.panels * (features + 1) * n), Stride: (features + 1) * n}
}

// checkSparse compares a product in one layout of its tiles with the dense one.
func checkSparse[T Float](t *testing.T, rng *rand.Rand, c *sparseCase[T], what string, xRows, yRows bool) {
	defer func(terms int) { sparseTerms = terms }(sparseTerms)
	sparseTerms = blockTerms(rng.IntN(2)*48<<10, true)
	ks := assembly[T]()
	m, k, panels, n := c.m, c.k, c.panels, PanelRows[T]()
	what = fmt.Sprintf("%s m=%d k=%d panels=%d rows=%v,%v", what, m, k, panels, xRows, yRows)
	for _, b := range [][]T{nil, c.bias} {
		for _, limits := range []*[2]T{nil, {0, 2}} {
			want := c.result(m, false)
			tiledLinear(ks, want, c.x, panels, c.w, m, k, nil, b, limits)
			for _, turned := range [][]T{nil, c.out(TurnedSize[T](m, k))} {
				got, w := c.result(m, yRows), c.w
				if turned != nil {
					Turn(turned, w, m, k)
					w.Turned = turned
				}
				Linear(got, byRows(c.x, panels, k, xRows), panels, w, m, k, nil, b, limits, c.out(LinearScratch[T](m, k, panels, nil)))
				sameNumbers(t, "linear "+what, numbers(got, panels, m), numbers(want, panels, m))
			}
		}
	}
	for _, limits := range []*[2]T{nil, {-0.5, 1}} {
		for _, toRows := range []bool{false, xRows} { // of what stands by rows, the gradient may stand in panels
			got, want := c.result(k, toRows), c.result(k, false)
			LinearT(got, byRows(c.g, panels, m, yRows), panels, c.w, m, k, nil, byRows(c.x, panels, k, xRows), limits, c.out(LinearTScratch[T](m, k, panels, nil)))
			tiledLinearT(ks, want, c.g, panels, c.w, m, k, nil, c.x, limits, nil)
			sameNumbers(t, "linearT "+what, numbers(got, panels, k), numbers(want, panels, k))
		}
	}
	for _, add := range []bool{false, true} {
		got := Matrix[T]{Data: c.out((m-1)*c.w.Stride + k), Stride: c.w.Stride}
		for i := range got.Data {
			got.Data[i] = T(rng.NormFloat64())
		}
		want := Matrix[T]{Data: append([]T(nil), got.Data...), Stride: c.w.Stride}
		forked := Matrix[T]{Data: append([]T(nil), got.Data...), Stride: c.w.Stride}
		size := OuterScratch[T](m, k, panels, nil)
		outerForked(t, forked, byRows(c.g, panels, m, yRows), byRows(c.x, panels, k, xRows), panels, m, k, nil, c.out(size), c.out(size), add)
		Outer(got, byRows(c.g, panels, m, yRows), byRows(c.x, panels, k, xRows), panels, m, k, nil, c.out(size), add)
		sameNumbers(t, "forked outer "+what, forked.Data, got.Data)
		scratch := c.out((2*panels*n + edgeLines) * n)
		for part := range OuterParts(k, nil) {
			tiledOuter(ks, want, c.g, c.x, panels, m, k, nil, scratch, add, part*partInputs(nil), min((part+1)*partInputs(nil), k))
		}
		if k <= 8 { // dense sums of few inputs have an order of their own
			near(t, "outer "+what, got.Data, want.Data, panels*n)
		} else {
			sameNumbers(t, "outer "+what, got.Data, want.Data)
		}
	}
	sums := buffer[T](rng, k)
	want := append([]T(nil), sums...)
	SumRows(sums, byRows(c.x, panels, k, xRows), panels, k)
	refSumRows(want, c.x, panels, k)
	near(t, "sum of rows "+what, sums, want, panels*n)
	for _, intact := range c.guards {
		require.True(t, intact(), what)
	}
	c.guards = nil
}

// Sparse products, and products of tiles that stand by rows, give the numbers of dense
// ones, and write nothing else.
func testSparse[T Float](t *testing.T) {
	if !HasRows[T]() {
		t.Skip("no sparse products on this machine")
	}
	step := 1
	rng := rand.New(rand.NewPCG(5, 6))
	leftOut := func(n int) bool { return testing.Short() && rng.IntN(n) > 0 } // left out by short tests but for one in n
	if testing.Short() {
		step = 5
	}
	sizes := [][2]int{{512, 96}, {96, 300}, {256, 256}}
	for i := 0; i <= 17; i += step {
		sizes = append(sizes, [2]int{96 + i, 130 - i}, [2]int{192 + i, 230 - i}, [2]int{256 + i, 192 + i})
	}
	for _, size := range sizes {
		for _, panels := range []int{1, 128 / PanelRows[T]()} {
			for _, share := range []float64{0, 0.4, 1} {
				if leftOut(4) {
					continue
				}
				c := newSparseCase[T](rng, size[0], size[1], panels, share)
				checkSparse(t, rng, c, fmt.Sprint("zeros=", share), false, false)
			}
		}
	}
	for _, m := range []int{1, 2, 3, 15, 16, 17, 42, 48, 69, 96, 112, 512} {
		for _, k := range []int{1, 7, 8, 9, 16, 22, 48, 64, 69, 128, 256} {
			for _, panels := range []int{1, 128 / PanelRows[T]()} {
				for _, share := range []float64{0, 0.5} {
					for layout := range 4 {
						xRows, yRows := layout&1 != 0, layout&2 != 0
						if xRows && k%RowWidth != 0 || yRows && m%RowWidth != 0 || leftOut(8) {
							continue
						}
						c := newSparseCase[T](rng, m, k, panels, share)
						checkSparse(t, rng, c, fmt.Sprint("zeros=", share), xRows, yRows)
					}
				}
			}
		}
	}
}

func TestSparse32(t *testing.T) { instructionSets(t, testSparse[float32]) }
func TestSparse64(t *testing.T) { instructionSets(t, testSparse[float64]) }

// One product of each layout, which a processor that is emulated gets done.
func TestSparseLayouts(t *testing.T) {
	if !HasRows[float32]() {
		t.Skip("no sparse products on this machine")
	}
	rng := rand.New(rand.NewPCG(11, 12))
	for layout := range 4 {
		c := newSparseCase[float32](rng, 112, 96, 1, 0.5)
		checkSparse(t, rng, c, "", layout&1 != 0, layout&2 != 0)
	}
}

// Few zeros are left to dense products, and so is what has no scratch.
func TestSparseIsForZeros(t *testing.T) {
	if !HasRows[float32]() {
		t.Skip("no sparse products on this machine")
	}
	rng := rand.New(rand.NewPCG(7, 8))
	c := newSparseCase[float32](rng, SparseLeast, SparseLeast, 1, 0)
	y, scratch := c.result(c.m, false), make([]float32, LinearScratch[float32](c.m, c.k, 1, nil))
	linear := func(scratch []float32) bool {
		return sparseLinear(y, c.x, 1, c.w, c.m, c.k, nil, nil, scratch)
	}
	require.False(t, linear(scratch))
	zeroed(rng, c.x.Data, 0.2)
	require.False(t, linear(scratch))
	zeroed(rng, c.x.Data, 0.5)
	require.True(t, linear(scratch))
	require.False(t, linear(scratch[1:]))
}

// What is not a number is a number other than zero, and stays with its row.
func TestSparseKeepsNaN(t *testing.T) {
	if !HasRows[float32]() {
		t.Skip("no sparse products on this machine")
	}
	c := newSparseCase[float32](rand.New(rand.NewPCG(9, 10)), 200, 200, 1, 0.5)
	n := PanelRows[float32]()
	for row, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		c.x.Data[(row*30)*n+row*7] = float32(v)
	}
	got, want := c.result(c.m, false), c.result(c.m, false)
	require.True(t, sparseLinear(got, c.x, 1, c.w, c.m, c.k, nil, nil, make([]float32, LinearScratch[float32](c.m, c.k, 1, nil))))
	refLinear(want, c.x, 1, c.w, c.m, c.k, nil, nil)
	for i, v := range numbers(want, 1, c.m) {
		u := float64(numbers(got, 1, c.m)[i])
		require.Equal(t, math.IsNaN(float64(v)), math.IsNaN(u), i)
		require.Equal(t, math.IsInf(float64(v), 0), math.IsInf(u, 0), i)
	}
}

// BenchmarkZeros times products of which half of one operand is zero: by dense kernels,
// and as they are, of panels and of tiles that stand by rows. GFLOP/s count all weights.
func BenchmarkZeros(b *testing.B) {
	for _, m := range []int{128, 256, 512} {
		panels, n := 4, PanelRows[float32]()
		c := newSparseCase[float32](rand.New(rand.NewPCG(1, 2)), m, m, panels, 0.5)
		w := Matrix[float32]{Data: slices.Clone(c.w.Data), Stride: c.w.Stride} // on a cache line, as programs have it
		limits, dw := &[2]float32{0, 1e6}, Matrix[float32]{Data: make([]float32, m*m), Stride: m}
		scratch := make([]float32, max(LinearTScratch[float32](m, m, panels, nil), OuterScratch[float32](m, m, panels, nil)))
		for _, layout := range []string{"dense", "panels", "rows"} {
			rows := layout == "rows"
			if rows && !HasRows[float32]() {
				continue
			}
			tile := func(t Tile[float32]) Tile[float32] { // half zeros in either layout
				return Tile[float32]{Data: byRows(t, panels, m, true).Data, Stride: m * n, ByRows: rows}
			}
			x, g := tile(c.x), tile(c.g)
			y := Tile[float32]{Data: make([]float32, panels*m*n), Stride: m * n, ByRows: rows}
			run := func(name string, f func()) {
				b.Run(fmt.Sprintf("%s/%s/m=%d", name, layout, m), func(b *testing.B) {
					for b.Loop() {
						f()
					}
					b.ReportMetric(2*float64(m*m*panels*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
			ks := assembly[float32]()
			if layout == "dense" {
				run("linear", func() { tiledLinear(ks, y, x, panels, w, m, m, nil, nil, limits) })
				run("linearT", func() { tiledLinearT(ks, y, g, panels, w, m, m, nil, x, limits, nil) })
				run("outer", func() {
					for part := range OuterParts(m, nil) {
						tiledOuter(ks, dw, g, x, panels, m, m, nil, scratch, true, part*partInputs(nil), min((part+1)*partInputs(nil), m))
					}
				})
				continue
			}
			run("linear", func() { Linear(y, x, panels, w, m, m, nil, nil, limits, scratch) })
			run("linearT", func() { LinearT(y, g, panels, w, m, m, nil, x, limits, scratch) })
			run("outer", func() { Outer(dw, g, x, panels, m, m, nil, scratch, true) })
		}
	}
}
