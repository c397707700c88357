package kernel

// Packed is a weight matrix and its bias made ready for [Column]: transposed, in
// blocks of outputs, each of which is read from end to end.
type Packed[T Float] struct {
	// Zeros says that many inputs are zero: the weights of these are not read, where there
	// is assembly for it.
	Zeros bool

	m, k   int
	wt     []T
	bias   []T
	reach  []int32
	blocks []block
}

// block is a run of outputs, whole vectors of either width.
type block struct {
	from, width int
	k           int // inputs that any of them sees
	at          int // of its first weight
}

// NewPacked makes room for an m×k matrix with a staircase, nil for none. Blocks are
// eight wide vectors or, to follow a high staircase, four.
func NewPacked[T Float](m, k int, reach []int32) *Packed[T] {
	lanes := PanelRows[T]() / 2
	p := &Packed[T]{m: m, k: k, reach: reach, bias: make([]T, (m+lanes-1)/lanes*lanes)}
	size := 8 * lanes
	if reach != nil && k > 128 {
		size = 4 * lanes
	}
	at := 0
	for from := 0; from < len(p.bias); from += size {
		b := block{from: from, width: min(size, len(p.bias)-from), at: at}
		b.k = limit(reach, min(from+b.width, m)-1, k)
		at += b.width * b.k
		p.blocks = append(p.blocks, b)
	}
	p.wt = make([]T, at)
	return p
}

// Width is how many elements the result of [Column] takes.
func (p *Packed[T]) Width() int { return len(p.bias) }

// Fill packs the weights and the bias, nil for none. Entries at or beyond the
// staircase stay zero.
func (p *Packed[T]) Fill(w Matrix[T], bias []T) {
	for _, b := range p.blocks {
		for j := b.from; j < min(b.from+b.width, p.m); j++ {
			for i, v := range w.Data[j*w.Stride:][:limit(p.reach, j, p.k)] {
				p.wt[b.at+i*b.width+j-b.from] = v
			}
		}
	}
	copy(p.bias, bias)
}

// Weights is how many weights [Column] reads.
func (p *Packed[T]) Weights() int { return len(p.wt) }

// Parts is how many parts [Column] has.
func (p *Packed[T]) Parts() int { return len(p.blocks) }

// Column computes y = x Wᵀ + b for a single row, to the same bits as [Linear].
// It writes Width elements of y, those behind the m-th of no meaning. It reports
// whether there is assembly for it; without, nothing is done.
func Column[T Float](y, x []T, p *Packed[T]) bool {
	for i := range p.blocks {
		if !fastColumn(y, x, p, p.blocks[i]) {
			return false
		}
	}
	return true
}

// ColumnPart is [Column] for some of the outputs. Under a staircase, the first parts
// have the most weights.
func ColumnPart[T Float](y, x []T, p *Packed[T], part int) bool {
	return fastColumn(y, x, p, p.blocks[len(p.blocks)-1-part])
}

// HasColumn reports whether [Column] works on this machine.
func HasColumn() bool { return hasColumn() }
