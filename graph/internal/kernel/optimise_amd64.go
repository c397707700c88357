//go:build amd64 && !noasm

package kernel

//go:generate sh -c "cd _asm && go run . -kernels rows -out ../rows_amd64.s -stubs ../rows_amd64.go -pkg kernel"

func fastAdam[T Float](p, g, m, v []T, c *[11]T) bool {
	if !useAVX512 {
		return false
	}
	switch {
	case len(p) == 0:
	case single[T]():
		adam32(&as[T, float32](p)[0], &as[T, float32](g)[0], &as[T, float32](m)[0], &as[T, float32](v)[0], len(p), &as[T, float32](c[:])[0])
	default:
		adam64(&as[T, float64](p)[0], &as[T, float64](g)[0], &as[T, float64](m)[0], &as[T, float64](v)[0], len(p), &as[T, float64](c[:])[0])
	}
	return true
}

func fastAverage[T Float](a, b []T, w T) bool {
	if !useAVX512 {
		return false
	}
	switch {
	case len(a) == 0:
	case single[T]():
		average32(&as[T, float32](a)[0], &as[T, float32](b)[0], len(a), float32(w))
	default:
		average64(&as[T, float64](a)[0], &as[T, float64](b)[0], len(a), float64(w))
	}
	return true
}

func fastSumSquares[T Float](x []T) (float64, bool) {
	if !useAVX512 || len(x) == 0 {
		return 0, useAVX512
	}
	if single[T]() {
		return sumsq32(&as[T, float32](x)[0], len(x)), true
	}
	return sumsq64(&as[T, float64](x)[0], len(x)), true
}

func fastSumRows[T Float](acc []T, x Tile[T], panels, n int) bool {
	if !useAVX512 {
		return false
	}
	switch {
	case n == 0 || panels == 0:
	case single[T]():
		sumrows32(&as[T, float32](acc)[0], &as[T, float32](x.Data)[0], panels, 4*x.Stride, n)
	default:
		sumrows64(&as[T, float64](acc)[0], &as[T, float64](x.Data)[0], panels, 8*x.Stride, n)
	}
	return true
}

// transpose writes features from … from+count of all rows as rows of n, zeros
// behind the last feature, block by block of a vector's lanes each way.
func transpose[T Float](dst []T, x Tile[T], panels, from, count int) {
	n := PanelRows[T]()
	half := n / 2
	for p := range panels {
		d := dst[p*n*n:][:n*n]
		src := x.Data[p*x.Stride+from*n:][:count*n]
		if !useAVX512 {
			clear(d)
			for c := range count {
				for r, v := range src[c*n:][:n] {
					d[r*n+c] = v
				}
			}
			continue
		}
		for f := 0; f < n; f += half {
			if f+half <= count {
				for r := 0; r < n; r += half {
					flipBlock(&d[r*n+f], &src[f*n+r])
				}
				continue
			}
			for r := range n {
				clear(d[r*n+f:][:half])
			}
			for c := f; c < count; c++ {
				for r, v := range src[c*n:][:n] {
					d[r*n+c] = v
				}
			}
		}
	}
}

type columnFunc[T Float] func(k int, x, wt *T, ld int, y, bias *T)

var (
	column32 = [9]columnFunc[float32]{nil, column32x1, column32x2, column32x3, column32x4, column32x5, column32x6, column32x7, column32x8}
	column64 = [9]columnFunc[float64]{nil, column64x1, column64x2, column64x3, column64x4, column64x5, column64x6, column64x7, column64x8}
)

func hasColumn() bool { return useAVX512 }

func fastColumn[T Float](y, x []T, p *Packed[T]) bool {
	if !useAVX512 {
		return false
	}
	if p.m == 0 {
		return true
	}
	lanes := PanelRows[T]() / 2
	_, _ = y[p.stride-1], x[:p.k]
	for at := 0; at < p.stride; at += 8 * lanes {
		vecs := min(8, (p.stride-at)/lanes)
		k := limit(p.reach, min(at+vecs*lanes, p.m)-1, p.k)
		if single[T]() {
			column32[vecs](k, vecAt[T, float32](x, 0), vecAt[T, float32](p.wt, at), 4*p.stride, vecAt[T, float32](y, at), vecAt[T, float32](p.bias, at))
		} else {
			column64[vecs](k, vecAt[T, float64](x, 0), vecAt[T, float64](p.wt, at), 8*p.stride, vecAt[T, float64](y, at), vecAt[T, float64](p.bias, at))
		}
	}
	return true
}

// vecAt is a pointer to element i, or to the slice's start where it is empty.
func vecAt[T, U Float](s []T, i int) *U { return at(as[T, U](s), i) }

type timesFunc[T Float] func(k int, a *T, astep int, b *T, ld int, y *T, tail int)

var (
	times32 = [9]timesFunc[float32]{nil, rowtimes32x1, rowtimes32x2, rowtimes32x3, rowtimes32x4, rowtimes32x5, rowtimes32x6, rowtimes32x7, rowtimes32x8}
	times64 = [9]timesFunc[float64]{nil, rowtimes64x1, rowtimes64x2, rowtimes64x3, rowtimes64x4, rowtimes64x5, rowtimes64x6, rowtimes64x7, rowtimes64x8}
)

func fastTimes[T Float](y, a []T, row, step int, b []T, m, k, n int) bool {
	if !useAVX512 {
		return false
	}
	lanes := PanelRows[T]() / 2
	for r := range m {
		for at := 0; at < n; at += 8 * lanes {
			vecs := min(8, (n-at+lanes-1)/lanes)
			tail := 1<<min(lanes, n-at-(vecs-1)*lanes) - 1
			if single[T]() {
				times32[vecs](k, vecAt[T, float32](a, r*row), 4*step, vecAt[T, float32](b, at), 4*n, vecAt[T, float32](y, r*n+at), tail)
			} else {
				times64[vecs](k, vecAt[T, float64](a, r*row), 8*step, vecAt[T, float64](b, at), 8*n, vecAt[T, float64](y, r*n+at), tail)
			}
		}
	}
	return true
}

// fastPeak runs n rounds of the loop that measures the peak, and returns how many
// floating-point operations a round has; 0 if there is no assembly.
func fastPeak[T Float](n int) int {
	if !useAVX512 {
		return 0
	}
	if single[T]() {
		peak32(n)
	} else {
		peak64(n)
	}
	return 24 * PanelRows[T]()
}
