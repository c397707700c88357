package models

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Contexts are what networks see as they are: a categorical column is one input for
// each level, one for the row's own and zero for the others; a periodic one the sine
// and the cosine of its angle; any other the number the flow would see.

// inputs is the number of inputs that a column of context takes.
func (c Column) inputs() int {
	switch {
	case c.Of == KindCategorical:
		return len(c.Levels)
	case c.turns():
		return 2
	}
	return 1
}

// encode writes the inputs of x and returns their number.
func (l *line) encode(dst []float64, x float64) int {
	switch {
	case l.kind.Of == KindCategorical:
		n := len(l.kind.Levels)
		clear(dst[:n])
		dst[l.level(x)] = 1
		return n
	case l.kind.turns():
		dst[0], dst[1] = math.Sincos(l.g.toLine(x, middle))
		return 2
	}
	dst[0] = l.standard(x, middle)
	return 1
}

// encode writes the inputs of rows lo … hi of contexts to dst, row by row.
func encode(dst []float64, c mat.Matrix, lo, hi int, ls []line) {
	k := 0
	for i := lo; i < hi; i++ {
		for j := range ls {
			k += ls[j].encode(dst[k:], c.At(i, j))
		}
	}
}
