package kernel

// Packed is a weight matrix and its bias made ready for [Column].
type Packed[T Float] struct {
	m, k   int
	stride int
	wt     []T // transposed, rows of whole vectors of either width
	bias   []T
	reach  []int32
}

// NewPacked makes room for an m×k matrix with a staircase, nil for none.
func NewPacked[T Float](m, k int, reach []int32) *Packed[T] {
	lanes := PanelRows[T]() / 2
	stride := (m + lanes - 1) / lanes * lanes
	return &Packed[T]{m: m, k: k, stride: stride, wt: make([]T, stride*k), bias: make([]T, stride), reach: reach}
}

// Width is how many elements the result of [Column] takes.
func (p *Packed[T]) Width() int { return p.stride }

// Fill packs the weights and the bias, nil for none. Entries at or beyond the
// staircase stay zero.
func (p *Packed[T]) Fill(w Matrix[T], bias []T) {
	for j := range p.m {
		for i, v := range w.Data[j*w.Stride:][:limit(p.reach, j, p.k)] {
			p.wt[i*p.stride+j] = v
		}
	}
	copy(p.bias, bias)
}

// Column computes y = x Wᵀ + b for a single row, to the same bits as [Linear].
// It writes Width elements of y, those behind the m-th of no meaning. It reports
// whether there is assembly for it; without, nothing is done.
func Column[T Float](y, x []T, p *Packed[T]) bool { return fastColumn(y, x, p) }

// HasColumn reports whether [Column] works on this machine.
func HasColumn() bool { return hasColumn() }
