package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// NewDCT makes W the orthogonal discrete cosine transform (type II).
func NewDCT(p *graph.Params, dim int) *Matrix {
	n := atLeastOne(p, "dct", dim)
	w := make([]float64, n*n)
	for k := range n {
		c := math.Sqrt(2 / float64(n))
		if k == 0 {
			c = math.Sqrt(1 / float64(n))
		}
		for i := range n {
			w[k*n+i] = c * math.Cos(math.Pi*(float64(i)+0.5)*float64(k)/float64(n))
		}
	}
	return fixed(p, "dct", n, w, transposed(w, n), 0)
}
