package graph

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// dropout sets entries to zero at random and scales the others (Srivastava et al.
// 2014). An entry is chosen by the run's seed and step, its row and column and the
// stream, so that the derivative, which drops the same entries of the gradient, is the
// same operation: nothing is kept for it.
type dropout struct {
	chance int // probability, in 65536ths
	stream uint64
}

// dropScale is how many chances there are: 16 bits of noise for an entry.
const dropScale = 1 << 16

func (o dropout) String() string { return fmt.Sprintf("dropout(%d,%d)", o.chance, o.stream) }

func (o dropout) shape(in []dims) (dims, error) {
	if !in[0].rows {
		return dims{}, fmt.Errorf("%v has no rows", in[0])
	}
	return in[0], nil
}

func (o dropout) diff(_ []Expr, _, g Expr) []Expr { return []Expr{g.apply1(o)} }

// factors are what an entry that is dropped, and one that is not, is multiplied by.
func (o dropout) factors() [2]float64 {
	return [2]float64{0, dropScale / float64(dropScale-o.chance)}
}

// row is what the noise of a row is made of; its streams are not those of inputs.
func (o dropout) row(seed, step, row uint64) uint64 {
	return rowNoise(seed, step, o.stream|1<<32, row)
}

// four is the noise of columns 4q … 4q+3 of a row, 16 bits each.
func (dropout) four(row uint64, q int) uint64 { return mix(row ^ uint64(q+1)*0xbf58476d1ce4e5b9) }

// kept is 1 if the lowest 16 bits of the noise keep an entry, else 0.
func (o dropout) kept(noise uint64) uint32 {
	return 1 - (uint32(noise&(dropScale-1))-uint32(o.chance))>>31
}

// Dropout returns e with each entry zero with probability p, in steps of 1/65536, and
// otherwise divided by 1-p, independently in each use, run step, row and column.
func (e Expr) Dropout(p float64) Expr {
	if e.g == nil {
		return e
	}
	if !(p >= 0 && p < 1) {
		return e.g.fail("dropout", "probability %v: want 0 ≤ p < 1", p)
	}
	o := dropout{min(int(math.Round(p*dropScale)), dropScale-1), e.g.dropouts}
	e.g.dropouts++
	return e.apply1(o)
}

func (pr *program[T]) bindDropout(v *value, o dropout) func(*worker[T]) {
	n := kernel.PanelRows[T]()
	x, f := v.in[0], o.factors()
	factors := [2]T{T(f[0]), T(f[1])}
	return func(w *worker[T]) {
		to, from := w.tile(v), w.tile(x)
		var rows [maxPanelRows]uint64
		for p := range w.panels {
			out, in := to.Panel(p, v.d.c), from.Panel(p, v.d.c)
			for j := range n {
				rows[j] = o.row(w.r.seed, w.r.step, w.r.first+uint64(w.row()+p*n+j))
			}
			for c := 0; c < v.d.c; c += 4 {
				end := min(c+4, v.d.c) * n
				dropFour(o, out[c*n:end], in[c*n:end], rows[:n], c/4, &factors)
			}
		}
	}
}

// dropFour drops up to four columns of a panel.
func dropFour[T float](o dropout, out, in []T, rows []uint64, q int, factors *[2]T) {
	n := len(rows)
	if len(in) < 4*n {
		for j, row := range rows {
			noise := o.four(row, q)
			for at := j; at < len(in); at += n {
				out[at] = in[at] * factors[o.kept(noise)&1]
				noise >>= 16
			}
		}
		return
	}
	a, b, c, d := in[:n], in[n:][:n], in[2*n:][:n], in[3*n:][:n]
	ya, yb, yc, yd := out[:n], out[n:][:n], out[2*n:][:n], out[3*n:][:n]
	for j, row := range rows {
		noise := o.four(row, q)
		ya[j] = a[j] * factors[o.kept(noise)&1]
		yb[j] = b[j] * factors[o.kept(noise>>16)&1]
		yc[j] = c[j] * factors[o.kept(noise>>32)&1]
		yd[j] = d[j] * factors[o.kept(noise>>48)&1]
	}
}

// flatDropout is for gorgonia's machines, which know no seed: that of a run whose seed
// and step are zero.
func flatDropout[T float](o dropout, out, in mat[T]) {
	f := o.factors()
	for i := range out.r {
		row := o.row(0, 0, uint64(i))
		for j, x := range in.row(i) {
			out.row(i)[j] = x * T(f[o.kept(o.four(row, j/4)>>(16*(j%4)))])
		}
	}
}
