// Package kernel holds the numeric inner loops of compiled programs.
//
// Values with rows are kept as tiles: panels of [PanelRows] rows, feature-major.
// In a panel the rows of one feature are contiguous, so that element (row r,
// feature f) of panel p stands at Data[p*Stride + f*PanelRows + r]. A panel is
// thereby the packed right operand of the product weights · panel, and every
// elementwise operation runs at full vector width however few features there are.
//
// Values without rows (parameters and what is made of them) are row-major
// matrices.
//
// Each function here is plain Go and is the reference; where an assembly twin
// exists it is chosen at run time and tested against the function in ref.go.
package kernel

import "unsafe"

// Float is the set of element types.
type Float interface{ float32 | float64 }

// PanelRows returns the number of rows in a panel: 32 for float32, 16 for
// float64, which is two AVX-512 vectors either way.
func PanelRows[T Float]() int {
	var z T
	return 128 / int(unsafe.Sizeof(z))
}

// single reports whether T is float32.
func single[T Float]() bool {
	var z T
	return unsafe.Sizeof(z) == 4
}

// Tile is a run of panels that hold the same features of consecutive rows. If [HasRows]
// says so, it may also hold its rows one behind the other, each of Stride/PanelRows
// elements, a multiple of [RowWidth]; Data then begins on a cache line. Products take and
// give such tiles, elementwise operations do not see a difference.
type Tile[T Float] struct {
	Data   []T
	Stride int // distance from one panel to the next, in elements
	ByRows bool
	// Whole is what Data is the end of, where a product is computed in parts: all of them
	// look there whether there are many zeros.
	Whole []T
}

// HasRows reports whether products take tiles that stand by rows.
func HasRows[T Float]() bool { return hasRows[T]() }

// SparseLeast is the fewest inputs and outputs of a product of panels to panels that leaves
// out zeros.
const SparseLeast = 192

// RowWidth is what the number of features of a tile that stands by rows is a multiple of.
const RowWidth = 16

// Panel returns panel p of a tile with the given number of features.
func (t Tile[T]) Panel(p, features int) []T {
	return t.Data[p*t.Stride : p*t.Stride+features*PanelRows[T]()]
}

// Matrix is a row-major matrix, row j at Data[j*Stride]. As weights of [Linear] it may
// come with what [Turn] made of it.
type Matrix[T Float] struct {
	Data   []T
	Stride int
	Turned []T
}

// TurnedSize is how many elements [Turn] writes for an m×k matrix.
func TurnedSize[T Float](m, k int) int { return fastTurnedSize[T](m, k) }

// Turn lays out an m×k matrix the way products over rows read it.
func Turn[T Float](dst []T, w Matrix[T], m, k int) { fastTurn(dst, w, m, k) }

// Linear computes y = x Wᵀ + b for every row of the tile:
//
//	y[j] = b[j] + Σ_{i<reach[j]} W[j][i] x[i],  j < m
//
// W is m×k. A nil reach means k throughout; otherwise it must not decrease and
// entries of W at or beyond reach[j] are never read. A nil b is zero. The sum
// runs over i in order, whatever the number of panels, so that a row's result
// does not depend on the rows beside it. With limits, y is clamped to them. Where many
// x are zero it is faster with a scratch of [LinearScratch] elements, which tiles that
// stand by rows need: zeros are then passed over, which with finite weights makes no
// difference but to the sign of a zero.
func Linear[T Float](y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T, scratch []T) {
	if !fastLinear(y, x, panels, w, m, k, reach, b, limits, scratch) {
		refLinear(y, x, panels, w, m, k, reach, b)
		if limits != nil {
			for p := range panels {
				refUnary(Clamp, y.Panel(p, m), y.Panel(p, m), limits[0], limits[1])
			}
		}
	}
}

// LinearScratch returns how much scratch [Linear] can use; under a staircase, none.
func LinearScratch[T Float](m, k, panels int, reach []int32) int {
	if reach != nil {
		return 0
	}
	return fastLinearScratch[T](m, k, panels)
}

// LinearT computes y = g W for every row of the tile, the gradient of [Linear]
// in its input:
//
//	y[i] = Σ_{j: reach[j]>i} W[j][i] g[j],  i < k
//
// With limits, y[i] is zero where of[i] does not lie strictly between them: the
// gradient through a clamp whose result was of. If y stands by rows, so does of. It is
// faster with a scratch of [LinearTScratch] elements; tiles that stand by rows need it, as
// they do that of [Linear] and [Outer].
func LinearT[T Float](y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T, scratch []T) {
	if fastLinearT(y, g, panels, w, m, k, reach, of, limits, scratch) {
		return
	}
	refLinearT(y, g, panels, w, m, k, reach)
	if limits == nil {
		return
	}
	for p := range panels {
		out := y.Panel(p, k)
		for i, v := range of.Panel(p, k) {
			if !(v > limits[0] && v < limits[1]) {
				out[i] = 0
			}
		}
	}
}

// LinearTScratch returns how much scratch [LinearT] can use.
func LinearTScratch[T Float](m, k, panels int, reach []int32) int {
	return max(LinearScratch[T](m, k, panels, reach), fastLinearTScratch[T](m, k, panels))
}

// Outer adds gᵀ x, summed over all rows of the tile, to the m×k matrix dw, the
// gradient of [Linear] in its weights:
//
//	dw[j][i] += Σ_rows g[j] x[i],  i < reach[j]
//
// Without add, what dw held is replaced. Entries at or beyond reach[j] stay as they
// are or become zero. Scratch holds at least [OuterScratch] elements.
func Outer[T Float](dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T, add bool) {
	o := NewOuterSum(g, x, panels, m, k, reach, scratch)
	for part := range OuterParts(k, reach) {
		o.Add(dw, add, part)
	}
}

// OuterSum is [Outer] in parts, each for some of the inputs. The tiles and the scratch must
// not change before the last.
type OuterSum[T Float] struct {
	g, x         Tile[T]
	panels, m, k int
	reach        []int32
	scratch      []T
	fast         fastOuterSum[T]
}

// partInputs is how many inputs a part of [OuterSum] has: as many as sums that leave out
// zeros take at once, or, under a staircase, fewer, so that cores wait less for each other.
func partInputs(reach []int32) int {
	if reach != nil {
		return 64
	}
	return 128
}

// OuterParts returns the number of parts for k inputs.
func OuterParts(k int, reach []int32) int { return (k + partInputs(reach) - 1) / partInputs(reach) }

// NewOuterSum begins a sum; arguments are as of [Outer].
func NewOuterSum[T Float](g, x Tile[T], panels, m, k int, reach []int32, scratch []T) OuterSum[T] {
	o := OuterSum[T]{g: g, x: x, panels: panels, m: m, k: k, reach: reach, scratch: scratch}
	o.begin()
	return o
}

// Add adds a part to dw.
func (o *OuterSum[T]) Add(dw Matrix[T], add bool, part int) {
	n := partInputs(o.reach)
	from, to := part*n, min((part+1)*n, o.k)
	if !o.fastAdd(dw, add, from, to) {
		refOuter(dw, o.g, o.x, o.panels, o.m, o.k, o.reach, add, from, to)
	}
}

// Fork is the same sum for parts that are added at the same time, with a scratch of its own,
// of [OuterScratch] elements.
func (o *OuterSum[T]) Fork(scratch []T) OuterSum[T] {
	f := *o
	f.scratch = scratch
	f.fork()
	return f
}

// edgeLines is the most features of a tile, or of a block of inputs that is transposed
// at once.
const edgeLines = 16

// OuterScratch returns how much scratch [Outer] needs.
func OuterScratch[T Float](m, k, panels int, reach []int32) int {
	n := PanelRows[T]()
	dense := (2*panels*n + edgeLines) * n // a transposed block of inputs, and what is at an edge
	if reach != nil {
		return dense
	}
	return max(dense, fastOuterScratch[T](m, k, panels, dense))
}

// SumRows adds the sum over all rows of the tile of each of n features to acc.
func SumRows[T Float](acc []T, x Tile[T], panels, n int) {
	if !fastSumRows(acc, x, panels, n) {
		refSumRows(acc, x, panels, n)
	}
}
