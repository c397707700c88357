//go:build amd64 && !noasm

package kernel

import (
	"math"
	"unsafe"
)

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
func (t Tile[T]) from(panel int) Tile[T] {
	return Tile[T]{Data: t.Data[panel*t.Stride:], Stride: t.Stride}
}

// tiledLinear goes over the panels in pairs where there are kernels for that, then
// over what is left one by one. Sums run in the same order either way.
func tiledLinear[T Float](ks *set[T], y, x Tile[T], panels int, w Matrix[T], m, k int, reach []int32, b []T, limits *[2]T) {
	l := linearTiles[T]{product[T]{ks.nn[:ks.tile+1], 1, ks.order, w, m, k, reach, limits}, b}
	pairs := 0
	if ks.nnPair[1] != nil {
		pairs = panels / 2 * 2
		two := l
		two.kernels, two.width, two.block = ks.nnPair[:], 2, min(l.block, pairTile)
		two.run(y, x, pairs)
	}
	if pairs < panels {
		l.run(y.from(pairs), x.from(pairs), panels-pairs)
	}
}

// order is how a product goes over its tiles. The first-level cache of a machine with
// AVX2 alone is small: some terms of one panel stay there for a block of features,
// whose weights stay in the second level for all panels.
type order struct {
	block int // features or inputs at a time
	terms int // terms at a time
}

// product is what a product and its transpose go by: kernels for width panels at once.
type product[T Float] struct {
	kernels []productFunc[T]
	width   int
	order
	w      Matrix[T]
	m, k   int
	reach  []int32
	limits *[2]T
}

// tile is how many of n features or inputs a tile takes, if the first same of them lie
// between the same steps of the staircase: no others, unless few are left to that step.
func (p *product[T]) tile(n, same, few int) int {
	if same >= few {
		n = min(n, same)
	}
	return fair(n, len(p.kernels)-1)
}

// fair is the size of the first of the fewest parts of at most so many that n make,
// all nearly the same: small tiles are the slow ones.
func fair(n, most int) int {
	if n <= most {
		return n
	}
	parts := (uint32(n) + uint32(most) - 1) / uint32(most)
	return int((uint32(n) + parts - 1) / parts)
}

// linearTiles computes as many features of width panels at a time as there are
// kernels. Under a staircase, the inputs that all of them see come first, then what
// fewer and fewer of them see, as far as the next step of the staircase at a time: in
// order of the inputs, as without tiles.
type linearTiles[T Float] struct {
	product[T]
	b []T
}

func (l *linearTiles[T]) run(y, x Tile[T], panels int) {
	for j, end := 0, 0; j < l.m; j = end {
		end = j + min(l.m-j, l.block)
		if l.block < len(l.kernels) {
			end = j + l.tileFrom(j, l.m)
		}
		longest := limit(l.reach, end-1, l.k)
		if end-j < len(l.kernels) && longest <= l.terms && limit(l.reach, j, l.k) == longest {
			l.level(y, x, panels, j, end, longest)
			continue
		}
		for from := 0; from == 0 || from < longest; from += l.terms {
			for p := 0; p < panels; p += l.width {
				l.common(y.from(p), x.from(p), j, end, from, p/l.width%2)
			}
		}
		if limit(l.reach, j, l.k) == longest {
			continue
		}
		for p := 0; p < panels; p += l.width {
			l.stairs(y.from(p), x.from(p), j, end)
		}
	}
}

// level computes a single tile of features that see the same inputs, in all panels.
func (l *linearTiles[T]) level(y, x Tile[T], panels, j, end, inputs int) {
	n, mode, bias, bounds := PanelRows[T](), 0, (*T)(nil), first(l.limits)
	if l.b != nil {
		mode, bias = 1, &l.b[j]
	}
	f, w, stride := l.kernels[end-j], at(l.w.Data, j*l.w.Stride), l.w.Stride
	ahead := [2]*T{at(l.w.Data, min(end, l.m-1)*stride), at(l.w.Data, min(end+3, l.m-1)*stride)}
	for p, odd := 0, 0; p < panels; p, odd = p+l.width, 1-odd {
		f(inputs, w, stride, at(x.Data, p*x.Stride), x.Stride, &y.Data[p*y.Stride+j*n], y.Stride, bias, mode, bounds, nil, 0, ahead[odd])
	}
}

// tileAt returns how many features the tile from j on has, how many inputs all of them
// see and how many the last.
func (l *linearTiles[T]) tileAt(j, end int) (mr, common, last int) {
	mr = l.tileFrom(j, end)
	return mr, limit(l.reach, j, l.k), limit(l.reach, j+mr-1, l.k)
}

// tileFrom is how many features the tile from j on has.
func (l *linearTiles[T]) tileFrom(j, end int) int {
	most, same, few := len(l.kernels)-1, end-j, 4
	if l.reach != nil {
		same = min(3*most, same)
		for l.reach[j+same-1] != l.reach[j] {
			same--
		}
		if l.reach[j] > 256 && fair(same, most) < 5 {
			few = math.MaxInt // a step costs less than small tiles of that many terms
		}
	}
	return l.tile(end-j, same, few)
}

// common adds the terms from a multiple of l.terms on that all features of each tile
// have.
func (l *linearTiles[T]) common(y, x Tile[T], j, end, from, odd int) {
	n, block := PanelRows[T](), end-j
	for mr := 0; j < end; j += mr {
		var common, last int
		mr, common, last = l.tileAt(j, end)
		if from > 0 && from >= common {
			continue
		}
		mode, bias, bounds, count := 0, (*T)(nil), (*T)(nil), min(l.terms, common-from)
		if l.b != nil {
			mode, bias = 1, &l.b[j]
		}
		if from > 0 {
			mode = 2
		}
		if last == common && from+count == common {
			bounds = first(l.limits) // else applied when the whole tile is there
		}
		row, col := j+3*odd, from+l.terms // of the weights that are wanted next
		if col >= l.k {
			row, col = row+block, 0
		}
		ahead := at(l.w.Data, min(row, l.m-1)*l.w.Stride+col)
		l.kernels[mr](count, at(l.w.Data, j*l.w.Stride+from), l.w.Stride, at(x.Data, from*n), x.Stride, &y.Data[j*n], y.Stride, bias, mode, bounds, nil, 0, ahead)
	}
}

// stairs adds what only some features of each tile see.
func (l *linearTiles[T]) stairs(y, x Tile[T], j, end int) {
	n := PanelRows[T]()
	for mr := 0; j < end; j += mr {
		var common, last int
		mr, common, last = l.tileAt(j, end)
		if last == common {
			continue
		}
		out := y.Data[j*n:]
		for i, done := 1, common; i < mr && done < last; i++ {
			if end := limit(l.reach, j+i, l.k); end > done {
				from := &l.w.Data[(j+i)*l.w.Stride+done]
				l.kernels[mr-i](end-done, from, l.w.Stride, &x.Data[done*n], x.Stride, &out[i*n], y.Stride, nil, 2, nil, nil, 0, from)
				done = end
			}
		}
		for q := 0; q < l.width && l.limits != nil; q++ {
			part := out[q*y.Stride:][:mr*n]
			Apply(Clamp, part, part, l.limits[0], l.limits[1])
		}
	}
}

// tiledLinearT goes over the panels as tiledLinear does.
func tiledLinearT[T Float](ks *set[T], y, g Tile[T], panels int, w Matrix[T], m, k int, reach []int32, of Tile[T], limits *[2]T, scratch []T) {
	l := linearTTiles[T]{product: product[T]{ks.tn[:ks.tile+1], 1, ks.orderT, w, m, k, reach, limits}}
	pairs := 0
	if ks.tnPair[1] != nil {
		pairs = panels / 2 * 2
		two := l
		two.kernels, two.width = ks.tnPair[:], 2
		two.run(y, g, of, pairs)
	}
	if pairs == panels {
		return
	}
	if limits != nil {
		of = of.from(pairs)
	}
	if size := fastLinearTScratch[T](m, k, panels); size > 0 && len(scratch) >= size {
		l.copy, l.packed = ks.strips, scratch
	}
	l.run(y.from(pairs), g.from(pairs), of, panels-pairs)
}

// linearTTiles computes the gradient of as many inputs in width panels at a time as
// there are kernels; terms are units here, a block is of inputs. Under a staircase, each
// input's own first units come first, then those that see all.
type linearTTiles[T Float] struct {
	product[T]
	copy   stripsFunc[T]
	packed []T
}

func (l *linearTTiles[T]) run(y, g, of Tile[T], panels int) {
	for unit := 0; unit == 0 || unit < l.m; unit += l.terms {
		end := min(unit+l.terms, l.m)
		seen := window{reach: l.reach, m: end, at: unit}
		for i, to := 0, 0; i < l.k; i = to {
			to = i + min(l.k-i, l.block)
			if l.packed != nil {
				l.pack(seen, unit, end, i, to)
			}
			var next window
			for p := 0; p < panels; p += l.width {
				next = seen
				within := Tile[T]{}
				if l.limits != nil && end == l.m {
					within = of.from(p)
				}
				l.inputs(y.from(p), g.from(p), within, &next, unit, end, i, to)
			}
			seen = next
		}
	}
}

// inputs adds the units unit … end to the gradient of inputs i … to.
func (l *linearTTiles[T]) inputs(y, g, of Tile[T], seen *window, unit, end, i, to int) {
	n, tile := PanelRows[T](), len(l.kernels)-1
	for first, mr := i, 0; i < to; i += mr {
		mr = min(tile, to-i)
		if l.packed == nil {
			mr = l.tile(to-i, seen.alike(i, to), 4)
		}
		begin, from := seen.next(i, mr)
		if begin == end && unit > 0 && end < l.m {
			continue // none of the units sees these inputs
		}
		w := Matrix[T]{Data: l.w.Data[min(unit*l.w.Stride+i, len(l.w.Data)):], Stride: l.w.Stride}
		if l.packed != nil {
			w = Matrix[T]{Data: l.packed[(i-first)/tile*stripPitch:], Stride: tile}
		}
		out := y.Data[i*n:]
		mode, bounds, within := 0, (*T)(nil), (*T)(nil)
		if unit > 0 {
			mode = 2
		}
		if of.Data != nil {
			bounds, within = &l.limits[0], &of.Data[i*n]
		}
		if from > begin && mode == 0 {
			mode = 2
			for q := range l.width {
				clear(out[q*y.Stride:][:mr*n])
			}
		}
		for u := begin; u < from; {
			next := seen.step(u, from)
			l.kernels[int(l.reach[u])-i](next-u, at(w.Data, (u-unit)*w.Stride), w.Stride, at(g.Data, u*n), g.Stride, &out[0], y.Stride, nil, 2, nil, nil, 0, nil)
			u = next
		}
		l.kernels[mr](end-from, at(w.Data, (from-unit)*w.Stride), w.Stride, at(g.Data, from*n), g.Stride, &out[0], y.Stride, nil, mode, bounds, within, of.Stride, nil)
	}
}

const (
	// stripBlock is how many inputs have their weights packed at a time, stripUnits how
	// many units of them.
	stripBlock = 192
	stripUnits = 128
	// stripPitch is how far tiles of packed weights are apart.
	stripPitch = 6*stripUnits + 8
)

func fastLinearTScratch[T Float](m, k, panels int) int {
	if assembly[T]().strips == nil || panels < 2 || k*bytes[T](1) < 512 || m < 32 {
		return 0
	}
	return stripBlock / 6 * stripPitch
}

// pack copies the weights of units unit … end for inputs from … to, as far as they see
// them, so that those of one tile stand together: a tile's weights would else be as many
// lines and, where rows are long, pages of memory as there are units. The last tiles,
// where what is beyond them need not be there to be read, go one by one.
func (l *linearTTiles[T]) pack(seen window, unit, end, from, to int) {
	begin, _ := seen.next(from, 1) // those before see none of the block
	tile := len(l.kernels) - 1
	whole := min((to-from)/tile, max(0, l.k-from-2)/tile)
	for u := begin; u < end && whole > 0; {
		next, tiles := end, whole
		if l.reach != nil { // no more than the units see
			next = seen.step(u, end)
			tiles = min(whole, (int(l.reach[u])-from+tile-1)/tile)
		}
		l.copy(next-u, &l.w.Data[u*l.w.Stride+from], l.w.Stride, &l.packed[(u-unit)*tile], tiles, stripPitch)
		u = next
	}
	for t := whole; from+t*tile < to; t++ {
		strip := l.packed[t*stripPitch:]
		i := from + t*tile
		for u := begin; u < end; u++ {
			copy(strip[(u-unit)*tile:][:tile], l.w.Data[u*l.w.Stride+i:u*l.w.Stride+min(i+tile, to)])
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

// alike is how many of the inputs i … to, which are asked for in order, the same first
// unit sees.
func (s *window) alike(i, to int) int {
	if begin, _ := s.next(i, 0); s.reach != nil && begin < s.m {
		return int(s.reach[begin]) - i
	}
	return to - i
}

// step is the first unit after u, at most end, that sees other inputs than u.
func (s *window) step(u, end int) int {
	next := u + 1
	for next < end && s.reach[next] == s.reach[u] {
		next++
	}
	return next
}
