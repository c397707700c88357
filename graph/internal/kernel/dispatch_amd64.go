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

type productFunc[T Float] func(k int, a *T, lda int, b *T, c *T, bias *T, mode int)

type outerFunc[T Float] func(np int, a *T, astep int, xt *T, c *T, ldc int, add int)

var (
	nn32    = [maxTile + 1]productFunc[float32]{nil, nn32x1, nn32x2, nn32x3, nn32x4, nn32x5, nn32x6, nn32x7, nn32x8, nn32x9, nn32x10, nn32x11, nn32x12}
	tn32    = [maxTile + 1]productFunc[float32]{nil, tn32x1, tn32x2, tn32x3, tn32x4, tn32x5, tn32x6, tn32x7, tn32x8, tn32x9, tn32x10, tn32x11, tn32x12}
	outer32 = [maxTile + 1]outerFunc[float32]{nil, outer32x1, outer32x2, outer32x3, outer32x4, outer32x5, outer32x6, outer32x7, outer32x8, outer32x9, outer32x10, outer32x11, outer32x12}
	nn64    = [maxTile + 1]productFunc[float64]{nil, nn64x1, nn64x2, nn64x3, nn64x4, nn64x5, nn64x6, nn64x7, nn64x8, nn64x9, nn64x10, nn64x11, nn64x12}
	tn64    = [maxTile + 1]productFunc[float64]{nil, tn64x1, tn64x2, tn64x3, tn64x4, tn64x5, tn64x6, tn64x7, tn64x8, tn64x9, tn64x10, tn64x11, tn64x12}
	outer64 = [maxTile + 1]outerFunc[float64]{nil, outer64x1, outer64x2, outer64x3, outer64x4, outer64x5, outer64x6, outer64x7, outer64x8, outer64x9, outer64x10, outer64x11, outer64x12}
)

func as[T, U any](s []T) []U { return *(*[]U)(unsafe.Pointer(&s)) }

func tileAs[T, U Float](t Tile[T]) Tile[U] { return Tile[U]{as[T, U](t.Data), t.Stride} }

func matrixAs[T, U Float](m Matrix[T]) Matrix[U] { return Matrix[U]{as[T, U](m.Data), m.Stride} }

func fastLinear[T Float](y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T) bool {
	if !useAVX512 {
		return false
	}
	if single[T]() {
		tiledLinear(&nn32, tileAs[T, float32](y), tileAs[T, float32](x), panels, matrixAs[T, float32](w), m, k, reach, as[T, float32](b))
	} else {
		tiledLinear(&nn64, tileAs[T, float64](y), tileAs[T, float64](x), panels, matrixAs[T, float64](w), m, k, reach, as[T, float64](b))
	}
	return true
}

func fastLinearT[T Float](y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32) bool {
	if !useAVX512 {
		return false
	}
	if single[T]() {
		tiledLinearT(&tn32, tileAs[T, float32](y), tileAs[T, float32](g), panels, matrixAs[T, float32](w), m, k, reach)
	} else {
		tiledLinearT(&tn64, tileAs[T, float64](y), tileAs[T, float64](g), panels, matrixAs[T, float64](w), m, k, reach)
	}
	return true
}

func fastOuter[T Float](dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T, add bool) bool {
	if !useAVX512 {
		return false
	}
	if single[T]() {
		tiledOuter(&outer32, matrixAs[T, float32](dw), tileAs[T, float32](g), tileAs[T, float32](x), panels, m, k, reach, as[T, float32](scratch), add)
	} else {
		tiledOuter(&outer64, matrixAs[T, float64](dw), tileAs[T, float64](g), tileAs[T, float64](x), panels, m, k, reach, as[T, float64](scratch), add)
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

// tiledLinear computes up to twelve features at a time. Under a staircase, the
// inputs that all of them see come first, then what fewer and fewer of them see:
// in order of the inputs, as without tiles.
func tiledLinear[T Float](nn *[maxTile + 1]productFunc[T], y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T) {
	n := PanelRows[T]()
	start, bias := 0, (*T)(nil)
	for j := 0; j < m; j += maxTile {
		mr := min(maxTile, m-j)
		common := limit(reach, j, k)
		if b != nil {
			start, bias = 1, &b[j]
		}
		for p := range panels {
			out := y.Data[p*y.Stride+j*n:][:mr*n]
			xp := x.Data[p*x.Stride:]
			nn[mr](common, at(w.Data, j*w.Stride), w.Stride, at(xp, 0), &out[0], bias, start)
			// What only the later units of the block see, as far as the next step of
			// the staircase at a time.
			for i, done := 1, common; i < mr; i++ {
				end := limit(reach, j+i, k)
				if end > done {
					nn[mr-i](end-done, &w.Data[(j+i)*w.Stride+done], w.Stride, &xp[done*n], &out[i*n], nil, 2)
					done = end
				}
			}
		}
	}
}

// tiledLinearT computes the gradient of up to twelve inputs at a time. Under a
// staircase, input i is seen by the units from first[i] on: each input's own
// first units come first, then those that see all.
func tiledLinearT[T Float](tn *[maxTile + 1]productFunc[T], y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32) {
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
			if from > begin {
				mode = 2
				first := begin
				for c := range mr {
					for first < from && int(reach[first]) <= i+c {
						first++
					}
					tn[1](from-first, at(w.Data, first*w.Stride+i+c), w.Stride, at(gp, first*n), &out[c*n], nil, 0)
				}
			}
			tn[mr](m-from, at(w.Data, from*w.Stride+i), w.Stride, at(gp, from*n), &out[0], nil, mode)
		}
		from = begin
	}
}

// tiledOuter transposes x to blocks of n features by rows and adds tiles of
// twelve units by n inputs. Tiles on the staircase or beyond the last input go
// through a small buffer, of which only what is wanted is added.
func tiledOuter[T Float](outer *[maxTile + 1]outerFunc[T], dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T, add bool) {
	if panels == 0 || m == 0 || k == 0 {
		return
	}
	n := PanelRows[T]()
	rows := panels * n
	for kb := 0; kb < k; kb += n {
		transpose(scratch[kb*rows:], x, panels, kb, min(n, k-kb))
	}
	edge := scratch[(k+n-1)/n*n*rows:][:maxTile*n]
	for j := 0; j < m; j += maxTile {
		mr := min(maxTile, m-j)
		least, most := limit(reach, j, k), limit(reach, j+mr-1, k)
		gp := &g.Data[j*n]
		for kb := 0; kb < most; kb += n {
			xt := &scratch[kb*rows]
			if kb+n <= least {
				outer[mr](panels, gp, g.Stride, xt, &dw.Data[j*dw.Stride+kb], dw.Stride, flag(add))
				continue
			}
			outer[mr](panels, gp, g.Stride, xt, &edge[0], n, 0)
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

func flipBlock[T Float](dst, src *T) {
	if single[T]() {
		flip32((*float32)(unsafe.Pointer(dst)), (*float32)(unsafe.Pointer(src)))
	} else {
		flip64((*float64)(unsafe.Pointer(dst)), (*float64)(unsafe.Pointer(src)))
	}
}
