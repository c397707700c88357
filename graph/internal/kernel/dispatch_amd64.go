//go:build amd64 && !noasm

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate sh -c "cd _asm && go run . -out ../product_amd64.s -stubs ../product_amd64.go -pkg kernel"

// useAVX512 chooses the assembly; tests switch it off to compare.
var useAVX512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL

// maxTile is the most features that a register tile has.
const maxTile = 12

type productFunc[T Float] func(k int, a *T, lda int, b *T, c *T, bias *T, mode int, limits, of *T)

type dotsFunc[T Float] func(np int, a *T, astep int, x *T, xstep int, c *T)

type outerFunc[T Float] func(np int, a *T, astep int, xt *T, c *T, ldc int, add int)

var (
	nn32    = [maxTile + 1]productFunc[float32]{nil, nn32x1, nn32x2, nn32x3, nn32x4, nn32x5, nn32x6, nn32x7, nn32x8, nn32x9, nn32x10, nn32x11, nn32x12}
	tn32    = [maxTile + 1]productFunc[float32]{nil, tn32x1, tn32x2, tn32x3, tn32x4, tn32x5, tn32x6, tn32x7, tn32x8, tn32x9, tn32x10, tn32x11, tn32x12}
	outer32 = [maxTile + 1]outerFunc[float32]{nil, outer32x1, outer32x2, outer32x3, outer32x4, outer32x5, outer32x6, outer32x7, outer32x8, outer32x9, outer32x10, outer32x11, outer32x12}
	dots32  = [9]dotsFunc[float32]{nil, dots32x1, dots32x2, dots32x3, dots32x4, dots32x5, dots32x6, dots32x7, dots32x8}
	dots64  = [9]dotsFunc[float64]{nil, dots64x1, dots64x2, dots64x3, dots64x4, dots64x5, dots64x6, dots64x7, dots64x8}
	nn64    = [maxTile + 1]productFunc[float64]{nil, nn64x1, nn64x2, nn64x3, nn64x4, nn64x5, nn64x6, nn64x7, nn64x8, nn64x9, nn64x10, nn64x11, nn64x12}
	tn64    = [maxTile + 1]productFunc[float64]{nil, tn64x1, tn64x2, tn64x3, tn64x4, tn64x5, tn64x6, tn64x7, tn64x8, tn64x9, tn64x10, tn64x11, tn64x12}
	outer64 = [maxTile + 1]outerFunc[float64]{nil, outer64x1, outer64x2, outer64x3, outer64x4, outer64x5, outer64x6, outer64x7, outer64x8, outer64x9, outer64x10, outer64x11, outer64x12}
)

func as[T, U any](s []T) []U { return *(*[]U)(unsafe.Pointer(&s)) }

func tileAs[T, U Float](t Tile[T]) Tile[U] { return Tile[U]{as[T, U](t.Data), t.Stride} }

func matrixAs[T, U Float](m Matrix[T]) Matrix[U] { return Matrix[U]{as[T, U](m.Data), m.Stride} }

func fastLinear[T Float](y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T) bool {
	if !useAVX512 {
		return false
	}
	if single[T]() {
		tiledLinear(&nn32, tileAs[T, float32](y), tileAs[T, float32](x), panels, matrixAs[T, float32](w), m, k, reach, as[T, float32](b), (*[2]float32)(unsafe.Pointer(limits)))
	} else {
		tiledLinear(&nn64, tileAs[T, float64](y), tileAs[T, float64](x), panels, matrixAs[T, float64](w), m, k, reach, as[T, float64](b), (*[2]float64)(unsafe.Pointer(limits)))
	}
	return true
}

func fastLinearT[T Float](y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T) bool {
	if !useAVX512 {
		return false
	}
	if single[T]() {
		tiledLinearT(&tn32, tileAs[T, float32](y), tileAs[T, float32](g), panels, matrixAs[T, float32](w), m, k, reach, tileAs[T, float32](of), (*[2]float32)(unsafe.Pointer(limits)))
	} else {
		tiledLinearT(&tn64, tileAs[T, float64](y), tileAs[T, float64](g), panels, matrixAs[T, float64](w), m, k, reach, tileAs[T, float64](of), (*[2]float64)(unsafe.Pointer(limits)))
	}
	return true
}

func fastOuter[T Float](dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T, add bool) bool {
	if !useAVX512 {
		return false
	}
	if single[T]() {
		tiledOuter(&outer32, &dots32, matrixAs[T, float32](dw), tileAs[T, float32](g), tileAs[T, float32](x), panels, m, k, reach, as[T, float32](scratch), add)
	} else {
		tiledOuter(&outer64, &dots64, matrixAs[T, float64](dw), tileAs[T, float64](g), tileAs[T, float64](x), panels, m, k, reach, as[T, float64](scratch), add)
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
func tiledLinear[T Float](nn *[maxTile + 1]productFunc[T], y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T) {
	n := PanelRows[T]()
	start, bias := 0, (*T)(nil)
	for j := 0; j < m; j += maxTile {
		mr := min(maxTile, m-j)
		common := limit(reach, j, k)
		bounds := first(limits)
		if limits != nil && limit(reach, j+mr-1, k) > common {
			bounds = nil // applied when the whole block is there
		}
		if b != nil {
			start, bias = 1, &b[j]
		}
		for p := range panels {
			out := y.Data[p*y.Stride+j*n:][:mr*n]
			xp := x.Data[p*x.Stride:]
			nn[mr](common, at(w.Data, j*w.Stride), w.Stride, at(xp, 0), &out[0], bias, start, bounds, nil)
			// What only the later units of the block see, as far as the next step of
			// the staircase at a time.
			for i, done := 1, common; i < mr; i++ {
				end := limit(reach, j+i, k)
				if end > done {
					nn[mr-i](end-done, &w.Data[(j+i)*w.Stride+done], w.Stride, &xp[done*n], &out[i*n], nil, 2, nil, nil)
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
func tiledLinearT[T Float](tn *[maxTile + 1]productFunc[T], y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T) {
	n := PanelRows[T]()
	from := 0 // first unit that sees the last input of the block
	for i := 0; i < k; i += maxTile {
		mr := min(maxTile, k-i)
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
			mode := 0
			var within *T
			if limits != nil {
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
					tn[int(reach[u])-i](next-u, at(w.Data, u*w.Stride+i), w.Stride, at(gp, u*n), &out[0], nil, 2, nil, nil)
					u = next
				}
			}
			tn[mr](m-from, at(w.Data, from*w.Stride+i), w.Stride, at(gp, from*n), &out[0], nil, mode, first(limits), within)
		}
		from = begin
	}
}

// tiledOuter transposes x to blocks of n features by rows and adds tiles of
// twelve units by n inputs. Tiles on the staircase or beyond the last input go
// through a small buffer, of which only what is wanted is added.
func tiledOuter[T Float](outer *[maxTile + 1]outerFunc[T], dots *[9]dotsFunc[T], dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T, add bool) {
	if panels == 0 || m == 0 || k == 0 {
		return
	}
	n := PanelRows[T]()
	if k <= 8 {
		fewInputs(dots[k], dw, g, x, panels, m, k, reach, scratch, add)
		return
	}
	rows := panels * n
	edge := scratch[n*rows:][:maxTile*n]
	for kb := 0; kb < k; kb += n {
		xt := scratch[:n*rows] // stays in the first-level cache for all units
		transpose(xt, x, panels, kb, min(n, k-kb))
		for j := 0; j < m; j += maxTile {
			mr := min(maxTile, m-j)
			least, most := limit(reach, j, k), limit(reach, j+mr-1, k)
			gp := &g.Data[j*n]
			if most <= kb {
				continue
			}
			if kb+n <= least {
				outer[mr](panels, gp, g.Stride, &xt[0], &dw.Data[j*dw.Stride+kb], dw.Stride, flag(add))
				continue
			}
			outer[mr](panels, gp, g.Stride, &xt[0], &edge[0], n, 0)
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
