package graph

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
)

func hashInts(v []int) uint64 {
	h := fnv.New64a()
	for _, i := range v {
		fmt.Fprintf(h, "%d,", i)
	}
	return h.Sum64()
}

// gather takes columns; scatter, its transpose, adds them to a matrix of zeros.
type (
	gather  struct{ idx []int }
	scatter struct {
		idx  []int
		cols int
	}
)

func (o gather) String() string  { return fmt.Sprintf("gather(%d:%x)", len(o.idx), hashInts(o.idx)) }
func (o scatter) String() string { return fmt.Sprintf("scatter(%d:%x)", o.cols, hashInts(o.idx)) }

func (o gather) shape(in []dims) (dims, error) {
	if len(o.idx) == 0 {
		return dims{}, fmt.Errorf("no columns of %v", in[0])
	}
	for _, i := range o.idx {
		if i < 0 || i >= in[0].c {
			return dims{}, fmt.Errorf("column %d of %v", i, in[0])
		}
	}
	return dims{in[0].rows, in[0].r, len(o.idx)}, nil
}

func (o scatter) shape(in []dims) (dims, error) {
	if in[0].c != len(o.idx) {
		return dims{}, fmt.Errorf("%d places for %v", len(o.idx), in[0])
	}
	return dims{in[0].rows, in[0].r, o.cols}, nil
}

func (o gather) diff(xs []Expr, _, g Expr) []Expr {
	return []Expr{g.apply1(scatter{o.idx, xs[0].Cols()})}
}
func (o scatter) diff(_ []Expr, _, g Expr) []Expr { return []Expr{g.apply1(gather{o.idx})} }

// contiguous reports whether the columns are a run, and where it starts.
func (o gather) contiguous() (start int, ok bool) {
	for i, v := range o.idx {
		if v != o.idx[0]+i {
			return 0, false
		}
	}
	return o.idx[0], true
}

// concat puts values side by side.
type concat struct{ n int }

func (o concat) String() string { return fmt.Sprintf("concat(%d)", o.n) }
func (o concat) shape(in []dims) (dims, error) {
	out := in[0]
	for _, d := range in[1:] {
		if d.rows != out.rows || d.r != out.r {
			return dims{}, fmt.Errorf("%v and %v: rows differ", out, d)
		}
		out.c += d.c
	}
	return out, nil
}
func (o concat) diff(xs []Expr, _, g Expr) []Expr {
	out := make([]Expr, len(xs))
	at := 0
	for i, x := range xs {
		out[i] = g.Slice(at, at+x.Cols())
		at += x.Cols()
	}
	return out
}

// place is its first argument with the columns from at on replaced by its second.
type place struct{ at int }

func (o place) String() string { return fmt.Sprintf("place(%d)", o.at) }
func (o place) shape(in []dims) (dims, error) {
	if in[0].rows != in[1].rows || in[0].r != in[1].r || o.at < 0 || o.at+in[1].c > in[0].c {
		return dims{}, fmt.Errorf("%v at column %d of %v", in[1], o.at, in[0])
	}
	return in[0], nil
}
func (o place) diff(xs []Expr, _, g Expr) []Expr {
	n := xs[1].Cols()
	return []Expr{g.Place(o.at, xs[1].Zeros(n)), g.Slice(o.at, o.at+n)}
}

// repeat writes each column k times; sumGroups, its transpose, adds each run of
// k columns.
type (
	repeat    struct{ k int }
	sumGroups struct{ k int }
)

func (o repeat) String() string    { return fmt.Sprintf("repeat(%d)", o.k) }
func (o sumGroups) String() string { return fmt.Sprintf("sumGroups(%d)", o.k) }
func (o repeat) shape(in []dims) (dims, error) {
	if o.k < 1 {
		return dims{}, fmt.Errorf("%d times", o.k)
	}
	return dims{in[0].rows, in[0].r, in[0].c * o.k}, nil
}
func (o sumGroups) shape(in []dims) (dims, error) {
	if o.k < 1 || in[0].c%o.k != 0 {
		return dims{}, fmt.Errorf("%v in groups of %d", in[0], o.k)
	}
	return dims{in[0].rows, in[0].r, in[0].c / o.k}, nil
}
func (o repeat) diff(_ []Expr, _, g Expr) []Expr    { return []Expr{g.SumGroups(o.k)} }
func (o sumGroups) diff(_ []Expr, _, g Expr) []Expr { return []Expr{g.Repeat(o.k)} }

// maxGroups is the largest of each run of k columns, without a gradient: it is
// for shifting exponentials, where the gradient cancels.
type maxGroups struct{ k int }

func (o maxGroups) String() string                  { return fmt.Sprintf("maxGroups(%d)", o.k) }
func (o maxGroups) shape(in []dims) (dims, error)   { return sumGroups(o).shape(in) }
func (o maxGroups) diff(_ []Expr, _, _ Expr) []Expr { return []Expr{{}} }

// cumGroups adds up, within each run of k columns, the columns as far as each one;
// backwards, from each one on.
type cumGroups struct {
	k         int
	backwards bool
}

func (o cumGroups) String() string { return fmt.Sprintf("cumGroups(%d,%t)", o.k, o.backwards) }
func (o cumGroups) shape(in []dims) (dims, error) {
	_, err := sumGroups{o.k}.shape(in)
	return in[0], err
}
func (o cumGroups) diff(_ []Expr, _, g Expr) []Expr {
	return []Expr{g.apply1(cumGroups{o.k, !o.backwards})}
}

// add calls f with each column and the one before it in the order of adding, -1
// for none.
func (o cumGroups) add(cols int, f func(col, before int)) {
	for at := 0; at < cols; at += o.k {
		for i := range o.k {
			col, before := at+i, at+i-1
			if o.backwards {
				col = at + o.k - 1 - i
				before = col + 1
			}
			if i == 0 {
				before = -1
			}
			f(col, before)
		}
	}
}

// sumRows adds all rows; on a value with rows the result has none.
type sumRows struct{}

func (sumRows) String() string                   { return "sumRows" }
func (sumRows) shape(in []dims) (dims, error)    { return dims{r: 1, c: in[0].c}, nil }
func (sumRows) diff(xs []Expr, _, g Expr) []Expr { return []Expr{g.Expand(xs[0])} }

// lossOp hands a single element to gorgonia.Grad, which wants a scalar.
type lossOp struct{}

func (lossOp) String() string { return "loss" }
func (lossOp) shape(in []dims) (dims, error) {
	if in[0].rows || in[0].r != 1 || in[0].c != 1 {
		return dims{}, fmt.Errorf("%v is not one number", in[0])
	}
	return in[0], nil
}
func (lossOp) diff(_ []Expr, _, g Expr) []Expr { return []Expr{g.apply1(unloss{})} }

// unloss turns gorgonia's scalar back into a matrix of one element.
type unloss struct{}

func (unloss) String() string                  { return "unloss" }
func (unloss) shape([]dims) (dims, error)      { return dims{r: 1, c: 1}, nil }
func (unloss) diff(_ []Expr, _, g Expr) []Expr { return []Expr{g.apply1(lossOp{})} }

// Columns takes the given columns, in that order; a column may come twice.
func (e Expr) Columns(idx []int) Expr {
	if len(idx) == e.Cols() && e.node != nil {
		same := true
		for i, v := range idx {
			same = same && i == v
		}
		if same {
			return e
		}
	}
	return e.apply1(gather{slices.Clone(idx)})
}

// Slice takes the columns from lo up to hi.
func (e Expr) Slice(lo, hi int) Expr {
	idx := make([]int, max(hi-lo, 0))
	for i := range idx {
		idx[i] = lo + i
	}
	return e.Columns(idx)
}

// Stride takes every k-th column, beginning with column at.
func (e Expr) Stride(at, k int) Expr {
	var idx []int
	for i := at; i < e.Cols(); i += k {
		idx = append(idx, i)
	}
	return e.Columns(idx)
}

// Concat puts values side by side.
func Concat(parts ...Expr) Expr {
	if len(parts) == 0 {
		return Expr{}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	if parts[0].g == nil {
		return parts[0]
	}
	return parts[0].g.apply(concat{len(parts)}, parts...)
}

// Place returns e with the columns from at on replaced by block.
func (e Expr) Place(at int, block Expr) Expr {
	if at == 0 && e.Cols() == block.Cols() && e.node != nil && block.node != nil {
		return block
	}
	return e.apply2(place{at}, block)
}

// Repeat writes each column k times in a row.
func (e Expr) Repeat(k int) Expr {
	if k == 1 {
		return e
	}
	return e.apply1(repeat{k})
}

// SumGroups adds each run of k columns.
func (e Expr) SumGroups(k int) Expr {
	if k == 1 {
		return e
	}
	return e.apply1(sumGroups{k})
}

// CumGroups adds up within each run of k columns: column j of a run becomes the sum
// of its columns 0 … j.
func (e Expr) CumGroups(k int) Expr { return e.apply1(cumGroups{k: k}) }

// SumCols adds all columns.
func (e Expr) SumCols() Expr {
	if e.node == nil {
		return e
	}
	return e.SumGroups(e.Cols())
}

// SumRows adds all rows: of the data, if e has rows.
func (e Expr) SumRows() Expr { return e.apply1(sumRows{}) }

// LogSumExp returns log Σ exp over each run of k columns; -∞ where all of them are.
func (e Expr) LogSumExp(k int) Expr {
	if e.g == nil {
		return e
	}
	most := math.MaxFloat64
	if e.g.params.DType() == Float32 {
		most = math.MaxFloat32
	}
	m := e.apply1(maxGroups{k}).Clamp(-most, most) // a difference of infinities is none
	return e.Sub(m.Repeat(k)).Exp().SumGroups(k).Log().Add(m)
}

// Softmax returns exp(e)/Σ exp over each run of k columns.
func (e Expr) Softmax(k int) Expr { return e.Sub(e.LogSumExp(k).Repeat(k)).Exp() }
