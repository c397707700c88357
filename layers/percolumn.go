package layers

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// ColumnTransformer is a transformer that differs from column to column. Layers ask
// it for the transformer of the columns they are about to map, whose h has Params
// numbers of each column all the same.
type ColumnTransformer interface {
	Transformer
	// At is the transformer of the given columns of the data, in that order.
	At(columns []int) Transformer
}

// at is the transformer of some columns.
func at(t Transformer, columns []int) Transformer {
	if c, ok := t.(ColumnTransformer); ok {
		return c.At(columns)
	}
	return t
}

// PerColumn maps each column of the data by a transformer of its own: periodic and
// linear ones in one layer, or splines on different intervals. Columns beyond the
// list are mapped by the last. Every column is given as many parameters as the
// transformer that wants most.
type PerColumn []Transformer

// Params is the most that any column wants.
func (t PerColumn) Params() int {
	n := 1
	for _, c := range t {
		n = max(n, c.Params())
	}
	return n
}

func (t PerColumn) check() error {
	if len(t) == 0 {
		return fmt.Errorf("no transformers")
	}
	for i, c := range t {
		if err := checkInner(c); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
		if !reflect.ValueOf(c).Comparable() {
			return fmt.Errorf("column %d: a %T cannot be compared with others: give a pointer to it", i, c)
		}
	}
	return nil
}

// checkInner checks a transformer inside another, which has to be one for all columns.
func checkInner(t Transformer) error {
	if _, ok := t.(ColumnTransformer); ok {
		return fmt.Errorf("a transformer by column (%T) inside another", t)
	}
	return checkTransformer(t)
}

// At picks the columns' own.
func (t PerColumn) At(columns []int) Transformer {
	out := make(PerColumn, len(columns))
	for i, c := range columns {
		out[i] = t[min(c, len(t)-1)]
	}
	return out
}

// Forward maps noise to data.
func (t PerColumn) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return t.apply(u, h, Transformer.Forward)
}

// Inverse maps data to noise.
func (t PerColumn) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	return t.apply(x, h, Transformer.Inverse)
}

// apply maps the columns of each transformer together.
func (t PerColumn) apply(x, h graph.Expr, f func(t Transformer, x, h graph.Expr) (y, l graph.Expr)) (y, logSlope graph.Expr) {
	n := h.Cols() / max(x.Cols(), 1) // what the layer's columns want, these or others
	own := func(i int) Transformer { return t[min(i, len(t)-1)] }
	var kinds []Transformer
	var order []int
	var ys, ls []graph.Expr
	for i := range x.Cols() {
		if slices.Contains(kinds, own(i)) {
			continue
		}
		kinds = append(kinds, own(i))
		var cols, params []int
		for j := range x.Cols() {
			if own(j) == own(i) {
				cols = append(cols, j)
				for k := range own(i).Params() {
					params = append(params, j*n+k)
				}
			}
		}
		y, l := f(own(i), x.Columns(cols), h.Columns(params))
		order, ys, ls = append(order, cols...), append(ys, y), append(ls, l)
	}
	back := make([]int, len(order))
	for i, c := range order {
		back[c] = i
	}
	return graph.Concat(ys...).Columns(back), graph.Concat(ls...).Columns(back)
}
