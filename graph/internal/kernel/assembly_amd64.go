//go:build amd64 && !noasm

package kernel

import (
	"math"
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate sh -c "cd _asm && go run . -out ../product_amd64.s -stubs ../product_amd64.go -pkg kernel"
//go:generate sh -c "cd _asm && go run . -half -out ../product_avx2_amd64.s -stubs ../product_avx2_amd64.go -pkg kernel"

// useAVX512 and useAVX2 choose the assembly; tests switch them off to compare.
var (
	useAVX512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT
	useAVX2   = cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT
)

// maxTile is the most features that a register tile has, pairTile that of one
// that is two panels wide.
const (
	maxTile  = 12
	pairTile = 6
)

// set is the assembly of one instruction set for one element type. What it lacks
// is nil. Functions behind indices take as many features, inputs or vectors.
type set[T Float] struct {
	tile   int // the most features of a tile
	nn, tn [maxTile + 1]productFunc[T]
	outer  [maxTile + 1]outerFunc[T]
	keeps  bool // whether outer and outerNarrow write no more than asked for
	side   int  // how many transposed inputs stand side by side
	strips stripsFunc[T]
	order  order // of linear
	orderT order // of its transpose

	// The same for two panels at once, and for half and twice as many columns.
	nnPair, tnPair [pairTile + 1]productFunc[T]
	outerNarrow    [maxTile + 1]outerFunc[T]
	outerWide      [pairTile + 1]outerFunc[T]

	vectors[T]
	sparseSet[T]
}

type (
	outerFunc[T Float]   func(np int, a *T, astep int, xt *T, c *T, ldc int, add int, keep *uint32, ahead *T)
	stripsFunc[T Float]  func(rows int, a *T, lda int, c *T, tiles, pitch int)
	productFunc[T Float] func(k int, a *T, lda int, b *T, bstep int, c *T, cstep int, bias *T, mode int, limits, of *T, ofstep int, ahead *T)
)

var (
	wide32 = set[float32]{
		tile:        maxTile,
		order:       order{maxTile, math.MaxInt32},
		orderT:      order{math.MaxInt32, 128},
		keeps:       true,
		side:        64,
		nn:          [maxTile + 1]productFunc[float32]{nil, nn32x1, nn32x2, nn32x3, nn32x4, nn32x5, nn32x6, nn32x7, nn32x8, nn32x9, nn32x10, nn32x11, nn32x12},
		tn:          [maxTile + 1]productFunc[float32]{nil, tn32x1, tn32x2, tn32x3, tn32x4, tn32x5, tn32x6, tn32x7, tn32x8, tn32x9, tn32x10, tn32x11, tn32x12},
		outer:       [maxTile + 1]outerFunc[float32]{nil, outer32x1, outer32x2, outer32x3, outer32x4, outer32x5, outer32x6, outer32x7, outer32x8, outer32x9, outer32x10, outer32x11, outer32x12},
		nnPair:      [pairTile + 1]productFunc[float32]{nil, nnp32x1, nnp32x2, nnp32x3, nnp32x4, nnp32x5, nnp32x6},
		tnPair:      [pairTile + 1]productFunc[float32]{nil, tnp32x1, tnp32x2, tnp32x3, tnp32x4, tnp32x5, tnp32x6},
		outerNarrow: [maxTile + 1]outerFunc[float32]{nil, outern32x1, outern32x2, outern32x3, outern32x4, outern32x5, outern32x6, outern32x7, outern32x8, outern32x9, outern32x10, outern32x11, outern32x12},
		outerWide:   [pairTile + 1]outerFunc[float32]{nil, outerw32x1, outerw32x2, outerw32x3, outerw32x4, outerw32x5, outerw32x6},
		vectors:     wideVectors32,
		sparseSet:   sparse32,
	}
	half32 = set[float32]{
		tile:    6,
		order:   order{126, 128},
		orderT:  order{stripBlock, stripUnits},
		nn:      [maxTile + 1]productFunc[float32]{nil, nn32y1, nn32y2, nn32y3, nn32y4, nn32y5, nn32y6},
		tn:      [maxTile + 1]productFunc[float32]{nil, tn32y1, tn32y2, tn32y3, tn32y4, tn32y5, tn32y6},
		outer:   [maxTile + 1]outerFunc[float32]{nil, outer32y1, outer32y2, outer32y3, outer32y4, outer32y5, outer32y6},
		side:    16,
		strips:  strips32y,
		vectors: halfVectors32,

		sparseSet: sparse32y,
	}
	wide64 = set[float64]{
		tile:        maxTile,
		order:       order{maxTile, math.MaxInt32},
		orderT:      order{math.MaxInt32, 128},
		keeps:       true,
		side:        32,
		nn:          [maxTile + 1]productFunc[float64]{nil, nn64x1, nn64x2, nn64x3, nn64x4, nn64x5, nn64x6, nn64x7, nn64x8, nn64x9, nn64x10, nn64x11, nn64x12},
		tn:          [maxTile + 1]productFunc[float64]{nil, tn64x1, tn64x2, tn64x3, tn64x4, tn64x5, tn64x6, tn64x7, tn64x8, tn64x9, tn64x10, tn64x11, tn64x12},
		outer:       [maxTile + 1]outerFunc[float64]{nil, outer64x1, outer64x2, outer64x3, outer64x4, outer64x5, outer64x6, outer64x7, outer64x8, outer64x9, outer64x10, outer64x11, outer64x12},
		nnPair:      [pairTile + 1]productFunc[float64]{nil, nnp64x1, nnp64x2, nnp64x3, nnp64x4, nnp64x5, nnp64x6},
		tnPair:      [pairTile + 1]productFunc[float64]{nil, tnp64x1, tnp64x2, tnp64x3, tnp64x4, tnp64x5, tnp64x6},
		outerNarrow: [maxTile + 1]outerFunc[float64]{nil, outern64x1, outern64x2, outern64x3, outern64x4, outern64x5, outern64x6, outern64x7, outern64x8, outern64x9, outern64x10, outern64x11, outern64x12},
		outerWide:   [pairTile + 1]outerFunc[float64]{nil, outerw64x1, outerw64x2, outerw64x3, outerw64x4, outerw64x5, outerw64x6},
		vectors:     wideVectors64,
		sparseSet:   sparse64,
	}
	half64 = set[float64]{
		tile:    6,
		order:   order{126, 128},
		orderT:  order{stripBlock, stripUnits},
		nn:      [maxTile + 1]productFunc[float64]{nil, nn64y1, nn64y2, nn64y3, nn64y4, nn64y5, nn64y6},
		tn:      [maxTile + 1]productFunc[float64]{nil, tn64y1, tn64y2, tn64y3, tn64y4, tn64y5, tn64y6},
		outer:   [maxTile + 1]outerFunc[float64]{nil, outer64y1, outer64y2, outer64y3, outer64y4, outer64y5, outer64y6},
		side:    8,
		strips:  strips64y,
		vectors: halfVectors64,

		sparseSet: sparse64y,
	}

	none set[float64] // no functions: the same for either type
)

// assembly is that of the machine for an element type; an empty set if there is
// none.
func assembly[T Float]() *set[T] {
	var s unsafe.Pointer
	switch {
	case useAVX512 && single[T]():
		s = unsafe.Pointer(&wide32)
	case useAVX512:
		s = unsafe.Pointer(&wide64)
	case useAVX2 && single[T]():
		s = unsafe.Pointer(&half32)
	case useAVX2:
		s = unsafe.Pointer(&half64)
	default:
		s = unsafe.Pointer(&none)
	}
	return (*set[T])(s)
}
