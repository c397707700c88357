package graph

import (
	"errors"
	"fmt"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// ErrNoInverse is what the error of a run wraps that met elements without an inverse
// among finite numbers: see [Expr.Solve] and [Expr.InverseOf].
var ErrNoInverse = errors.New("no inverse among finite numbers")

// inverseOf is its first argument. A run counts the elements that are not finite in
// rows where the second is.
type inverseOf struct{}

func (inverseOf) String() string { return "inverseOf" }
func (inverseOf) shape(in []dims) (dims, error) {
	if !in[0].rows || !in[1].rows {
		return dims{}, fmt.Errorf("%v of %v: both want rows", in[0], in[1])
	}
	return in[0], nil
}
func (inverseOf) diff(_ []Expr, _, g Expr) []Expr { return []Expr{g, {}} }

// InverseOf returns e, computed as the inverse of a map at y: a run that meets a row of
// y which is finite and where e is not returns an error. Programs in mode Train do not
// ask, since their loss tells.
func (e Expr) InverseOf(y Expr) Expr {
	if e.g != nil && e.g.Mode() == Train {
		return e
	}
	return e.apply2(inverseOf{}, y)
}

// bindInverseOf looks at the sums of rows, which are finite for nearly all that are.
func (pr *program[T]) bindInverseOf(v *value) func(*worker[T]) {
	x, y := v.in[0], v.in[1]
	n, cols := kernel.PanelRows[T](), v.d.c
	return func(w *worker[T]) {
		out, xt, yt := w.tile(v), w.tile(x), w.tile(y)
		for p := range w.panels {
			o := out.Panel(p, cols)
			if from := xt.Panel(p, cols); &from[0] != &o[0] {
				copy(o, from)
			}
			sum := w.line[0][:n]
			kernel.FoldLines(sum, o, cols, false)
			for i := range min(n, w.n-p*n) {
				if s := sum[i]; s-s != 0 {
					w.r.lost(v, infinite(o, i, n), infinite(yt.Panel(p, y.d.c), i, n))
				}
			}
		}
	}
}

// narrowInverseOf is the same for one row.
func narrowInverseOf[T float](v *value) func(*lane[T]) {
	return func(l *lane[T]) {
		out, x := l.values(v), l.values(v.in[0])
		if &out[0] != &x[0] {
			copy(out, x)
		}
		if s := quickSum(out); s-s != 0 {
			l.r.lost(v, infinite(out, 0, 1), infinite(l.values(v.in[1]), 0, 1))
		}
	}
}

// quickSum adds four numbers at a time.
func quickSum[T float](x []T) T {
	var a, b, c, d T
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d = a+x[0], b+x[1], c+x[2], d+x[3]
	}
	for _, v := range x {
		a += v
	}
	return a + b + (c + d)
}

// infinite counts the numbers at i, i+n, … that are not finite.
func infinite[T float](x []T, i, n int) (count int) {
	for ; i < len(x); i += n {
		if v := x[i]; v-v != 0 {
			count++
		}
	}
	return count
}

// lost counts the elements of a row of v that have no inverse, unless some of what is
// to be inverted is no number itself.
func (r *run[T]) lost(v *value, count, before int) {
	if count > 0 && before == 0 {
		r.unsolved.Add(int64(count))
		r.unsolvedAt.Store(v)
	}
}

// solved is the error of a run that met elements without an inverse.
func (r *run[T]) solved() error {
	n := r.unsolved.Swap(0)
	if n == 0 {
		return nil
	}
	v := r.unsolvedAt.Load()
	return fmt.Errorf("graph: %s at %s: %d elements have %w", orWord(v.scope, "solve"), position(v.pcs), n, ErrNoInverse)
}
