package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// NewHaar makes W the orthogonal Haar wavelet transform, over all levels: means of
// neighbours, a column without one left as it is, then differences from coarse to
// fine.
func NewHaar(p *graph.Params, dim int) *Matrix {
	n := atLeastOne(p, "haar", dim)
	level := make([][]float64, n) // the means so far, as rows
	for i := range level {
		level[i] = make([]float64, n)
		level[i][i] = 1
	}
	var details [][]float64
	for len(level) > 1 {
		var means, diffs [][]float64
		for i := 0; i+1 < len(level); i += 2 {
			m, d := make([]float64, n), make([]float64, n)
			for j := range n {
				m[j], d[j] = (level[i][j]+level[i+1][j])/math.Sqrt2, (level[i][j]-level[i+1][j])/math.Sqrt2
			}
			means, diffs = append(means, m), append(diffs, d)
		}
		if len(level)%2 == 1 {
			means = append(means, level[len(level)-1])
		}
		level, details = means, append(diffs, details...)
	}
	w := make([]float64, 0, n*n)
	for _, r := range append(level, details...) {
		w = append(w, r...)
	}
	return fixed(p, "haar", n, w, transposed(w, n), 0)
}
