package layers

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
)

// FixedAffine is u = W x + b with W and b given. They are saved with the model.
type FixedAffine struct {
	dim                   int
	w, inverse, b, logDet *graph.Param
}

// NewFixedAffine makes the layer from W, row by row, and b. See [Whitening].
func NewFixedAffine(p *graph.Params, dim int, w, b []float64) *FixedAffine {
	dim = atLeastOne(p, "fixed affine", dim)
	if len(w) != dim*dim || len(b) != dim {
		p.Fail("layers: fixed affine: %d numbers of W and %d of b for %d columns", len(w), len(b), dim)
		w, b = eyeValues(dim), make([]float64, dim)
	}
	if i := slices.IndexFunc(slices.Concat(w, b), func(v float64) bool { return v-v != 0 }); i >= 0 {
		p.Fail("layers: fixed affine: number %d of W and b is not finite", i)
	}
	m := mat.NewDense(dim, dim, append([]float64(nil), w...))
	var inv mat.Dense
	if err := inv.Inverse(m); err != nil {
		p.Fail("layers: fixed affine: W has no inverse: %w", err)
		inv.CloneFrom(mat.NewDense(dim, dim, eyeValues(dim)))
	}
	d, _ := mat.LogDet(m)
	return &FixedAffine{dim, p.State("matrix", dim, dim, graph.Values(w)), p.State("inverse", dim, dim, graph.Values(inv.RawMatrix().Data)),
		p.State("shift", 1, dim, graph.Values(b)), p.State("log_determinant", 1, 1, graph.Fill(d))}
}

// Inverse emits u = W x + b.
func (l *FixedAffine) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "fixed affine") {
		return x, x
	}
	return x.Linear(use(x, l.w), use(x, l.b)), use(x, l.logDet).Expand(x.Zeros(1))
}

// Forward emits x = W⁻¹ (u - b).
func (l *FixedAffine) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "fixed affine") {
		return u, u
	}
	return u.Sub(use(u, l.b)).Linear(use(u, l.inverse), graph.Expr{}), use(u, l.logDet).Neg().Expand(u.Zeros(1))
}

// Whitening returns W and b with which u = W x + b has mean zero and the identity as
// covariance over the rows given, row by row: the inverse of the Cholesky factor of
// their covariance. Columns that others determine are an error.
func Whitening(rows []float64, dim int) (w, b []float64, err error) {
	if dim < 1 || len(rows)%dim != 0 || len(rows)/dim < 2 {
		return nil, nil, fmt.Errorf("layers: whitening: %d numbers in rows of %d: want two rows or more", len(rows), dim)
	}
	n := len(rows) / dim
	mean, cov := make([]float64, dim), make([]float64, dim*dim)
	for i, v := range rows {
		mean[i%dim] += v / float64(n)
	}
	for r := range n {
		for i := range dim {
			for j := range dim {
				cov[i*dim+j] += (rows[r*dim+i] - mean[i]) * (rows[r*dim+j] - mean[j]) / float64(n)
			}
		}
	}
	var c mat.Cholesky
	if !c.Factorize(mat.NewSymDense(dim, cov)) {
		return nil, nil, fmt.Errorf("layers: whitening: the covariance of the %d columns is singular: leave out columns that others determine", dim)
	}
	var low mat.TriDense
	c.LTo(&low)
	var inv mat.Dense
	if err := inv.Inverse(&low); err != nil {
		return nil, nil, fmt.Errorf("layers: whitening: %w", err)
	}
	w, b = make([]float64, dim*dim), make([]float64, dim)
	for i := range dim {
		for j := range dim {
			w[i*dim+j] = inv.At(i, j)
			b[i] -= inv.At(i, j) * mean[j]
		}
	}
	return w, b, nil
}
