//go:build amd64 && !noasm

package kernel

// sparseOuter is the gradient in weights of gradients with many zeros: rows of the sparse
// operand are units, its terms the rows of the tile.
type sparseOuter[T Float] struct {
	sparseProduct[T]
	x  Tile[T]
	xt []T // room for inputs of a part row by row
}

// sparseOuterScratch is how much it wants.
func sparseOuterScratch[T Float](m, panels int) int {
	if assembly[T]().squares == nil {
		return 0
	}
	n := PanelRows[T]()
	return sparseScratch[T](m, panels*n, sparseUnits) + (panels*n+1)*sparseVecs*n/2
}

// begin makes the sparse operand of the gradients g if they have many zeros.
func (o *sparseOuter[T]) begin(g, x Tile[T], panels, m, k int, scratch []T) bool {
	if assembly[T]().squares == nil || k < RowWidth*4 || !g.ByRows && m < RowWidth*6 || !manyZeros(g, m) {
		return false
	}
	n := PanelRows[T]()
	o.x = x
	o.sparseProduct = newSparse(sparse, m, panels*n, sparseUnits, scratch)
	o.split(panels, m)
	if !g.ByRows {
		o.ks.gather(m, panels, &o.s[0], o.wide, &g.Data[0], g.Stride, o.bits, o.bitstep)
		return true
	}
	width := g.Stride / n
	for j := 0; j < m; j += o.lanes {
		o.ks.sift(o.wide/o.lanes, &o.s[j*o.wide], o.wide, o.lanes, &g.Data[j], width, o.lanes*width, o.bitsAt(j, 0), o.bitstep)
	}
	return true
}

// split makes room for the operand and for inputs.
func (o *sparseOuter[T]) split(panels, m int) {
	n := PanelRows[T]()
	o.wide = panels * n
	o.s, o.own = o.own[:m*o.wide], o.own[m*o.wide:]
	o.xt = o.own[:panels*n*o.pitch]
}

// fork is the same sum with another scratch, but for the operand.
func (o *sparseOuter[T]) fork(panels, m int, scratch []T) sparseOuter[T] {
	f := sparseOuter[T]{sparseProduct: newSparse(sparse, m, panels*PanelRows[T](), sparseUnits, scratch), x: o.x}
	f.split(panels, m)
	f.s, f.bits, f.bitstep = o.s, o.bits, o.bitstep
	return f
}

// addPart adds the gradient in the inputs from … to.
func (o *sparseOuter[T]) addPart(dw Matrix[T], panels, m, k int, add bool, from, to int) {
	all := (to - from + o.lanes - 1) / o.lanes
	for v, nv := 0, 0; v < all; v += nv {
		nv = fair(all-v, sparseVecs)
		first := from + v*o.lanes
		xt := o.rowsOf(panels, first, nv, k)
		for j := 0; j < m; j += sparseUnits {
			part := *o
			part.rows = min(sparseUnits, m-j)
			part.s, part.bits = o.s[j*o.wide:], o.bitsAt(j, 0)
			part.sum(dw, xt, j, first, nv, to, panels*PanelRows[T](), add)
		}
	}
}

// rowsOf is nv vectors of the inputs from first on row by row: written so, if they do not
// stand so already.
func (o *sparseOuter[T]) rowsOf(panels, first, nv, k int) []T {
	n, lanes := PanelRows[T](), o.lanes
	if o.x.ByRows && o.x.Stride == n*o.pitch {
		return o.x.Data
	}
	if o.x.ByRows {
		o.ks.copies(panels*n, nv, &o.xt[0], o.pitch, &o.x.Data[first], o.x.Stride/n)
		return o.xt
	}
	for q := range panels {
		for v := range nv {
			f := first + v*lanes
			src := o.x.Data[q*o.x.Stride+f*n:]
			if f+lanes > k {
				copy(o.edge, src[:(k-f)*n])
				src = o.edge
			}
			o.ks.squares(n/lanes, &o.xt[q*n*o.pitch+v*lanes], o.pitch, lanes*o.pitch, &src[0], n, lanes)
		}
	}
	return o.xt
}

// sum adds the gradient of a group of units from j on in nv vectors of the inputs xt.
func (o *sparseOuter[T]) sum(dw Matrix[T], xt []T, j, first, nv, to, rows int, add bool) {
	width := min(nv*o.lanes, to-first)
	whole := width == nv*o.lanes
	for term, count := 0, 0; term < rows; term += count {
		count = min(rows-term, sparseTerms)
		goal := place[T]{}
		if whole && term+count == rows {
			goal = place[T]{to: &dw.Data[j*dw.Stride+first], step: dw.Stride, add: flag(add)}
		}
		want := next(dw, j, first+term/sparseTerms*4*o.lanes, o.rows) // of all rows, a part with each block
		o.multiply(nv, term, count, min(term, 1)*2, &xt[term*o.pitch], &o.sums[0], o.pitch, goal, want)
	}
	for i := 0; i < o.rows && !whole; i++ {
		row, sums := dw.Data[(j+i)*dw.Stride+first:][:width], o.sums[i*o.pitch:]
		for c := range row {
			if add {
				row[c] += sums[c]
			} else {
				row[c] = sums[c]
			}
		}
	}
}
