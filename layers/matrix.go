package layers

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
)

// Matrix is a linear layer u = W x + b whose matrix is made so that its inverse and
// its determinant are known. [NewQR], [NewSVD], [NewRotation], [NewTriangular],
// [NewLowRank], [NewDCT], [NewHaar] and [NewFixedAffine] make one; [LU] is its own.
type Matrix struct {
	dim  int
	name string
	bias *graph.Param
	// of returns W or W⁻¹, and log|det W|.
	of func(g *graph.Graph, inverse bool) (w, logDet graph.Expr)
}

// Inverse emits u = W x + b.
func (l *Matrix) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, l.name) {
		return x, x
	}
	w, d := l.of(x.Graph(), false)
	return x.Linear(w, use(x, l.bias)), d.Expand(x.Zeros(1))
}

// Forward emits x = W⁻¹ (u - b).
func (l *Matrix) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, l.name) {
		return u, u
	}
	w, d := l.of(u.Graph(), true)
	if l.bias != nil {
		u = u.Sub(u.Graph().Use(l.bias))
	}
	return u.Linear(w, graph.Expr{}), d.Neg().Expand(u.Zeros(1))
}

// String names the layer.
func (l *Matrix) String() string { return fmt.Sprintf("%s(%d)", l.name, l.dim) }

func newMatrix(p *graph.Params, name string, dim int, bias bool) *Matrix {
	l := &Matrix{dim: atLeastOne(p, name, dim), name: name}
	if bias {
		l.bias = p.New("bias", 1, l.dim, nil)
	}
	return l
}

func atLeastOne(p *graph.Params, name string, dim int) int {
	if dim < 1 {
		p.Fail("layers: %s: %d columns: need at least one", name, dim)
		return 1
	}
	return dim
}

func eye(g *graph.Graph, n int) graph.Expr {
	v := make([]float64, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	return g.Constant(n, n, v)
}

// triangle is one above (or below) the diagonal of an n×n matrix.
func triangle(g *graph.Graph, n int, upper bool) graph.Expr {
	v := make([]float64, n*n)
	for i := range n {
		for j := range n {
			v[i*n+j] = step(i != j && (j > i) == upper)
		}
	}
	return g.Constant(n, n, v)
}

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

// NewQR makes W = Q R with Q a product of Householder reflections (Tomczak &
// Welling 2016, arXiv:1611.09630; Hoogeboom et al. 2019, arXiv:1901.11137) and R
// upper triangular of diagonal e^s. 0 reflections are as many as columns, made
// even. It starts as the identity, if their number is even.
func NewQR(p *graph.Params, dim, count int) *Matrix {
	l := newMatrix(p, "qr", dim, true)
	n := l.dim
	count = reflections(p, "qr", count, n)
	q, r, s := householders(p, "q", count, n), p.New("upper", n, n, nil), p.New("log_diagonal", 1, n, nil)
	l.of = func(g *graph.Graph, inverse bool) (w, logDet graph.Expr) {
		a, d := reflect(g.Use(q), count, n), limited(g.Use(s), 10)
		t := g.Use(r).Mul(triangle(g, n, true)).Add(eye(g, n).Mul(d.Exp()))
		if inverse {
			return t.TriInverse(true).Times(a.Transpose()), d.SumCols()
		}
		return a.Times(t), d.SumCols()
	}
	return l
}

// NewSVD makes W = U S V with U and V products of Householder reflections and
// S = 1e-3 + softplus(s) diagonal. 0 reflections are as many as columns, made even.
func NewSVD(p *graph.Params, dim, count int) *Matrix {
	l := newMatrix(p, "svd", dim, true)
	n := l.dim
	count = reflections(p, "svd", count, n)
	u, v := householders(p, "u", count, n), householders(p, "v", count, n)
	s := p.New("singular_values", 1, n, graph.Fill(inverseSoftplus(1-1e-3)))
	l.of = func(g *graph.Graph, inverse bool) (w, logDet graph.Expr) {
		a, b, d := reflect(g.Use(u), count, n), reflect(g.Use(v), count, n), g.Use(s).Softplus().Shift(1e-3)
		if inverse {
			return b.Transpose().Mul(d.Recip()).Times(a.Transpose()), d.Log().SumCols()
		}
		return a.Mul(d).Times(b), d.Log().SumCols()
	}
	return l
}

// NewRotation makes W = exp(A - Aᵀ), a rotation. It starts as the identity.
func NewRotation(p *graph.Params, dim int) *Matrix {
	l := newMatrix(p, "rotation", dim, false)
	a := p.New("generator", l.dim, l.dim, nil)
	l.of = func(g *graph.Graph, inverse bool) (w, logDet graph.Expr) {
		// Rotations repeat themselves: a bound on A costs nothing and keeps digits.
		m := limited(g.Use(a), 100)
		w = m.Sub(m.Transpose()).Expm()
		if inverse {
			w = w.Transpose()
		}
		return w, g.Scalar(0)
	}
	return l
}

// NewTriangular makes W lower triangular, with diagonal 1e-3 + softplus(s).
func NewTriangular(p *graph.Params, dim int) *Matrix {
	l := newMatrix(p, "triangular", dim, true)
	n := l.dim
	low, s := p.New("lower", n, n, nil), p.New("diagonal", 1, n, graph.Fill(inverseSoftplus(1-1e-3)))
	l.of = func(g *graph.Graph, inverse bool) (w, logDet graph.Expr) {
		d := g.Use(s).Softplus().Shift(1e-3)
		w = g.Use(low).Mul(triangle(g, n, false)).Add(eye(g, n).Mul(d))
		if inverse {
			w = w.TriInverse(false)
		}
		return w, d.Log().SumCols()
	}
	return l
}

// NewLowRank makes W = D + U Vᵀ, D diagonal and positive, U and V of rank columns
// and bounded smoothly by ±10,
// with the inverse of Woodbury and the determinant lemma. With symmetric, V = U:
// W is then positive definite whatever the parameters; without, training may bring
// it close to a singular matrix. It starts near the identity.
func NewLowRank(p *graph.Params, dim, rank int, symmetric bool) *Matrix {
	l := newMatrix(p, "low rank", dim, true)
	n := l.dim
	if rank < 1 || rank > n {
		p.Fail("layers: low rank: rank %d of %d columns", rank, n)
		rank = 1
	}
	s, u := p.New("diagonal", 1, n, graph.Fill(inverseSoftplus(1-1e-3))), p.New("u", n, rank, graph.Gaussian(0.01))
	v := u
	if !symmetric {
		v = p.New("v", n, rank, graph.Gaussian(0.01))
	}
	l.of = func(g *graph.Graph, inverse bool) (w, logDet graph.Expr) {
		d, a, b := g.Use(s).Softplus().Shift(1e-3), limited(g.Use(u), 10), limited(g.Use(v), 10)
		small := eye(g, rank).Add(b.Transpose().Mul(d.Recip()).Times(a)) // 1 + Vᵀ D⁻¹ U
		logDet = d.Log().SumCols().Add(small.LogDet())
		if !inverse {
			return a.Times(b.Transpose()).Add(eye(g, n).Mul(d)), logDet
		}
		left := a.Transpose().Mul(d.Recip()).Transpose() // D⁻¹ U
		right := b.Transpose().Mul(d.Recip())            // Vᵀ D⁻¹
		return eye(g, n).Mul(d.Recip()).Sub(left.Times(small.MatInverse()).Times(right)), logDet
	}
	return l
}

// fixed is a matrix that nothing trains.
func fixed(p *graph.Params, name string, dim int, w, inverse []float64, logDet float64) *Matrix {
	l := newMatrix(p, name, dim, false)
	l.of = func(g *graph.Graph, inv bool) (graph.Expr, graph.Expr) {
		m := w
		if inv {
			m = inverse
		}
		return g.Constant(l.dim, l.dim, m), g.Scalar(logDet)
	}
	return l
}

func transposed(w []float64, n int) []float64 {
	out := make([]float64, len(w))
	for i := range n {
		for j := range n {
			out[j*n+i] = w[i*n+j]
		}
	}
	return out
}

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

func eyeValues(n int) []float64 {
	v := make([]float64, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	return v
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
