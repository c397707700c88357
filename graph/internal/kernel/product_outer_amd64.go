//go:build amd64 && !noasm

package kernel

import "unsafe"

// tiledOuter transposes x to blocks of 2n features by rows and adds tiles of
// twelve units by n inputs or, where the staircase leaves room, of six by 2n. What a tile
// adds beyond the staircase is cleared; a tile that ends beyond the last input goes
// through a small buffer. Inputs are those from … to, from a multiple of 2n.
func tiledOuter[T Float](ks *set[T], dw Matrix[T], g, x Tile[T], panels, m, k int, reach []int32, scratch []T, add bool, from, to int) {
	if panels == 0 || m == 0 || k == 0 {
		return
	}
	n := PanelRows[T]()
	if k <= 8 {
		fewInputs(ks.dots[k], dw, g, x, panels, m, k, reach, scratch, add)
		return
	}
	t := outerTiles[T]{ks: ks, dw: dw, g: g, panels: panels, m: m, k: k, reach: reach, add: add}
	t.xt = scratch[:2*n*n*panels] // stays in the first-level cache for all units
	t.edge = scratch[2*n*n*panels:][:edgeLines*n]
	for kb := from; kb < to; kb += 2 * n {
		for half := 0; half < 2*n && kb+half < k; half += n {
			t.transpose(x, half, kb+half, min(n, k-kb-half))
		}
		for j := 0; j < m; j += ks.tile {
			mr := min(ks.tile, m-j)
			if limit(reach, j+mr-1, k) <= kb {
				continue
			}
			if ks.outerWide[1] != nil && kb+2*n <= limit(reach, j, k) {
				t.wide(kb, j, mr)
				continue
			}
			t.narrow(kb, 0, j, mr)
			t.narrow(kb, n, j, mr)
		}
	}
}

// outerTiles is what the tiles of one gradient share.
type outerTiles[T Float] struct {
	ks       *set[T]
	dw       Matrix[T]
	g        Tile[T]
	panels   int
	m, k     int
	reach    []int32
	add      bool
	xt, edge []T
}

// column is where transposed input c begins: those that do not stand side by side with
// the first stand behind all rows of those that do.
func (t *outerTiles[T]) column(c int) int {
	side := t.ks.side
	return c/side*side*t.panels*PanelRows[T]() + c%side
}

// wide adds mr units by the 2n inputs from kb on, all of which they see.
func (t *outerTiles[T]) wide(kb, j, mr int) {
	n := PanelRows[T]()
	for ; mr > 0; j, mr = j+pairTile, mr-pairTile {
		next := t.dw.Data[min(j+pairTile, t.m-1)*t.dw.Stride+kb:]
		t.ks.outerWide[min(mr, pairTile)](t.panels, &t.g.Data[j*n], t.g.Stride, &t.xt[0], &t.dw.Data[j*t.dw.Stride+kb], t.dw.Stride, flag(t.add), nil, &next[0])
	}
}

// narrow adds mr units by the n inputs from kb+half on or, where that is all they
// see, by half as many.
func (t *outerTiles[T]) narrow(kb, half, j, mr int) {
	n := PanelRows[T]()
	from := kb + half
	first, last := limit(t.reach, j, t.k), limit(t.reach, j+mr-1, t.k)
	if last <= from {
		return
	}
	f, width := t.ks.outer[mr], n
	if t.ks.outerNarrow[1] != nil && last <= from+t.ks.lanes {
		f, width = t.ks.outerNarrow[mr], t.ks.lanes
	}
	gp, xp := &t.g.Data[j*n], &t.xt[t.column(half)]
	if !t.ks.keeps && from+width > t.k {
		f(t.panels, gp, t.g.Stride, xp, &t.edge[0], n, 0, nil, &t.edge[0])
		t.addEdge(from, width, j, mr)
		return
	}
	var keep *uint32
	if t.ks.keeps && first < from+width {
		keep = t.seen(from, width, j, mr)
	}
	next := t.dw.Data[min(j+t.ks.tile, t.m-1)*t.dw.Stride+from:]
	f(t.panels, gp, t.g.Stride, xp, &t.dw.Data[j*t.dw.Stride+from], t.dw.Stride, flag(t.add), keep, &next[0])
	for i := 0; !t.ks.keeps && i < mr && first < from+width; i++ { // what was not asked for
		clear(t.dw.Data[(j+i)*t.dw.Stride:][max(first, from) : from+width])
		first = limit(t.reach, min(j+i+1, t.m-1), t.k)
	}
}

// seen has a bit for each of the inputs from … from+width that each of the mr units sees.
func (t *outerTiles[T]) seen(from, width, j, mr int) *uint32 {
	keep := unsafe.Slice((*uint32)(unsafe.Pointer(&t.edge[0])), mr)
	for i := range keep {
		keep[i] = uint32(1<<max(0, min(limit(t.reach, j+i, t.k)-from, width)) - 1)
	}
	return &keep[0]
}

// addEdge adds what units see of a tile in the small buffer.
func (t *outerTiles[T]) addEdge(from, width, j, mr int) {
	n := PanelRows[T]()
	for i := range mr {
		end := min(limit(t.reach, j+i, t.k), from+width)
		if end <= from {
			continue
		}
		row := t.dw.Data[(j+i)*t.dw.Stride:][from:end]
		if !t.add {
			copy(row, t.edge[i*n:])
			continue
		}
		for c := range row {
			row[c] += t.edge[i*n+c]
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

// transpose writes features from … from+count of all rows as the inputs from column at
// on, block by block of a vector's lanes each way. What is behind the last feature means
// nothing.
func (t *outerTiles[T]) transpose(x Tile[T], at, from, count int) {
	n, lanes, side := PanelRows[T](), t.ks.lanes, t.ks.side
	if x.ByRows {
		for f := 0; f < count; f += side {
			vecs := (min(side, count-f) + lanes - 1) / lanes
			t.ks.copies(t.panels*n, vecs, &t.xt[t.column(at+f)], side, &x.Data[from+f], x.Stride/n)
		}
		return
	}
	for f := 0; f < n; f += lanes {
		dst := t.xt[t.column(at+f):]
		for p := range t.panels {
			d, src := dst[p*n*side:], x.Data[p*x.Stride+from*n:][:count*n]
			if f+lanes > count {
				held := copy(t.edge, src[min(f*n, len(src)):])
				clear(t.edge[held : lanes*n])
				src = t.edge
			} else {
				src = src[f*n:]
			}
			for r := 0; r < n; r += lanes {
				t.ks.flip(&d[r*side], &src[r])
			}
		}
	}
}
