package models

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// DropMissing leaves out the rows in which a number of X, of the context or the weight
// is NaN, and returns how many those were.
func (d Data) DropMissing() (Data, int) {
	n := d.rows()
	var keep []int
	for i := range n {
		if !hasNaN(d.X, i) && !hasNaN(d.Context, i) && !(d.Weights != nil && math.IsNaN(d.Weights[i])) {
			keep = append(keep, i)
		}
	}
	if len(keep) == n {
		return d, 0
	}
	out := d
	out.X, out.Weights = rowsOf{d.X, keep}, pickWeights(d.Weights, keep)
	if d.Context != nil {
		out.Context = rowsOf{d.Context, keep}
	}
	return out, n - len(keep)
}

func hasNaN(x mat.Matrix, row int) bool {
	if x == nil {
		return false
	}
	_, cols := x.Dims()
	for j := range cols {
		if math.IsNaN(x.At(row, j)) {
			return true
		}
	}
	return false
}
