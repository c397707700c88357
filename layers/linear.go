package layers

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gorgeflow/gorge/graph"
)

// Permutation reorders columns: u_i = x_order[i].
type Permutation struct{ order, back []int }

// NewPermutation makes a permutation of the columns; order[i] is the column of
// the data that becomes column i of the noise.
func NewPermutation(p *graph.Params, order []int) *Permutation {
	back, err := invertOrder(order, len(order))
	if err != nil {
		p.Fail("layers: permutation: %w", err)
		order, back = []int{0}, []int{0}
	}
	return &Permutation{slices.Clone(order), back}
}

// NewReverse makes the permutation that reverses dim columns.
func NewReverse(p *graph.Params, dim int) *Permutation {
	order := identity(dim)
	slices.Reverse(order)
	return NewPermutation(p, order)
}

// NewShuffle makes a random permutation of dim columns that depends on the seed
// alone.
func NewShuffle(p *graph.Params, dim int, seed uint64) *Permutation {
	return NewPermutation(p, rand.New(rand.NewPCG(seed, 0)).Perm(dim))
}

// Forward emits x.
func (l *Permutation) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, len(l.order), "permutation") {
		return u, u
	}
	return u.Columns(l.back), u.Zeros(1)
}

// Inverse emits u.
func (l *Permutation) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, len(l.order), "permutation") {
		return x, x
	}
	return x.Columns(l.order), x.Zeros(1)
}

// LU is the linear layer of Kingma & Dhariwal (2018), arXiv:1807.03039, and
// Oliva et al. (2018), arXiv:1801.09819:
//
//	u = P L U x + b,  log-determinant Σ log U_ii
//
// with L unit lower triangular, U upper triangular with diagonal
// softplus(d) + MinDiag and P a fixed permutation. It starts at u = P x.
type LU struct {
	lower, upper, diag, bias *graph.Param
	perm                     *Permutation
	dim                      int
	min                      float64
}

// LUOptions are the settings of an LU layer.
type LUOptions struct {
	// MinDiag is the least diagonal element; default 1e-3.
	MinDiag float64
	// Shuffle, when not zero, seeds a random P; otherwise P is the identity.
	Shuffle uint64
}

// NewLU makes an LU layer of dim columns.
func NewLU(p *graph.Params, dim int, opts LUOptions) *LU {
	l := &LU{dim: dim, min: opts.MinDiag}
	if l.min == 0 {
		l.min = 1e-3
	}
	if dim < 1 || !(l.min > 0) || l.min >= 1 {
		p.Fail("layers: lu: %d columns, least diagonal %v: want at least one, and 0 < least < 1", dim, l.min)
		l.dim, l.min = 1, 1e-3
	}
	n := l.dim
	l.lower, l.upper = p.New("lower", n, n, nil), p.New("upper", n, n, nil)
	l.diag = p.New("diagonal", 1, n, graph.Fill(math.Log(math.Expm1(1-l.min))))
	l.bias = p.New("bias", 1, n, nil)
	if opts.Shuffle != 0 {
		l.perm = NewShuffle(p, n, opts.Shuffle)
	}
	return l
}

// matrices returns L and U and the log-determinant.
func (l *LU) matrices(g *graph.Graph) (lo, up, logDet graph.Expr) {
	n := l.dim
	strictLower, strictUpper, one := make([]float64, n*n), make([]float64, n*n), make([]float64, n*n)
	for i := range n {
		one[i*n+i] = 1
		for j := range n {
			switch {
			case j < i:
				strictLower[i*n+j] = 1
			case j > i:
				strictUpper[i*n+j] = 1
			}
		}
	}
	eye := g.Constant(n, n, one)
	d := g.Use(l.diag).Softplus().Shift(l.min)
	lo = g.Use(l.lower).Mul(g.Constant(n, n, strictLower)).Add(eye)
	up = g.Use(l.upper).Mul(g.Constant(n, n, strictUpper)).Add(eye.Mul(d))
	return lo, up, d.Log().SumCols()
}

// Inverse emits u = P L U x + b.
func (l *LU) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "lu") {
		return x, x
	}
	lo, up, d := l.matrices(x.Graph())
	// (L U) as one product: rows are many, columns few.
	u = x.Linear(lo.Times(up), x.Graph().Use(l.bias))
	if l.perm != nil {
		u, _ = l.perm.Inverse(u, context)
	}
	return u, d.Expand(x.Zeros(1))
}

// Forward emits x = U⁻¹ L⁻¹ (P⁻¹ u - b).
func (l *LU) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "lu") {
		return u, u
	}
	lo, up, d := l.matrices(u.Graph())
	if l.perm != nil {
		u, _ = l.perm.Forward(u, context)
	}
	u = u.Sub(u.Graph().Use(l.bias))
	return u.Linear(lo.TriInverse(false), graph.Expr{}).Linear(up.TriInverse(true), graph.Expr{}), d.Neg().Expand(u.Zeros(1))
}

// String names the layer.
func (l *LU) String() string { return fmt.Sprintf("lu(%d)", l.dim) }
