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

// tiledLinear goes over the panels in pairs where there are kernels for that; the
// last of an odd number is taken alone. Sums run in the same order either way.
func tiledLinear[T Float](ks *set[T], y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T) {
	if pairs := panels / 2; ks.nnPair[1] != nil && pairs > 0 {
		pairedLinear(ks, y, x, pairs, w, m, k, reach, b, limits)
		if panels%2 == 0 {
			return
		}
		y, x, panels = y.from(panels-1), x.from(panels-1), 1
	}
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

// pairedLinear computes up to six features of two panels at a time. Under a
// staircase, the inputs that all of them see come first, then what fewer and
// fewer of them see, as far as the next step of the staircase at a time: in order
// of the inputs, as without tiles.
func pairedLinear[T Float](ks *set[T], y, x Tile[T], pairs int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T) {
	n := PanelRows[T]()
	start, bias := 0, (*T)(nil)
	for j := 0; j < m; j += pairTile {
		mr := min(pairTile, m-j)
		common := limit(reach, j, k)
		last := limit(reach, j+mr-1, k)
		bounds := first(limits)
		if last > common {
			bounds = nil // applied when the whole block is there
		}
		if b != nil {
			start, bias = 1, &b[j]
		}
		for p := range pairs {
			out := y.Data[2*p*y.Stride+j*n:]
			xp := x.Data[2*p*x.Stride:]
			ahead := at(w.Data, min(j+pairTile+3*(p%2), m-1)*w.Stride)
			ks.nnPair[mr](common, at(w.Data, j*w.Stride), w.Stride, at(xp, 0), x.Stride, &out[0], y.Stride, bias, start, bounds, nil, 0, ahead)
			for i, done := 1, common; i < mr && done < last; i++ {
				end := limit(reach, j+i, k)
				if end > done {
					from := &w.Data[(j+i)*w.Stride+done]
					ks.nnPair[mr-i](end-done, from, w.Stride, &xp[done*n], x.Stride, &out[i*n], y.Stride, nil, 2, nil, nil, 0, from)
					done = end
				}
			}
			if limits != nil && bounds == nil {
				Apply(Clamp, out[:mr*n], out[:mr*n], limits[0], limits[1])
				second := out[y.Stride:][:mr*n]
				Apply(Clamp, second, second, limits[0], limits[1])
			}
		}
	}
}

// from is the tile without its first panels.
func (t Tile[T]) from(panel int) Tile[T] { return Tile[T]{t.Data[panel*t.Stride:], t.Stride} }

// tiledLinearT goes over the panels in pairs where there are kernels for that.
func tiledLinearT[T Float](ks *set[T], y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T) {
	if pairs := panels / 2; ks.tnPair[1] != nil && pairs > 0 {
		pairedLinearT(ks, y, g, pairs, w, m, k, reach, of, limits)
		if panels%2 == 0 {
			return
		}
		y, g = y.from(panels-1), g.from(panels-1)
		if limits != nil {
			of = of.from(panels - 1)
		}
		panels = 1
	}
	n := PanelRows[T]()
	seen := window{reach: reach, m: m}
	for i := 0; i < k; i += ks.tile {
		mr := min(ks.tile, k-i)
		begin, from := seen.next(i, mr)
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
				for u := begin; u < from; {
					next := seen.step(u, from)
					ks.tn[int(reach[u])-i](next-u, at(w.Data, u*w.Stride+i), w.Stride, at(gp, u*n), &out[0], nil, 2, nil, nil)
					u = next
				}
			}
			ks.tn[mr](m-from, at(w.Data, from*w.Stride+i), w.Stride, at(gp, from*n), &out[0], nil, mode, bounds, within)
			if limits != nil && !ks.fused {
				gate(out, of.Data[p*of.Stride+i*n:], limits)
			}
		}
	}
}

// unitBlock is how many units pairedLinearT takes at a time, so that their rows of
// the weights stay in the second-level cache from one tile of inputs to the next.
const unitBlock = 256

// pairedLinearT computes the gradient of up to six inputs in two panels at a time.
// Under a staircase, each input's own first units come first, then those that see
// all.
func pairedLinearT[T Float](ks *set[T], y, g Tile[T], pairs int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T) {
	n := PanelRows[T]()
	for block := 0; block == 0 || block < m; block += unitBlock {
		end := min(block+unitBlock, m)
		seen := window{reach: reach, m: end, at: block}
		for i := 0; i < k; i += pairTile {
			mr := min(pairTile, k-i)
			begin, from := seen.next(i, mr)
			if begin == end && block > 0 && end < m {
				continue // no unit of the block sees these inputs
			}
			bounds := first(limits)
			if end < m {
				bounds = nil
			}
			for p := range pairs {
				out := y.Data[2*p*y.Stride+i*n:]
				gp := g.Data[2*p*g.Stride:]
				mode := 0
				if block > 0 {
					mode = 2
				}
				var within *T
				if bounds != nil {
					within = &of.Data[2*p*of.Stride+i*n]
				}
				if from > begin {
					if mode == 0 {
						clear(out[:mr*n])
						clear(out[y.Stride:][:mr*n])
						mode = 2
					}
					for u := begin; u < from; {
						next := seen.step(u, from)
						ks.tnPair[int(reach[u])-i](next-u, at(w.Data, u*w.Stride+i), w.Stride, at(gp, u*n), g.Stride, &out[0], y.Stride, nil, 2, nil, nil, 0, nil)
						u = next
					}
				}
				ks.tnPair[mr](end-from, at(w.Data, from*w.Stride+i), w.Stride, at(gp, from*n), g.Stride, &out[0], y.Stride, nil, mode, bounds, within, of.Stride, nil)
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

// gate clears what does not lie between the limits.
func gate[T Float](out, of []T, limits *[2]T) {
	for i, v := range of[:len(out)] {
		if !(v > limits[0] && v < limits[1]) {
			out[i] = 0
		}
	}
}
