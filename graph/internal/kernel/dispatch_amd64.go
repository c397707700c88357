//go:build amd64 && !noasm

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate sh -c "cd _asm && go run . -kernels avx2 -out ../avx2_amd64.s -stubs ../avx2_amd64.go -pkg kernel"
//go:generate sh -c "cd _asm && go run . -out ../product_amd64.s -stubs ../product_amd64.go -pkg kernel"

// useAVX512 and useAVX2 choose the assembly; tests switch them off to compare.
// With AVX2 alone there are the matrix products.
var (
	useAVX512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL
	useAVX2   = cpu.X86.HasAVX2 && cpu.X86.HasFMA
)

// maxTile is the most features that a register tile has.
const maxTile = 12

// products are the kernels of one instruction set: tiles of up to tile features.
type products[T Float] struct {
	tile   int
	fused  bool // limits are applied by the kernels themselves
	nn, tn [maxTile + 1]productFunc[T]
	outer  [maxTile + 1]outerFunc[T]
	dots   [9]dotsFunc[T]
}

type productFunc[T Float] func(k int, a *T, lda int, b *T, c *T, bias *T, mode int, limits, of *T)

type dotsFunc[T Float] func(np int, a *T, astep int, x *T, xstep int, c *T)

type outerFunc[T Float] func(np int, a *T, astep int, xt *T, c *T, ldc int, add int)

var (
	wide32 = products[float32]{tile: maxTile, fused: true,
		nn:    [maxTile + 1]productFunc[float32]{nil, nn32x1, nn32x2, nn32x3, nn32x4, nn32x5, nn32x6, nn32x7, nn32x8, nn32x9, nn32x10, nn32x11, nn32x12},
		tn:    [maxTile + 1]productFunc[float32]{nil, tn32x1, tn32x2, tn32x3, tn32x4, tn32x5, tn32x6, tn32x7, tn32x8, tn32x9, tn32x10, tn32x11, tn32x12},
		outer: [maxTile + 1]outerFunc[float32]{nil, outer32x1, outer32x2, outer32x3, outer32x4, outer32x5, outer32x6, outer32x7, outer32x8, outer32x9, outer32x10, outer32x11, outer32x12},
		dots:  [9]dotsFunc[float32]{nil, dots32x1, dots32x2, dots32x3, dots32x4, dots32x5, dots32x6, dots32x7, dots32x8}}
	half32 = products[float32]{tile: 6,
		nn:    [maxTile + 1]productFunc[float32]{nil, nn32y1, nn32y2, nn32y3, nn32y4, nn32y5, nn32y6},
		tn:    [maxTile + 1]productFunc[float32]{nil, tn32y1, tn32y2, tn32y3, tn32y4, tn32y5, tn32y6},
		outer: [maxTile + 1]outerFunc[float32]{nil, outer32y1, outer32y2, outer32y3, outer32y4, outer32y5, outer32y6}}
	wide64 = products[float64]{tile: maxTile, fused: true,
		nn:    [maxTile + 1]productFunc[float64]{nil, nn64x1, nn64x2, nn64x3, nn64x4, nn64x5, nn64x6, nn64x7, nn64x8, nn64x9, nn64x10, nn64x11, nn64x12},
		tn:    [maxTile + 1]productFunc[float64]{nil, tn64x1, tn64x2, tn64x3, tn64x4, tn64x5, tn64x6, tn64x7, tn64x8, tn64x9, tn64x10, tn64x11, tn64x12},
		outer: [maxTile + 1]outerFunc[float64]{nil, outer64x1, outer64x2, outer64x3, outer64x4, outer64x5, outer64x6, outer64x7, outer64x8, outer64x9, outer64x10, outer64x11, outer64x12},
		dots:  [9]dotsFunc[float64]{nil, dots64x1, dots64x2, dots64x3, dots64x4, dots64x5, dots64x6, dots64x7, dots64x8}}
	half64 = products[float64]{tile: 6,
		nn:    [maxTile + 1]productFunc[float64]{nil, nn64y1, nn64y2, nn64y3, nn64y4, nn64y5, nn64y6},
		tn:    [maxTile + 1]productFunc[float64]{nil, tn64y1, tn64y2, tn64y3, tn64y4, tn64y5, tn64y6},
		outer: [maxTile + 1]outerFunc[float64]{nil, outer64y1, outer64y2, outer64y3, outer64y4, outer64y5, outer64y6}}
)

// kernels32 and kernels64 are those of the machine, nil if there are none.
func kernels32() *products[float32] {
	switch {
	case useAVX512:
		return &wide32
	case useAVX2:
		return &half32
	}
	return nil
}

func kernels64() *products[float64] {
	switch {
	case useAVX512:
		return &wide64
	case useAVX2:
		return &half64
	}
	return nil
}

func as[T, U any](s []T) []U { return *(*[]U)(unsafe.Pointer(&s)) }

func tileAs[T, U Float](t Tile[T]) Tile[U] { return Tile[U]{as[T, U](t.Data), t.Stride} }

func matrixAs[T, U Float](m Matrix[T]) Matrix[U] { return Matrix[U]{as[T, U](m.Data), m.Stride} }

func fastLinear[T Float](y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T) bool {
	if !useAVX512 && !useAVX2 {
		return false
	}
	if single[T]() {
		tiledLinear(kernels32(), tileAs[T, float32](y), tileAs[T, float32](x), panels, matrixAs[T, float32](w), m, k, reach, as[T, float32](b), (*[2]float32)(unsafe.Pointer(limits)))
	} else {
		tiledLinear(kernels64(), tileAs[T, float64](y), tileAs[T, float64](x), panels, matrixAs[T, float64](w), m, k, reach, as[T, float64](b), (*[2]float64)(unsafe.Pointer(limits)))
	}
	return true
}

func fastLinearT[T Float](y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T) bool {
	if !useAVX512 && !useAVX2 {
		return false
	}
	if single[T]() {
		tiledLinearT(kernels32(), tileAs[T, float32](y), tileAs[T, float32](g), panels, matrixAs[T, float32](w), m, k, reach, tileAs[T, float32](of), (*[2]float32)(unsafe.Pointer(limits)))
	} else {
		tiledLinearT(kernels64(), tileAs[T, float64](y), tileAs[T, float64](g), panels, matrixAs[T, float64](w), m, k, reach, tileAs[T, float64](of), (*[2]float64)(unsafe.Pointer(limits)))
	}
	return true
}

func fastOuter[T Float](dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T, add bool) bool {
	if !useAVX512 && !useAVX2 {
		return false
	}
	if single[T]() {
		tiledOuter(kernels32(), matrixAs[T, float32](dw), tileAs[T, float32](g), tileAs[T, float32](x), panels, m, k, reach, as[T, float32](scratch), add)
	} else {
		tiledOuter(kernels64(), matrixAs[T, float64](dw), tileAs[T, float64](g), tileAs[T, float64](x), panels, m, k, reach, as[T, float64](scratch), add)
	}
	return true
}

// at returns a pointer to element i, or to anything if s is empty: a kernel of
// zero terms reads nothing.
func at[T Float](s []T, i int) *T {
	if i >= len(s) {
		return unsafe.SliceData(s)
	}
	return &s[i]
}

// first is a pointer to the first of the limits, or nil.
func first[T Float](limits *[2]T) *T {
	if limits == nil {
		return nil
	}
	return &limits[0]
}

// tiledLinear computes up to twelve features at a time. Under a staircase, the
// inputs that all of them see come first, then what fewer and fewer of them see:
// in order of the inputs, as without tiles.
func tiledLinear[T Float](ks *products[T], y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T) {
	n := PanelRows[T]()
	start, bias := 0, (*T)(nil)
	for j := 0; j < m; j += ks.tile {
		mr := min(ks.tile, m-j)
		common := limit(reach, j, k)
		bounds := first(limits)
		if limits != nil && (!ks.fused || limit(reach, j+mr-1, k) > common) {
			bounds = nil // applied when the whole block is there
		}
		if b != nil {
			start, bias = 1, &b[j]
		}
		for p := range panels {
			out := y.Data[p*y.Stride+j*n:][:mr*n]
			xp := x.Data[p*x.Stride:]
			ks.nn[mr](common, at(w.Data, j*w.Stride), w.Stride, at(xp, 0), &out[0], bias, start, bounds, nil)
			// What only the later units of the block see, as far as the next step of
			// the staircase at a time.
			for i, done := 1, common; i < mr; i++ {
				end := limit(reach, j+i, k)
				if end > done {
					ks.nn[mr-i](end-done, &w.Data[(j+i)*w.Stride+done], w.Stride, &xp[done*n], &out[i*n], nil, 2, nil, nil)
					done = end
				}
			}
			if limits != nil && bounds == nil {
				Apply(Clamp, out, out, limits[0], limits[1])
			}
		}
	}
}

// tiledLinearT computes the gradient of up to twelve inputs at a time. Under a
// staircase, input i is seen by the units from first[i] on: each input's own
// first units come first, then those that see all.
func tiledLinearT[T Float](ks *products[T], y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T) {
	n := PanelRows[T]()
	from := 0 // first unit that sees the last input of the block
	for i := 0; i < k; i += ks.tile {
		mr := min(ks.tile, k-i)
		begin := from
		if reach != nil {
			for begin < m && int(reach[begin]) <= i {
				begin++
			}
			from = begin
			for from < m && int(reach[from]) < i+mr {
				from++
			}
		}
		for p := range panels {
			out := y.Data[p*y.Stride+i*n:][:mr*n]
			gp := g.Data[p*g.Stride:]
			mode, bounds := 0, first(limits)
			if !ks.fused {
				bounds = nil
			}
			var within *T
			if limits != nil && ks.fused {
				within = &of.Data[p*of.Stride+i*n]
			}
			if from > begin {
				mode = 2
				clear(out)
				// The first units see fewer inputs of the block: as far as the next
				// step of the staircase at a time.
				for u := begin; u < from; {
					next := u + 1
					for next < from && reach[next] == reach[u] {
						next++
					}
					ks.tn[int(reach[u])-i](next-u, at(w.Data, u*w.Stride+i), w.Stride, at(gp, u*n), &out[0], nil, 2, nil, nil)
					u = next
				}
			}
			ks.tn[mr](m-from, at(w.Data, from*w.Stride+i), w.Stride, at(gp, from*n), &out[0], nil, mode, bounds, within)
			if limits != nil && !ks.fused {
				gate(out, of.Data[p*of.Stride+i*n:], limits)
			}
		}
		from = begin
	}
}

// tiledOuter transposes x to blocks of n features by rows and adds tiles of
// twelve units by n inputs. Tiles on the staircase or beyond the last input go
// through a small buffer, of which only what is wanted is added.
func tiledOuter[T Float](ks *products[T], dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T, add bool) {
	if panels == 0 || m == 0 || k == 0 {
		return
	}
	n := PanelRows[T]()
	if k <= 8 && ks.dots[k] != nil {
		fewInputs(ks.dots[k], dw, g, x, panels, m, k, reach, scratch, add)
		return
	}
	rows := panels * n
	edge := scratch[n*rows:][:maxTile*n]
	for kb := 0; kb < k; kb += n {
		xt := scratch[:n*rows] // stays in the first-level cache for all units
		transpose(xt, x, panels, kb, min(n, k-kb))
		for j := 0; j < m; j += ks.tile {
			mr := min(ks.tile, m-j)
			least, most := limit(reach, j, k), limit(reach, j+mr-1, k)
			gp := &g.Data[j*n]
			if most <= kb {
				continue
			}
			if kb+n <= least {
				ks.outer[mr](panels, gp, g.Stride, &xt[0], &dw.Data[j*dw.Stride+kb], dw.Stride, flag(add))
				continue
			}
			ks.outer[mr](panels, gp, g.Stride, &xt[0], &edge[0], n, 0)
			for i := range mr {
				end := min(limit(reach, j+i, k), kb+n)
				if end <= kb {
					continue
				}
				row := dw.Data[(j+i)*dw.Stride:][kb:end]
				if !add {
					copy(row, edge[i*n:])
					continue
				}
				for c := range row {
					row[c] += edge[i*n+c]
				}
			}
		}
	}
}

// gate clears what does not lie between the limits.
func gate[T Float](out, of []T, limits *[2]T) {
	for i, v := range of[:len(out)] {
		if !(v > limits[0] && v < limits[1]) {
			out[i] = 0
		}
	}
}

// fewInputs computes the gradient unit by unit.
func fewInputs[T Float](dots dotsFunc[T], dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T, add bool) {
	n := PanelRows[T]()
	for j := range m {
		dots(panels, &g.Data[j*n], g.Stride, &x.Data[0], x.Stride, &scratch[0])
		row := dw.Data[j*dw.Stride:][:limit(reach, j, k)]
		for i := range row {
			if add {
				row[i] += scratch[i]
			} else {
				row[i] = scratch[i]
			}
		}
	}
}

func flipBlock[T Float](dst, src *T) {
	if single[T]() {
		flip32((*float32)(unsafe.Pointer(dst)), (*float32)(unsafe.Pointer(src)))
	} else {
		flip64((*float64)(unsafe.Pointer(dst)), (*float64)(unsafe.Pointer(src)))
	}
}
