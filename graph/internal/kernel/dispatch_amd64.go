//go:build amd64 && !noasm

package kernel

import "unsafe"

// Each function here runs the assembly twin of the one it is named after. It reports
// whether there is one or, for splines, hasSpline does.

func fastLinear[T Float](y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T, scratch []T) bool {
	ks := assembly[T]()
	if ks.tile == 0 {
		return false
	}
	if reach == nil && sparseLinear(y, x, panels, w, m, k, b, limits, scratch) {
		return true
	}
	to := y
	x, scratch = asPanels(x, panels, k, scratch)
	y, _ = roomFor(y, panels, m, scratch)
	tiledLinear(ks, y, x, panels, w, m, k, reach, b, limits)
	toRows(to, y, panels, m)
	return true
}

func fastLinearT[T Float](y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T, scratch []T) bool {
	ks := assembly[T]()
	if ks.tile == 0 {
		return false
	}
	if reach == nil && sparseLinearT(y, g, panels, w, m, k, of, limits, scratch) {
		return true
	}
	if !y.ByRows {
		g, scratch = asPanels(g, panels, m, scratch)
		of, scratch = asPanels(of, panels, k, scratch)
		tiledLinearT(ks, y, g, panels, w, m, k, reach, of, limits, scratch)
		return true
	}
	to := y
	g, scratch = asPanels(g, panels, m, scratch)
	y, _ = roomFor(y, panels, k, scratch)
	tiledLinearT(ks, y, g, panels, w, m, k, reach, Tile[T]{}, nil, nil)
	toRows(to, y, panels, k)
	gated(to, of, panels, k, limits)
	return true
}

// fastLinearScratch is what a product of so many inputs and results can use, either way.
func fastLinearScratch[T Float](m, k, panels int) int {
	if assembly[T]().squares == nil {
		return 0
	}
	rows := panels * PanelRows[T]()
	return max(sparseScratch[T](rows, max(m, k), rows), rows*(m+max(m, k)+2*RowWidth))
}

// fastOuterSum is what assembly keeps of a sum in parts.
type fastOuterSum[T Float] struct {
	sparse sparseOuter[T]
	way    way
}

func (o *OuterSum[T]) begin() {
	switch {
	case o.reach == nil && o.fast.sparse.begin(o.g, o.x, o.panels, o.m, o.k, o.scratch):
		o.fast.way = sparse
	case o.reach == nil && o.g.ByRows && !o.x.ByRows && o.k < fewResults && assembly[T]().full[1] != nil:
		o.fast.way = full
	case o.g.ByRows: // behind what dense sums want
		n := PanelRows[T]()
		o.g, _ = asPanels(o.g, o.panels, o.m, o.scratch[(2*o.panels*n+edgeLines)*n:])
	}
}

func (o *OuterSum[T]) fork() {
	if o.fast.way == sparse {
		o.fast.sparse = o.fast.sparse.fork(o.panels, o.m, o.scratch)
	}
}

func (o *OuterSum[T]) fastAdd(dw Matrix[T], add bool, from, to int) bool {
	ks := assembly[T]()
	switch {
	case ks.tile == 0:
		return false
	case o.fast.way == sparse:
		o.fast.sparse.addPart(dw, o.panels, o.m, o.k, add, from, to)
	case o.fast.way == full:
		byRowsOuter(dw, o.g, o.x, o.panels, o.m, o.k, o.scratch, add)
	default:
		tiledOuter(ks, dw, o.g, o.x, o.panels, o.m, o.k, o.reach, o.scratch, add, from, to)
	}
	return true
}

// fastOuterScratch is what a sum can use, dense what it wants without zeros.
func fastOuterScratch[T Float](m, k, panels, dense int) int {
	if assembly[T]().squares == nil {
		return 0
	}
	few := 0
	if k < fewResults {
		few = byRowsOuterScratch[T](m, k, panels)
	}
	return max(sparseOuterScratch[T](m, panels), few, dense+panels*PanelRows[T]()*(m+2*RowWidth))
}

func fastUnary[T Float](op UnaryOp, dst, src []T, a, b T) bool {
	ks := assembly[T]()
	if c := ks.circular(op); c != nil {
		fastCircular(c, op, dst, src)
		return true
	}
	f := ks.unary[op]
	if f != nil && len(dst) > 0 {
		f(&dst[0], &src[0], len(dst), a, b)
	}
	return f != nil
}

func fastPairs[T Float](op BinaryOp, dst, x, y []T) bool {
	f := assembly[T]().binary[op].pairs
	if f != nil && len(dst) > 0 {
		f(&dst[0], &x[0], &y[0], len(dst))
	}
	return f != nil
}

func fastLines[T Float](op BinaryOp, dst []T, x, y Line[T], features int) bool {
	f, p, q := assembly[T]().binary[op].arrange(x, y)
	if f != nil && features > 0 {
		f(&dst[0], &p.Data[0], &q.Data[0], features, p.step(), q.step())
	}
	return f != nil
}

// arrange chooses the form: numbers go last, whatever their side.
func (f *binaryFuncs[T]) arrange(x, y Line[T]) (lineFunc[T], Line[T], Line[T]) {
	switch {
	case x.Number:
		return f.before, y, x
	case y.Number:
		return f.after, x, y
	}
	return f.lines, x, y
}

// step is the distance between features in bytes.
func (l Line[T]) step() int {
	switch {
	case l.Same:
		return 0
	case l.Number:
		return bytes[T](1)
	}
	return 128
}

func fastWhere[T Float](dst, c, x, y []T) bool {
	f := assembly[T]().where
	if f != nil && len(dst) > 0 {
		f(&dst[0], &c[0], &x[0], &y[0], len(dst))
	}
	return f != nil
}

func fastFold[T Float](dst, src []T, count int, top bool) bool {
	f := assembly[T]().sum
	if top {
		f = assembly[T]().top
	}
	if f != nil {
		f(&dst[0], at(src, 0), count)
	}
	return f != nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func hasSpline[T Float]() bool { return assembly[T]().spline != nil }

func fastSpline[T Float](s *Spline[T], y, l, x, h []T, inverse, over bool, scratch []T) {
	f := assembly[T]().spline
	if inverse {
		f = assembly[T]().splineInverse
	}
	n, at := PanelRows[T](), exponentialsOf(s, h, over, scratch)
	_, _, _, _ = y[:n], l[n-1], x[n-1], h[(3*s.Bins-1)*n-1]
	for i := 0; f != nil && i < len(y); i += assembly[T]().lanes {
		f(&y[i], &l[i], &x[i], &h[i], 128, s.Bins, &s.numbers[0], at.shelf, at.first(i), at.step, at.heights, flag(s.Exponential))
	}
}

func fastSplineGrad[T Float](s *Spline[T], gx, gh, x, h, gy, gl []T, inverse, over bool, scratch []T) {
	f := assembly[T]().splineGrad
	if inverse {
		f = assembly[T]().splineGradInverse
	}
	n, at := PanelRows[T](), exponentialsOf(s, h, over, scratch)
	p := (3*s.Bins-1)*n - 1
	_, _, _, _, _, _ = gx[n-1], gh[p], x[n-1], h[p], gy[n-1], gl[n-1]
	for i := 0; f != nil && i < n; i += assembly[T]().lanes {
		f(&gx[i], &gh[i], &x[i], &h[i], &gy[i], &gl[i], 128, s.Bins, &s.numbers[0], at.shelf, at.first(i), at.step, at.heights, flag(s.Exponential), flag(over))
	}
}

// exponentials are where spline kernels have those of widths and heights: over the raw
// ones or, for a vector at a time, in scratch. Distances are in bytes.
type exponentials[T Float] struct {
	data          []T
	step, heights int
	over          bool
	shelf         *T
}

func exponentialsOf[T Float](s *Spline[T], h []T, over bool, scratch []T) exponentials[T] {
	n, width := PanelRows[T](), bytes[T](assembly[T]().lanes)
	_ = scratch[SplineScratch[T](s.Bins)-1]
	at := exponentials[T]{scratch, 2 * width, width, over, &scratch[s.Bins*n]}
	if over {
		at.data, at.step, at.heights = h, 128, 128*s.Bins
	}
	return at
}

// first is where they begin for the lanes from i on.
func (e *exponentials[T]) first(i int) *T {
	if e.over {
		return &e.data[i]
	}
	return &e.data[0]
}

// fastAdam calls its kernels by name: through a table, its numbers would have to
// be allocated.
func fastAdam[T Float](p, g, m, v, average []T, c *[12]T) bool {
	if !useAVX512 && !useAVX2 {
		return false
	}
	if len(p) == 0 {
		return true
	}
	ps := [5]unsafe.Pointer{unsafe.Pointer(&p[0]), unsafe.Pointer(&g[0]), unsafe.Pointer(&m[0]), unsafe.Pointer(&v[0]), nil}
	if average != nil {
		ps[4] = unsafe.Pointer(&average[0])
	}
	if single[T]() {
		adamSingle(&ps, len(p), (*float32)(unsafe.Pointer(c)))
	} else {
		adamDouble(&ps, len(p), (*float64)(unsafe.Pointer(c)))
	}
	return true
}

func adamSingle(ps *[5]unsafe.Pointer, n int, c *float32) {
	p, g, m, v, a := (*float32)(ps[0]), (*float32)(ps[1]), (*float32)(ps[2]), (*float32)(ps[3]), (*float32)(ps[4])
	switch {
	case useAVX512 && a != nil:
		adamavg32(p, g, m, v, a, n, c)
	case useAVX512:
		adam32(p, g, m, v, n, c)
	case a != nil:
		adamavg32y(p, g, m, v, a, n, c)
	default:
		adam32y(p, g, m, v, n, c)
	}
}

func adamDouble(ps *[5]unsafe.Pointer, n int, c *float64) {
	p, g, m, v, a := (*float64)(ps[0]), (*float64)(ps[1]), (*float64)(ps[2]), (*float64)(ps[3]), (*float64)(ps[4])
	switch {
	case useAVX512 && a != nil:
		adamavg64(p, g, m, v, a, n, c)
	case useAVX512:
		adam64(p, g, m, v, n, c)
	case a != nil:
		adamavg64y(p, g, m, v, a, n, c)
	default:
		adam64y(p, g, m, v, n, c)
	}
}

func fastAverage[T Float](a, b []T, w T) bool {
	f := assembly[T]().average
	if f != nil && len(a) > 0 {
		f(&a[0], &b[0], len(a), w)
	}
	return f != nil
}

func fastSumSquares[T Float](x []T) (float64, bool) {
	f := assembly[T]().sumSquares
	if f == nil || len(x) == 0 {
		return 0, f != nil
	}
	return f(&x[0], len(x)), true
}

func fastSumRows[T Float](acc []T, x Tile[T], panels, n int) bool {
	if x.ByRows {
		ks := assembly[T]()
		ks.sumLines(panels*PanelRows[T](), n/ks.lanes, &acc[0], &x.Data[0], x.Stride/PanelRows[T]())
		return true
	}
	f := assembly[T]().sumRows
	if f != nil && n > 0 && panels > 0 {
		f(&acc[0], &x.Data[0], panels, bytes[T](x.Stride), n)
	}
	return f != nil
}

func hasColumn() bool { return useAVX512 || useAVX2 }

func fastColumn[T Float](y, x []T, p *Packed[T], b block) bool {
	ks := assembly[T]()
	if ks.lanes == 0 {
		return false
	}
	_, _ = y[b.from+b.width-1], x[:p.k]
	column := &ks.column
	if p.Zeros && ks.few[1] != nil {
		column = &ks.few
	}
	for i := 0; i < b.width; i += 8 * ks.lanes {
		vecs := min(8, (b.width-i)/ks.lanes)
		column[vecs](b.k, at(x, 0), at(p.wt, b.at+i), bytes[T](b.width), at(y, b.from+i), at(p.bias, b.from+i))
	}
	return true
}

// bytes is the size of n elements.
func bytes[T Float](n int) int { return n * (128 / PanelRows[T]()) }

func fastTimes[T Float](y, a []T, row, step int, b []T, m, k, n int) bool {
	ks := assembly[T]()
	if ks.lanes == 0 {
		return false
	}
	for r := range m {
		for i := 0; i < n; i += 8 * ks.lanes {
			vecs := min(8, (n-i+ks.lanes-1)/ks.lanes)
			tail := min(ks.lanes, n-i-(vecs-1)*ks.lanes)
			ks.times[vecs](k, at(a, r*row), bytes[T](step), at(b, i), bytes[T](n), at(y, r*n+i), tail)
		}
	}
	return true
}

// fastPeak runs n rounds of the loop that measures the peak, and returns how many
// floating-point operations a round has; 0 if there is no assembly.
func fastPeak[T Float](n int) int {
	ks := assembly[T]()
	if ks.lanes == 0 {
		return 0
	}
	ks.peak(n)
	if ks.lanes*2 == PanelRows[T]() {
		return 2 * 24 * ks.lanes
	}
	return 2 * 12 * ks.lanes
}
