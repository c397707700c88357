//go:build amd64 && !noasm

package kernel

import "unsafe"

// Where results stand by rows and terms are few, or gradients stand by rows and inputs are
// few, leaving out zeros does not pay: such products go over rows with all terms, a few rows
// at a time, so that a row of the dense operand is read once for all of them.

type fullFunc[T Float] func(rows int, s *T, sstep, tstep, terms int, b *T, bstep int, c *T, cstep int, start *T, mode int, limits, of *T, ofstep int)

const (
	// fullVecs is how many vectors of a result a full product takes at once, fullRows how
	// many rows.
	fullVecs = 3
	fullRows = 8
	// fullTerms is the most terms that it has.
	fullTerms = 96
	// fewResults is fewer results than pay for leaving out zeros.
	fewResults = 64
)

// way is how a product is computed.
type way int

const (
	tiled  way = iota // of panels, that of all with dense kernels
	full              // to rows, all terms of panels
	sparse            // over rows, terms that are not zero
)

// wayOf chooses how to compute a product from x to y. Zeros are left out where there are
// enough and results to hide how long a multiplication takes; of panels, if bringing them
// into rows costs less.
func wayOf[T Float](y, x Tile[T], terms, results int) way {
	rows := x.ByRows || y.ByRows
	switch {
	case assembly[T]().squares == nil || min(terms, results) == 0:
		return tiled
	case y.ByRows && !x.ByRows && terms <= fullTerms && assembly[T]().full[1] != nil:
		return full
	case results < fewResults || !rows && min(terms, results) < SparseLeast:
		return tiled
	case manyZeros(x, terms):
		return sparse
	}
	return tiled
}

// multiplyAll is multiply with all terms of the panels.
func (p *sparseProduct[T]) multiplyAll(nv, term, count, mode int, block, c *T, cstep int, to place[T]) {
	n := PanelRows[T]()
	for v, few := 0, 0; v < nv; v += few {
		few = fair(nv-v, fullVecs)
		at := v * p.lanes
		for q := range p.rows / n {
			out, of := plus(c, at+q*n*cstep), plus(to.of, at+q*n*to.ofstep)
			p.ks.full[few](n, &p.x.Data[q*p.x.Stride+term*n], 1, n, count, plus(block, at), p.pitch, out, cstep, &p.start[at], mode, to.limits, of, to.ofstep)
		}
	}
}

// plus is n elements farther, of nothing nothing.
func plus[T Float](p *T, n int) *T {
	if p == nil {
		return nil
	}
	return (*T)(unsafe.Add(unsafe.Pointer(p), bytes[T](n)))
}

// byRowsOuter adds the gradient in weights of few inputs for gradients that stand by rows. It
// goes over the inputs as rows, the terms of which are the rows of the tile.
func byRowsOuter[T Float](dw Matrix[T], g, x Tile[T], panels, m, k int, scratch []T, add bool) {
	ks, n := assembly[T](), PanelRows[T]()
	lanes, rows := ks.lanes, panels*n
	inputs, width := (k+lanes-1)/lanes*lanes, rows+lanes
	xt, sums := scratch[:inputs*width], scratch[inputs*width:][:inputs*m]
	block := scratch[inputs*(width+m):][:rows*fullVecs*lanes]
	for i := range k {
		for q := range panels {
			copy(xt[i*width+q*n:][:n], x.Data[q*x.Stride+i*n:])
		}
	}
	clear(xt[k*width:])
	for v, few := 0, 0; v < m/lanes; v += few {
		few = fair(m/lanes-v, fullVecs)
		ks.copies(rows, few, &block[0], few*lanes, &g.Data[v*lanes], g.Stride/n) // stays in the first-level cache
		ks.full[few]((k+fullRows-1)/fullRows*fullRows, &xt[0], width, 1, rows, &block[0], few*lanes, &sums[v*lanes], m, nil, 0, nil, nil, 0)
	}
	for i := 0; i < k; i += lanes {
		ks.addSquares(m/lanes, &dw.Data[i], dw.Stride, lanes*dw.Stride, &sums[i*m], m, lanes, min(lanes, k-i), flag(add))
	}
}

// byRowsOuterScratch is how much that wants.
func byRowsOuterScratch[T Float](m, k, panels int) int {
	n := PanelRows[T]()
	return (k+n)*(panels*n+n+m) + panels*n*fullVecs*n/2
}
