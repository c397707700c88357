//go:build amd64 && !noasm

package kernel

import "unsafe"

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

// from is the tile without its first panels.
func (t Tile[T]) from(panel int) Tile[T] { return Tile[T]{t.Data[panel*t.Stride:], t.Stride} }

// tiledLinear goes over the panels in pairs where there are kernels for that, then
// over what is left one by one. Sums run in the same order either way.
func tiledLinear[T Float](ks *set[T], y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T) {
	pairs := 0
	if ks.nnPair[1] != nil {
		pairs = panels / 2 * 2
		linearTiles(ks.nnPair[:], 2, y, x, pairs, w, m, k, reach, b, limits)
	}
	if pairs < panels {
		linearTiles(ks.nn[:ks.tile+1], 1, y.from(pairs), x.from(pairs), panels-pairs, w, m, k, reach, b, limits)
	}
}

// linearTiles computes as many features of width panels at a time as there are
// kernels. Under a staircase, the inputs that all of them see come first, then what
// fewer and fewer of them see, as far as the next step of the staircase at a time: in
// order of the inputs, as without tiles.
func linearTiles[T Float](kernels []productFunc[T], width int, y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T) {
	n, tile := PanelRows[T](), len(kernels)-1
	start, bias := 0, (*T)(nil)
	for j := 0; j < m; j += tile {
		mr := min(tile, m-j)
		common, last := limit(reach, j, k), limit(reach, j+mr-1, k)
		bounds := first(limits)
		if last > common {
			bounds = nil // applied when the whole block is there
		}
		if b != nil {
			start, bias = 1, &b[j]
		}
		for p := 0; p < panels; p += width {
			out := y.Data[p*y.Stride+j*n:]
			xp := x.Data[p*x.Stride:]
			ahead := at(w.Data, min(j+tile+3*(p/2%2), m-1)*w.Stride)
			kernels[mr](common, at(w.Data, j*w.Stride), w.Stride, at(xp, 0), x.Stride, &out[0], y.Stride, bias, start, bounds, nil, 0, ahead)
			for i, done := 1, common; i < mr && done < last; i++ {
				if end := limit(reach, j+i, k); end > done {
					from := &w.Data[(j+i)*w.Stride+done]
					kernels[mr-i](end-done, from, w.Stride, &xp[done*n], x.Stride, &out[i*n], y.Stride, nil, 2, nil, nil, 0, from)
					done = end
				}
			}
			if limits == nil || bounds != nil {
				continue
			}
			for q := range width {
				part := out[q*y.Stride:][:mr*n]
				Apply(Clamp, part, part, limits[0], limits[1])
			}
		}
	}
}

// tiledLinearT goes over the panels as tiledLinear does.
func tiledLinearT[T Float](ks *set[T], y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T) {
	pairs := 0
	if ks.tnPair[1] != nil {
		pairs = panels / 2 * 2
		linearTTiles(ks.tnPair[:], 2, y, g, pairs, w, m, k, reach, of, limits)
	}
	if pairs == panels {
		return
	}
	if limits != nil {
		of = of.from(pairs)
	}
	linearTTiles(ks.tn[:ks.tile+1], 1, y.from(pairs), g.from(pairs), panels-pairs, w, m, k, reach, of, limits)
}

// unitBlock is how many units linearTTiles takes at a time, so that their rows of
// the weights stay in the second-level cache from one tile of inputs to the next.
const unitBlock = 256

// linearTTiles computes the gradient of as many inputs in width panels at a time as
// there are kernels. Under a staircase, each input's own first units come first, then
// those that see all.
func linearTTiles[T Float](kernels []productFunc[T], width int, y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T) {
	n, tile := PanelRows[T](), len(kernels)-1
	for block := 0; block == 0 || block < m; block += unitBlock {
		end := min(block+unitBlock, m)
		seen := window{reach: reach, m: end, at: block}
		gated := limits != nil && end == m
		for i := 0; i < k; i += tile {
			mr := min(tile, k-i)
			begin, from := seen.next(i, mr)
			if begin == end && block > 0 && end < m {
				continue // no unit of the block sees these inputs
			}
			for p := 0; p < panels; p += width {
				out := y.Data[p*y.Stride+i*n:]
				gp := g.Data[p*g.Stride:]
				mode, bounds, within := 0, (*T)(nil), (*T)(nil)
				if block > 0 {
					mode = 2
				}
				if gated {
					bounds, within = first(limits), &of.Data[p*of.Stride+i*n]
				}
				if from > begin && mode == 0 {
					mode = 2
					for q := range width {
						clear(out[q*y.Stride:][:mr*n])
					}
				}
				for u := begin; u < from; {
					next := seen.step(u, from)
					kernels[int(reach[u])-i](next-u, at(w.Data, u*w.Stride+i), w.Stride, at(gp, u*n), g.Stride, &out[0], y.Stride, nil, 2, nil, nil, 0, nil)
					u = next
				}
				kernels[mr](end-from, at(w.Data, from*w.Stride+i), w.Stride, at(gp, from*n), g.Stride, &out[0], y.Stride, nil, mode, bounds, within, of.Stride, nil)
			}
		}
	}
}

// window follows the staircase down a block of units that ends at m.
type window struct {
	reach []int32
	m, at int
}

// next returns the first unit that sees input i, and the first that sees all of
// the mr inputs from i on. Inputs are asked for in order.
func (s *window) next(i, mr int) (begin, from int) {
	if s.reach != nil {
		for s.at < s.m && int(s.reach[s.at]) <= i {
			s.at++
		}
	}
	begin, from = s.at, s.at
	if s.reach != nil {
		for from < s.m && int(s.reach[from]) < i+mr {
			from++
		}
	}
	return begin, from
}

// step is the first unit after u, at most end, that sees other inputs than u.
func (s *window) step(u, end int) int {
	next := u + 1
	for next < end && s.reach[next] == s.reach[u] {
		next++
	}
	return next
}
