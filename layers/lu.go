package layers

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// LU is the linear layer of Kingma & Dhariwal (2018), arXiv:1807.03039, and
// Oliva et al. (2018), arXiv:1801.09819:
//
//	u = P L U x + b,  log-determinant Σ log |d_i|
//
// with L lower and U upper triangular, one of them with diagonal d and the other
// with ones, and P a fixed permutation. It starts at u = P x.
type LU struct {
	lower, upper, diag, bias *graph.Param
	perm                     *Permutation
	dim                      int
	opts                     LUOptions
}

// Diagonal is how an LU layer makes its diagonal d of parameters a.
type Diagonal string

// The diagonals.
const (
	// DiagSoftplus, the default, is softplus(a) + MinDiag.
	DiagSoftplus Diagonal = "softplus"
	// DiagExp is exp(a): unbounded, as Glow has it.
	DiagExp Diagonal = "exp"
	// DiagSigned is a itself, kept off zero: sign(a) √(a² + MinDiag²).
	DiagSigned Diagonal = "signed"
)

// LUOptions are the settings of an LU layer.
type LUOptions struct {
	// MinDiag is the least |d_i|, except for DiagExp; default 1e-3, negative for
	// none.
	MinDiag float64
	// Diagonal is how d is made; default DiagSoftplus.
	Diagonal Diagonal
	// Signs multiplies d by fixed signs, one a column, each 1 or -1; default all 1.
	Signs []float64
	// DiagLower puts d on the diagonal of L instead of U.
	DiagLower bool
	// NoBias leaves b out.
	NoBias bool
	// Shuffle, when not zero, seeds a random P; otherwise P is the identity.
	Shuffle uint64
}

func (o *LUOptions) check(dim int) error {
	o.MinDiag = orDefault(o.MinDiag, 1e-3)
	if o.Diagonal == "" {
		o.Diagonal = DiagSoftplus
	}
	switch {
	case dim < 1 || !(o.MinDiag < 1):
		return fmt.Errorf("%d columns, least diagonal %v: want at least one, and less than 1", dim, o.MinDiag)
	case o.Diagonal != DiagSoftplus && o.Diagonal != DiagExp && o.Diagonal != DiagSigned:
		return fmt.Errorf("diagonal %q: want %q, %q or %q", o.Diagonal, DiagSoftplus, DiagExp, DiagSigned)
	case o.Signs != nil && len(o.Signs) != dim:
		return fmt.Errorf("%d signs for %d columns", len(o.Signs), dim)
	}
	for i, s := range o.Signs {
		if s != 1 && s != -1 {
			return fmt.Errorf("sign %v of column %d: want 1 or -1", s, i)
		}
	}
	return nil
}

// NewLU makes an LU layer of dim columns.
func NewLU(p *graph.Params, dim int, opts LUOptions) *LU {
	if err := opts.check(dim); err != nil {
		p.Fail("layers: lu: %w", err)
		dim, opts = 1, LUOptions{MinDiag: 1e-3, Diagonal: DiagSoftplus}
	}
	l := &LU{dim: dim, opts: opts, lower: p.New("lower", dim, dim, nil), upper: p.New("upper", dim, dim, nil)}
	start := 0.0
	switch opts.Diagonal {
	case DiagSoftplus:
		start = math.Log(math.Expm1(1 - opts.MinDiag))
	case DiagSigned:
		start = math.Sqrt(1 - opts.MinDiag*opts.MinDiag)
	}
	l.diag = p.New("diagonal", 1, dim, graph.Fill(start))
	if !opts.NoBias {
		l.bias = p.New("bias", 1, dim, nil)
	}
	if opts.Shuffle != 0 {
		l.perm = NewShuffle(p, dim, opts.Shuffle)
	}
	return l
}

// diagonal returns d and Σ log |d_i|.
func (l *LU) diagonal(g *graph.Graph) (d, logDet graph.Expr) {
	a := g.Use(l.diag)
	switch l.opts.Diagonal {
	case DiagExp:
		d, logDet = a.Exp(), a.SumCols()
	case DiagSigned:
		r := a.Square().Shift(l.opts.MinDiag * l.opts.MinDiag)
		d, logDet = a.Sign().Mul(r.Sqrt()), r.Log().Scale(0.5).SumCols()
	default:
		d = a.Softplus().Shift(l.opts.MinDiag)
		logDet = d.Log().SumCols()
	}
	if l.opts.Signs != nil {
		d = d.Mul(g.Constant(1, l.dim, l.opts.Signs))
	}
	return d, logDet
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
	d, logDet := l.diagonal(g)
	onLower, onUpper := eye, eye.Mul(d)
	if l.opts.DiagLower {
		onLower, onUpper = onUpper, onLower
	}
	lo = g.Use(l.lower).Mul(g.Constant(n, n, strictLower)).Add(onLower)
	up = g.Use(l.upper).Mul(g.Constant(n, n, strictUpper)).Add(onUpper)
	return lo, up, logDet
}

// shift returns b, or nothing.
func (l *LU) shift(g *graph.Graph) graph.Expr {
	if l.bias == nil {
		return graph.Expr{}
	}
	return g.Use(l.bias)
}

// Inverse emits u = P L U x + b.
func (l *LU) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "lu") {
		return x, x
	}
	lo, up, d := l.matrices(x.Graph())
	// (L U) as one product: rows are many, columns few.
	u = x.Linear(lo.Times(up), l.shift(x.Graph()))
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
	if l.bias != nil {
		u = u.Sub(u.Graph().Use(l.bias))
	}
	return u.Linear(lo.TriInverse(false), graph.Expr{}).Linear(up.TriInverse(true), graph.Expr{}), d.Neg().Expand(u.Zeros(1))
}

// String names the layer.
func (l *LU) String() string { return fmt.Sprintf("lu(%d)", l.dim) }
