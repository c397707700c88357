package layers

import (
	"fmt"

	"github.com/gorgeflow/gorge/graph"
)

// NewCorrelationCholesky maps n(n-1)/2 numbers to the lower Cholesky factor of an n×n
// correlation matrix, the numbers below its diagonal, row by row: x_ij =
// r_ij √Π_{k<j}(1 - r_ik²), r = tanh(u). The diagonal is what makes the rows' length one.
func NewCorrelationCholesky(p *graph.Params, dim int) *Bijection {
	n := triangleSize(dim) + 1
	if n == 1 {
		p.Fail("layers: correlation cholesky: %d columns are not n(n-1)/2", dim)
		n, dim = 2, 1
	}
	// earlier adds, to each number, those before it in its row.
	m := make([]float64, dim*dim)
	for i := 1; i < n; i++ {
		at := i * (i - 1) / 2
		for j := range i {
			for k := range j {
				m[(at+j)*dim+at+k] = 1
			}
		}
	}
	earlier := func(x graph.Expr) graph.Expr { return x.Linear(x.Graph().Constant(dim, dim, m), graph.Expr{}) }
	logDet := func(rest, left graph.Expr) graph.Expr { return rest.Add(left.Scale(0.5)).SumCols() }
	return &Bijection{fmt.Sprintf("correlation cholesky(%d)", n),
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			rest := logCosh(u).Scale(-2) // log(1 - r²)
			left := earlier(rest)
			return u.Tanh().Mul(left.Scale(0.5).Exp()), logDet(rest, left)
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			left := earlier(x.Square()).Affine(-1, 1).Log()
			r := x.Mul(left.Scale(-0.5).Exp())
			a, b := r.Log1p(), r.Neg().Log1p()
			return a.Sub(b).Scale(0.5), logDet(a.Add(b), left).Neg()
		}}
}
