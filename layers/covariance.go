package layers

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// triangleSize returns the n with n(n+1)/2 = count, 0 if there is none.
func triangleSize(count int) int {
	n := int(math.Sqrt(2 * float64(count)))
	if n*(n+1)/2 != count {
		return 0
	}
	return n
}

// NewCovarianceCholesky maps n(n+1)/2 numbers to the lower Cholesky factor of a
// covariance, row by row: those on the diagonal by exp, the others as they are.
func NewCovarianceCholesky(p *graph.Params, dim int) *Bijection {
	n := triangleSize(dim)
	if n == 0 {
		p.Fail("layers: covariance cholesky: %d columns are not n(n+1)/2", dim)
		n, dim = 1, 1
	}
	on := make([]float64, dim)
	for i := range n {
		on[i*(i+3)/2] = 1
	}
	return &Bijection{fmt.Sprintf("covariance cholesky(%d)", n),
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			diag := u.Graph().Constant(1, dim, on)
			l := u.Clamp(-80, 80).Mul(diag)
			return diag.Expand(u).Where(l.Exp(), u), l.SumCols()
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			diag := x.Graph().Constant(1, dim, on)
			l := diag.Expand(x).Where(x, x.Scale(0).Shift(1)).Log()
			return diag.Expand(x).Where(l, x), l.SumCols().Neg()
		}}
}
