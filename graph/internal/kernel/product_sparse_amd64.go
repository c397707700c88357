//go:build amd64 && !noasm

package kernel

import "unsafe"

//go:generate sh -c "cd _asm && go run . -kernels sparse -out ../sparse_amd64.s -stubs ../sparse_amd64.go -pkg kernel"
//go:generate sh -c "cd _asm && go run . -kernels sparse -half -out ../sparse_avx2_amd64.s -stubs ../sparse_avx2_amd64.go -pkg kernel"

// Hidden units that are off, and gradients that do not pass them, are zeros: half of
// the numbers, scattered. A dense product multiplies them all. A sparse one goes over
// the rows of one operand and, for each number that is not zero, adds a multiple of a
// row of the other, of which a block stays in the first-level cache for all rows.
// Sums run in the same order as in dense products, so that both give the same numbers as
// long as weights are finite.

// sparseSet is the assembly of sparse products; squares is nil where there is none but few, as
// for float64 with AVX2, whose four lanes have too few bits for a byte. With AVX2, full is nil,
// too.
type sparseSet[T Float] struct {
	sparse     [sparseVecs + 1]sparseFunc[T]
	few        [sparseVecs + 1]columnFunc[T]
	full       [fullVecs + 1]fullFunc[T]
	squares    func(n int, dst *T, dstep, dnext int, src *T, sstep, snext int)
	addSquares func(n int, dst *T, dstep, dnext int, src *T, sstep, snext, width, add int)
	sift       func(n int, dst *T, dstep, dnext int, src *T, sstep, snext int, bits *uint8, bitstep int)
	gather     func(n, np int, dst *T, dstep int, src *T, step int, bits *uint8, bitstep int)
	mark       func(rows, n int, src *T, step int, bits *uint8, bitstep int)
	copies     func(rows, n int, dst *T, dstep int, src *T, sstep int)
	nonzeros   func(n int, x *T) int
	gate       func(n int, y, of, limits *T)
	sumLines   func(rows, n int, acc, src *T, step int)
}

type sparseFunc[T Float] func(rows int, s *T, sstep int, bits *uint8, bitstep, first int, keep uint64, b *T, c *T, cstep int, start *T, mode int, out *T, outstep, add int, limits, of *T, ofstep int, ahead *T, aheadstep, aheadrows int)

var (
	sparse32 = sparseSet[float32]{
		sparse:  [sparseVecs + 1]sparseFunc[float32]{nil, sparse32x1, sparse32x2, sparse32x3, sparse32x4, sparse32x5, sparse32x6, sparse32x7, sparse32x8},
		few:     [sparseVecs + 1]columnFunc[float32]{nil, columnfew32x1, columnfew32x2, columnfew32x3, columnfew32x4, columnfew32x5, columnfew32x6, columnfew32x7, columnfew32x8},
		full:    [fullVecs + 1]fullFunc[float32]{nil, full32x1, full32x2, full32x3},
		squares: squares32, addSquares: addsquares32, sift: sift32, gather: gather32, mark: mark32, copies: copies32, nonzeros: nonzeros32, gate: gate32, sumLines: sumlines32,
	}
	sparse32y = sparseSet[float32]{
		sparse:  [sparseVecs + 1]sparseFunc[float32]{nil, sparse32y1, sparse32y2, sparse32y3, sparse32y4, sparse32y5, sparse32y6, sparse32y7, sparse32y8},
		few:     [sparseVecs + 1]columnFunc[float32]{nil, columnfew32y1, columnfew32y2, columnfew32y3, columnfew32y4, columnfew32y5, columnfew32y6, columnfew32y7, columnfew32y8},
		squares: squares32y, sift: sift32y, gather: gather32y, mark: mark32y, copies: copies32y, nonzeros: nonzeros32y, gate: gate32y, sumLines: sumlines32y,
	}
	sparse64y = sparseSet[float64]{
		few: [sparseVecs + 1]columnFunc[float64]{nil, columnfew64y1, columnfew64y2, columnfew64y3, columnfew64y4, columnfew64y5, columnfew64y6, columnfew64y7, columnfew64y8},
	}
	sparse64 = sparseSet[float64]{
		sparse:  [sparseVecs + 1]sparseFunc[float64]{nil, sparse64x1, sparse64x2, sparse64x3, sparse64x4, sparse64x5, sparse64x6, sparse64x7, sparse64x8},
		few:     [sparseVecs + 1]columnFunc[float64]{nil, columnfew64x1, columnfew64x2, columnfew64x3, columnfew64x4, columnfew64x5, columnfew64x6, columnfew64x7, columnfew64x8},
		full:    [fullVecs + 1]fullFunc[float64]{nil, full64x1, full64x2, full64x3},
		squares: squares64, addSquares: addsquares64, sift: sift64, gather: gather64, mark: mark64, copies: copies64, nonzeros: nonzeros64, gate: gate64, sumLines: sumlines64,
	}
)

const (
	// sparseVecs is how many vectors of a result a sparse product takes at once.
	sparseVecs = 8
	// blockRows is how many rows a block has where whole vectors of terms are written.
	blockRows = 64
	// sparseUnits is how many units of a gradient in weights are done at a time.
	sparseUnits = 128
	// sparsePercent is how many of a hundred numbers may be other than zero.
	sparsePercent = 70
)

// sparseTerms is the most terms a sparse product takes at a time: 64, whose block of the dense
// operand has 32 KB, half of that with AVX2, where that leaves room in the first-level cache,
// else 48. Blocks begin and end on cache lines of the weights.
var sparseTerms = blockTerms(firstLevel(), useAVX512)

func blockTerms(cache int, wide bool) int {
	if cache >= 48<<10 || !wide {
		return 64
	}
	return 48
}

// sparseProduct is a product on its way. Its parts are in the scratch, each from a cache
// line on.
type sparseProduct[T Float] struct {
	ks      *sparseSet[T]
	lanes   int
	pitch   int // elements from one row of a block, or of the sums, to the next
	rows    int
	way     way
	x       Tile[T] // the operand, if all its terms are taken
	s       []T     // the sparse operand
	wide    int     // of its rows
	bits    *uint8
	bitstep int
	block   []T
	sums    []T
	start   []T
	edge    []T
	own     []T // room for the operand
}

// sparseScratch is how much a product of so many rows and terms wants, with sums of some of
// the rows.
func sparseScratch[T Float](rows, terms, sums int) int {
	n := PanelRows[T]()
	return rows*(terms+n) + rows*(terms/8+16) + (blockRows+sums+1)*sparseVecs*n/2 + n/2*(blockRows+n) + 8*n
}

func newSparse[T Float](way way, rows, terms, sums int, scratch []T) sparseProduct[T] {
	ks, n := assembly[T](), PanelRows[T]()
	p := sparseProduct[T]{ks: &ks.sparseSet, way: way, lanes: ks.lanes, pitch: sparseVecs * ks.lanes, rows: rows}
	scratch = scratch[toLine(scratch):]
	take := func(count int) []T {
		part := scratch[:count]
		scratch = scratch[(count+n-1)/n*n:]
		return part
	}
	p.bitstep = (terms/8 + 16) / 8 * 8
	p.bits = (*uint8)(unsafe.Pointer(&take((rows*p.bitstep + 128) / (128 / n))[0]))
	p.block = take(blockRows * p.pitch)
	p.sums = take(sums * p.pitch)
	p.start = take(p.pitch)
	p.edge = take(p.lanes * (blockRows + n))
	p.own = scratch
	return p
}

// toLine is how many elements there are before the first cache line.
func toLine[T Float](x []T) int {
	return -int(uintptr(unsafe.Pointer(&x[0]))) & 63 / int(unsafe.Sizeof(x[0]))
}

func (p *sparseProduct[T]) bitsAt(row, term int) *uint8 {
	return (*uint8)(unsafe.Add(unsafe.Pointer(p.bits), row*p.bitstep+term/8))
}

// manyZeros looks at the first panel of a tile.
func manyZeros[T Float](x Tile[T], features int) bool {
	n, first, ks := PanelRows[T](), x.Data, assembly[T]()
	if x.Whole != nil {
		first = x.Whole
	}
	return features > 0 && ks.nonzeros(n/ks.lanes*features, &first[0])*100 <= sparsePercent*features*n
}

// operand makes the rows of a tile the sparse operand.
func (p *sparseProduct[T]) operand(x Tile[T], panels, features int) {
	if p.way == full {
		p.x = x
		return
	}
	n := PanelRows[T]()
	if x.ByRows {
		p.s, p.wide = x.Data, x.Stride/n
		p.ks.mark(p.rows, (features+p.lanes-1)/p.lanes, &p.s[0], p.wide, p.bits, p.bitstep)
		return
	}
	lanes, whole := p.lanes, features/p.lanes
	p.wide = (features + lanes - 1) / lanes * lanes
	p.s = p.own[:p.rows*p.wide]
	for q := range panels {
		for half := 0; half < n; half += lanes {
			row := q*n + half
			if whole > 0 {
				p.ks.sift(whole, &p.s[row*p.wide], p.wide, lanes, &x.Data[q*x.Stride+half], n, lanes*n, p.bitsAt(row, 0), p.bitstep)
			}
		}
		if rest := features % lanes; rest > 0 {
			edge := p.edge[:lanes*n]
			clear(edge[copy(edge, x.Data[q*x.Stride+whole*lanes*n:][:rest*n]):])
			for half := 0; half < n; half += lanes {
				row := q*n + half
				p.ks.sift(1, &p.s[row*p.wide+whole*lanes], p.wide, lanes, &edge[half], n, lanes*n, p.bitsAt(row, whole*lanes), p.bitstep)
			}
		}
	}
}

// turn brings count columns of w from term on, for nv vectors of rows from row on, to dst,
// a row for each column; edge has room for what is at an edge.
func turn[T Float](ks *set[T], dst, edge []T, w Matrix[T], m, row, nv, term, count int) {
	lanes, pitch := ks.lanes, sparseVecs*ks.lanes
	n := (count + lanes - 1) / lanes
	for v := range nv {
		j := row + v*lanes
		if from := j*w.Stride + term; from+(lanes-1)*w.Stride+n*lanes <= len(w.Data) {
			ks.squares(n, &dst[v*lanes], pitch, lanes*pitch, &w.Data[from], w.Stride, lanes)
			continue
		}
		for i := range min(lanes, m-j) {
			copy(edge[i*blockRows:][:count], w.Data[(j+i)*w.Stride+term:])
		}
		ks.squares(n, &dst[v*lanes], pitch, lanes*pitch, &edge[0], blockRows, lanes)
	}
}

// fastTurnedSize counts a block, of whole vectors, for each run of results and of terms.
func fastTurnedSize[T Float](m, k int) int {
	ks := assembly[T]()
	if ks.squares == nil {
		return 0
	}
	runs := ((m+ks.lanes-1)/ks.lanes + sparseVecs - 1) / sparseVecs
	return (runs*k + blockRows) * sparseVecs * ks.lanes
}

// fastTurn writes the blocks of the first results, term by term, then those of the next.
func fastTurn[T Float](dst []T, w Matrix[T], m, k int) {
	ks := assembly[T]()
	dst = dst[toLine(dst):]
	edge := make([]T, ks.lanes*(blockRows+PanelRows[T]()))
	all := (m + ks.lanes - 1) / ks.lanes
	for v, nv, run := 0, 0, 0; v < all; v, run = v+nv, run+1 {
		nv = fair(all-v, sparseVecs)
		for term, count := 0, 0; term < k; term += count {
			count = min(k-term, sparseTerms)
			turn(ks, dst[(run*k+term)*sparseVecs*ks.lanes:], edge, w, m, v*ks.lanes, nv, term, count)
		}
	}
}

// blockOf is a block of count rows of w from term on, as far as the columns from … to: copied,
// if they do not stand like one already.
func (p *sparseProduct[T]) blockOf(w Matrix[T], term, count, from, to int) *T {
	if w.Stride == p.pitch && to-from == p.pitch && toLine(w.Data) == 0 {
		return &w.Data[term*w.Stride]
	}
	if vecs := (to - from) / p.lanes; vecs*p.lanes == to-from {
		p.ks.copies(count, vecs, &p.block[0], p.pitch, &w.Data[term*w.Stride+from], w.Stride)
		return &p.block[0]
	}
	for u := range count {
		copy(p.block[u*p.pitch:], w.Data[(term+u)*w.Stride+from:(term+u)*w.Stride+to])
	}
	return &p.block[0]
}

// place is where sums go: to rows that are step elements apart.
type place[T Float] struct {
	to     *T
	step   int
	add    int
	limits *T
	of     *T // what the limits are for, if not for the sums
	ofstep int
}

// ahead is what is wanted next: as many rows, step elements apart.
type ahead[T Float] struct {
	from *T
	step int
	rows int
}

// next is what is wanted after the block of w from (row, col) on, of so many rows.
func next[T Float](w Matrix[T], row, col, rows int) ahead[T] {
	return ahead[T]{at(w.Data, row*w.Stride+col), w.Stride, rows}
}

// multiply adds the terms from term on, whose rows are in block, to sums of nv vectors, held
// between blocks in c.
func (p *sparseProduct[T]) multiply(nv, term, count, mode int, block, c *T, cstep int, to place[T], want ahead[T]) {
	if p.way == full {
		p.multiplyAll(nv, term, count, mode, block, c, cstep, to)
		return
	}
	p.ks.sparse[nv](p.rows, &p.s[term], p.wide, p.bitsAt(0, term), p.bitstep, term%8, 1<<count-1, block, c, cstep, &p.start[0], mode, to.to, to.step, to.add, to.limits, to.of, to.ofstep, want.from, want.step, max(want.rows, 1))
}

// store writes the sums to the features from … of a tile of panels, as many as it has.
func (p *sparseProduct[T]) store(y Tile[T], panels, from, nv, features int) {
	n, lanes := PanelRows[T](), p.lanes
	for q := range panels {
		for v := range nv {
			src := &p.sums[q*n*p.pitch+v*lanes]
			f := from + v*lanes
			out := y.Data[q*y.Stride+f*n:]
			if f+lanes <= features {
				p.ks.squares(n/lanes, &out[0], n, lanes, src, p.pitch, lanes*p.pitch)
				continue
			}
			edge := p.edge[:lanes*n]
			p.ks.squares(n/lanes, &edge[0], n, lanes, src, p.pitch, lanes*p.pitch)
			copy(out[:(features-f)*n], edge)
		}
	}
}

// product computes results of a product with so many terms, the blocks of which fill
// gives, and writes them to y, within limits or, where there is a tile of that stands by
// rows, if that is.
func (p *sparseProduct[T]) product(y, of Tile[T], panels, terms, results int, bias []T, limits *[2]T, fill func(run, from, nv, term, count int) (*T, ahead[T])) {
	n := PanelRows[T]()
	all := (results + p.lanes - 1) / p.lanes
	for v, nv, run := 0, 0, 0; v < all; v, run = v+nv, run+1 {
		nv = fair(all-v, sparseVecs)
		from := v * p.lanes
		c, cstep := &p.sums[0], p.pitch
		if y.ByRows {
			c, cstep = &y.Data[from], y.Stride/n
		}
		mode := 0
		if bias != nil {
			mode = 1
			copy(p.start, bias[from:])
		}
		for term, count := 0, 0; term < terms; term += count {
			count = min(terms-term, sparseTerms)
			to := place[T]{}
			if term+count == terms && limits != nil {
				to = place[T]{to: c, step: cstep, limits: &limits[0]}
				if of.ByRows {
					to.of, to.ofstep = &of.Data[from], of.Stride/n
				}
			}
			block, want := fill(run, from, nv, term, count)
			p.multiply(nv, term, count, mode, block, c, cstep, to, want)
			mode = 2
		}
		if !y.ByRows {
			p.store(y, panels, from, nv, results)
		}
	}
}

// sparseLinear is Linear over rows, if that pays.
func sparseLinear[T Float](y, x Tile[T], panels int, w Matrix[T], m, k int, b []T, limits *[2]T, scratch []T) bool {
	way := wayOf(y, x, k, m)
	if way == tiled || len(scratch) < fastLinearScratch[T](m, k, panels) {
		return false
	}
	rows := panels * PanelRows[T]()
	p := newSparse(way, rows, k, rows, scratch)
	p.operand(x, panels, k)
	turned := w.Turned
	if turned != nil {
		turned = turned[toLine(turned):]
	}
	p.product(y, Tile[T]{}, panels, k, m, b, limits, func(run, from, nv, term, count int) (*T, ahead[T]) {
		if turned != nil {
			at := (run*k + term) * p.pitch // the next block, also that of the next run, is behind it
			return &turned[at], ahead[T]{&turned[at+count*p.pitch], p.pitch * sparseTerms / rows, rows}
		}
		turn(assembly[T](), p.block, p.edge, w, m, from, nv, term, count)
		if term+count == k {
			return &p.block[0], next(w, from+nv*p.lanes, 0, p.pitch)
		}
		return &p.block[0], next(w, from, term+count, p.pitch)
	})
	return true
}

// sparseLinearT is LinearT over rows, if that pays.
func sparseLinearT[T Float](y, g Tile[T], panels int, w Matrix[T], m, k int, of Tile[T], limits *[2]T, scratch []T) bool {
	way := wayOf(y, g, m, k)
	if way == tiled || len(scratch) < fastLinearScratch[T](m, k, panels) {
		return false
	}
	rows := panels * PanelRows[T]()
	p := newSparse(way, rows, m, rows, scratch)
	p.operand(g, panels, m)
	within := limits
	if !of.ByRows {
		within = nil
	}
	p.product(y, of, panels, m, k, nil, within, func(_, from, nv, term, count int) (*T, ahead[T]) {
		block := p.blockOf(w, term, count, from, min(from+nv*p.lanes, k))
		if term+count == m {
			return block, next(w, 0, from+nv*p.lanes, sparseTerms)
		}
		return block, next(w, term+count, from, sparseTerms)
	})
	if !of.ByRows {
		gated(y, of, panels, k, limits)
	}
	return true
}

// gated makes zero where the element of a tile of the same layout does not lie between the
// limits, if there are any.
func gated[T Float](y, of Tile[T], panels, features int, limits *[2]T) {
	for q := 0; q < panels && limits != nil; q++ {
		ks := assembly[T]()
		ks.gate(PanelRows[T]()/ks.lanes*features, &y.Data[q*y.Stride], &of.Data[q*of.Stride], &limits[0])
	}
}
