package layers

import (
	"math/rand/v2"

	"github.com/gorgeflow/gorge/graph"
)

// householders are the vectors of reflections, each pair of them equal at first, so
// that their product is the identity.
func householders(p *graph.Params, name string, count, dim int) *graph.Param {
	return p.New(name, count, dim, func(rng *rand.Rand, rows, cols int, v []float64) {
		for i := range v {
			v[i] = rng.NormFloat64()
			if i/cols%2 == 1 {
				v[i] = v[i-cols]
			}
		}
	})
}

// reflect multiplies the reflections in the rows of v, the first applied first:
// H_K … H_1, H = 1 - 2 v vᵀ/(vᵀv).
func reflect(v graph.Expr, count, dim int) graph.Expr {
	q := eye(v.Graph(), dim)
	for k := range count {
		r := v.TakeRows(k, k+1)
		n := r.Square().SumCols().Max(v.Graph().Scalar(1e-30))
		q = q.Sub(r.Transpose().Times(r.Times(q)).Mul(n.Recip().Scale(2)))
	}
	return q
}

// reflections checks their number; 0 is the default, dim made even.
func reflections(p *graph.Params, name string, count, dim int) int {
	if count == 0 {
		count = dim + dim%2
	}
	if count < 0 || count > 1024 {
		p.Fail("layers: %s: %d reflections: want 1 to 1024", name, count)
		return 2
	}
	return count
}
