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

// tiledLinear computes up to twelve features at a time. Under a staircase, the
// inputs that all of them see come first, then what fewer and fewer of them see:
// in order of the inputs, as without tiles.
func tiledLinear[T Float](ks *set[T], y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T) {
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
func tiledLinearT[T Float](ks *set[T], y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T) {
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
func tiledOuter[T Float](ks *set[T], dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T, add bool) {
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
		transpose(ks, xt, x, panels, kb, min(n, k-kb))
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

// transpose writes features from … from+count of all rows as rows of n, zeros
// behind the last feature, block by block of a vector's lanes each way.
func transpose[T Float](ks *set[T], dst []T, x Tile[T], panels, from, count int) {
	n := PanelRows[T]()
	half := n / 2
	for p := range panels {
		d := dst[p*n*n:][:n*n]
		src := x.Data[p*x.Stride+from*n:][:count*n]
		if ks.flip == nil {
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
					ks.flip(&d[r*n+f], &src[f*n+r])
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
