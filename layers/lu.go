package layers

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// LU is the linear layer of Kingma & Dhariwal (2018), arXiv:1807.03039, and
// Oliva et al. (2018), arXiv:1801.09819:
//
//	u = P (L U x + b),  log-determinant Σ log |d_i|
//
// with L lower and U upper triangular, one of them with diagonal d and the other
// with ones, and P a fixed permutation. It starts at u = P x. A context moves L, U, d
// and b, one map for each row: products then cost dim² for each row, in the
// network's last layer most of all.
type LU struct {
	given amortised // L, U, d, b
	perm  *Permutation
	dim   int
	opts  LUOptions
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
	// Context is the number of context columns, Net the network that they move the
	// parameters by.
	Context int
	Net     Net
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
	l := &LU{dim: dim, opts: opts}
	params := []*graph.Param{p.New("lower", dim, dim, nil), p.New("upper", dim, dim, nil)}
	start := 0.0
	switch opts.Diagonal {
	case DiagSoftplus:
		start = inverseSoftplus(1 - opts.MinDiag)
	case DiagSigned:
		start = math.Sqrt(1 - opts.MinDiag*opts.MinDiag)
	}
	params = append(params, p.New("diagonal", 1, dim, graph.Fill(start)))
	if !opts.NoBias {
		params = append(params, p.New("bias", 1, dim, nil))
	}
	l.given = amortise(p, "lu", opts.Context, opts.Net, params...)
	if opts.Shuffle != 0 {
		l.perm = NewShuffle(p, dim, opts.Shuffle)
	}
	return l
}

// diagonal returns d and Σ log |d_i|.
func (l *LU) diagonal(a graph.Expr) (d, logDet graph.Expr) {
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
		d = d.Mul(a.Graph().Constant(1, l.dim, l.opts.Signs))
	}
	return d, logDet
}

// parts returns L, U, b, which is zero if there is none, and the log-determinant.
func (l *LU) parts(g *graph.Graph, context graph.Expr) (lo, up, b, logDet graph.Expr) {
	h := l.given.of(g, context)
	d, logDet := l.diagonal(h[2])
	onLower, onUpper := graph.Expr{}, d
	if l.opts.DiagLower {
		onLower, onUpper = onUpper, onLower
	}
	if !l.opts.NoBias {
		b = h[3]
	}
	return triangular(h[0], onLower, l.dim, false), triangular(h[1], onUpper, l.dim, true), b, logDet
}

// Inverse emits u = P (L U x + b).
func (l *LU) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "lu") {
		return x, x
	}
	lo, up, b, d := l.parts(x.Graph(), context)
	if !lo.HasRows() { // (L U) as one product: rows are many, columns few
		u = x.Linear(lo.Times(up), b)
	} else if u = product(lo, product(up, x, l.dim), l.dim); !b.IsZero() {
		u = u.Add(b)
	}
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
	lo, up, b, d := l.parts(u.Graph(), context)
	y := u
	if l.perm != nil {
		y, _ = l.perm.Forward(y, context)
	}
	if !b.IsZero() {
		y = y.Sub(b)
	}
	return solveTriangular(up, solveTriangular(lo, y, false), true).InverseOf(u), d.Neg().Expand(u.Zeros(1))
}

// String names the layer.
func (l *LU) String() string { return fmt.Sprintf("lu(%d)", l.dim) }
