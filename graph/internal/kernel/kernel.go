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

// Tile is a run of panels that hold the same features of consecutive rows.
type Tile[T Float] struct {
	Data   []T
	Stride int // distance from one panel to the next, in elements
}

// Panel returns panel p of a tile with the given number of features.
func (t Tile[T]) Panel(p, features int) []T {
	return t.Data[p*t.Stride : p*t.Stride+features*PanelRows[T]()]
}

// Matrix is a row-major matrix, row j at Data[j*Stride].
type Matrix[T Float] struct {
	Data   []T
	Stride int
}

// Linear computes y = x Wᵀ + b for every row of the tile:
//
//	y[j] = b[j] + Σ_{i<reach[j]} W[j][i] x[i],  j < m
//
// W is m×k. A nil reach means k throughout; otherwise it must not decrease and
// entries of W at or beyond reach[j] are never read. A nil b is zero. The sum
// runs over i in order, whatever the number of panels, so that a row's result
// does not depend on the rows beside it. With limits, y is clamped to them.
func Linear[T Float](y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T) {
	if !fastLinear(y, x, panels, w, m, k, reach, b, limits) {
		refLinear(y, x, panels, w, m, k, reach, b)
		if limits != nil {
			for p := range panels {
				refUnary(Clamp, y.Panel(p, m), y.Panel(p, m), limits[0], limits[1])
			}
		}
	}
}

// LinearT computes y = g W for every row of the tile, the gradient of [Linear]
// in its input:
//
//	y[i] = Σ_{j: reach[j]>i} W[j][i] g[j],  i < k
//
// With limits, y[i] is zero where of[i] does not lie strictly between them: the
// gradient through a clamp whose result was of. It is faster with a scratch of
// [LinearTScratch] elements.
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
func LinearTScratch[T Float](m, k, panels int) int { return fastLinearTScratch[T](m, k, panels) }

// Outer adds gᵀ x, summed over all rows of the tile, to the m×k matrix dw, the
// gradient of [Linear] in its weights:
//
//	dw[j][i] += Σ_rows g[j] x[i],  i < reach[j]
//
// Without add, what dw held is replaced. Entries at or beyond reach[j] stay as they
// are or become zero. Scratch holds at least [OuterScratch] elements.
func Outer[T Float](dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T, add bool) {
	for part := range OuterParts(k) {
		OuterPart(dw, g, x, panels, m, k, reach, scratch, add, part)
	}
}

// partInputs is how many inputs a part of [Outer] has.
const partInputs = 64

// OuterParts returns the number of parts of [Outer] for k inputs.
func OuterParts(k int) int { return (k + partInputs - 1) / partInputs }

// OuterPart is [Outer] for some of the inputs.
func OuterPart[T Float](dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T, add bool, part int) {
	from, to := part*partInputs, min((part+1)*partInputs, k)
	if !fastOuter(dw, g, x, panels, m, k, reach, scratch, add, from, to) {
		refOuter(dw, g, x, panels, m, k, reach, add, from, to)
	}
}

// edgeLines is the most features of a tile, or of a block of inputs that is transposed
// at once.
const edgeLines = 16

// OuterScratch returns how much scratch [Outer] needs.
func OuterScratch[T Float](panels int) int {
	n := PanelRows[T]()
	return (2*panels*n + edgeLines) * n // a transposed block of inputs, and what is at an edge
}

// SumRows adds the sum over all rows of the tile of each of n features to acc.
func SumRows[T Float](acc []T, x Tile[T], panels, n int) {
	if !fastSumRows(acc, x, panels, n) {
		refSumRows(acc, x, panels, n)
	}
}
