package layers

import (
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Bijection is a layer without parameters between the real line, on the side of the
// noise, and a set, on the side of the data.
type Bijection struct {
	name             string
	forward, inverse func(x graph.Expr) (y, logDet graph.Expr)
}

// Forward emits x in the set.
func (b *Bijection) Forward(u, _ graph.Expr) (x, logDet graph.Expr) { return b.forward(u) }

// Inverse emits u; NaN for x outside the set.
func (b *Bijection) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) { return b.inverse(x) }

// String names the layer.
func (b *Bijection) String() string { return b.name }

// elementwise is a bijection of each column, by slopes of the forward map in terms of
// either side.
func elementwise(name string, forward, inverse func(x graph.Expr) (y, logSlope graph.Expr)) *Bijection {
	sum := func(f func(x graph.Expr) (y, l graph.Expr)) func(x graph.Expr) (y, l graph.Expr) {
		return func(x graph.Expr) (graph.Expr, graph.Expr) {
			y, l := f(x)
			return y, l.SumCols()
		}
	}
	return &Bijection{name, sum(forward), sum(inverse)}
}

// NewExp is x = eᵘ, onto the positive numbers; beyond |u| = 80 it stays at e^±80.
func NewExp() *Bijection {
	return elementwise("exp",
		func(u graph.Expr) (graph.Expr, graph.Expr) { u = u.Clamp(-80, 80); return u.Exp(), u },
		func(x graph.Expr) (graph.Expr, graph.Expr) { l := x.Log(); return l, l.Neg() })
}

// NewSoftplus is x = log(1 + eᵘ), onto the positive numbers: linear for large ones.
func NewSoftplus() *Bijection {
	return elementwise("softplus",
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			u = u.Max(u.Graph().Scalar(-80))
			return u.Softplus(), logSigmoid(u)
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) { // u = x + log(1 - e^{-x})
			l := x.Neg().Expm1().Neg().Log()
			return x.Add(l), l.Neg()
		})
}

// NewSigmoid is x = lo + (hi - lo) σ(u), onto the open interval.
func NewSigmoid(p *graph.Params, lo, hi float64) *Bijection {
	if !(lo < hi) || math.IsInf(hi-lo, 0) {
		p.Fail("layers: sigmoid onto (%v, %v): want finite lo < hi", lo, hi)
		lo, hi = 0, 1
	}
	size := math.Log(hi - lo)
	return elementwise("sigmoid",
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			return u.Sigmoid().Affine(hi-lo, lo), logSigmoid(u).Add(logSigmoid(u.Neg())).Shift(size)
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			a, b := x.Shift(-lo).Scale(1/(hi-lo)).Log(), x.Affine(-1, hi).Scale(1/(hi-lo)).Log()
			return a.Sub(b), a.Add(b).Shift(size).Neg()
		})
}

// NewTanh is x = tanh(u), onto (-1, 1).
func NewTanh() *Bijection {
	return elementwise("tanh",
		func(u graph.Expr) (graph.Expr, graph.Expr) { return u.Tanh(), logCosh(u).Scale(-2) },
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			a, b := x.Log1p(), x.Neg().Log1p()
			return a.Sub(b).Scale(0.5), a.Add(b).Neg()
		})
}

// NewPower is x = sign(u) |u|^p, p > 0, onto the real line. Its slope at zero is zero
// or infinite, unless p is 1: log-slopes are those of |u| = 1e-30 there.
func NewPower(p *graph.Params, power float64) *Bijection {
	if !(power > 0) || math.IsInf(power, 0) {
		p.Fail("layers: power %v: must be positive", power)
		power = 1
	}
	f := func(e float64) func(x graph.Expr) (graph.Expr, graph.Expr) {
		return func(x graph.Expr) (graph.Expr, graph.Expr) {
			l := x.Abs().Max(x.Graph().Scalar(1e-30)).Log()
			return x.Sign().Mul(l.Scale(e).Exp()), l.Affine(e-1, math.Log(e))
		}
	}
	return elementwise("power", f(power), f(1/power))
}

// boxCox is (x^λ - 1)/λ of log x, and its inverse: log x of that.
func boxCox(logX graph.Expr, lambda float64) graph.Expr {
	if lambda == 0 {
		return logX
	}
	return logX.Scale(lambda).Expm1().Scale(1 / lambda)
}

func unBoxCox(u graph.Expr, lambda float64) graph.Expr {
	if lambda == 0 {
		return u
	}
	return u.Scale(lambda).Log1p().Scale(1 / lambda)
}

// NewBoxCox is the transform of Box & Cox (1964), u = (x^λ - 1)/λ of positive x, log x
// for λ = 0. Unless λ is zero its image is a half line: noise beyond it gives NaN.
func NewBoxCox(lambda float64) *Bijection {
	return elementwise("box-cox",
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			l := unBoxCox(u, lambda)
			return l.Exp(), l.Scale(1 - lambda)
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			l := x.Log()
			return boxCox(l, lambda), l.Scale(lambda - 1)
		})
}

// NewYeoJohnson is the transform of Yeo & Johnson (2000): that of Box and Cox of 1 + x
// with λ for x ≥ 0, and of 1 - x with 2 - λ, negated, below. Its image is the real
// line for 0 ≤ λ ≤ 2.
func NewYeoJohnson(lambda float64) *Bijection {
	return elementwise("yeo-johnson",
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			neg := u.Less(u.Graph().Scalar(0))
			a := u.Abs()
			zero := a.Zeros(a.Cols())
			up, down := unBoxCox(neg.Where(zero, a), lambda), unBoxCox(neg.Where(a, zero), 2-lambda)
			return neg.Where(down.Expm1().Neg(), up.Expm1()), neg.Where(down.Scale(lambda-1), up.Scale(1-lambda))
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			neg := x.Less(x.Graph().Scalar(0))
			l := x.Abs().Log1p()
			zero := l.Zeros(l.Cols())
			up, down := boxCox(neg.Where(zero, l), lambda), boxCox(neg.Where(l, zero), 2-lambda)
			return neg.Where(down.Neg(), up), neg.Where(l.Scale(1-lambda), l.Scale(lambda-1))
		})
}

// NewOrdered is x_1 = u_1, x_i = x_{i-1} + exp(u_i): columns in increasing order.
func NewOrdered() *Bijection {
	return &Bijection{"ordered",
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			d := u.Cols()
			if d < 2 {
				return u, u.Zeros(1)
			}
			rest := u.Slice(1, d).Clamp(-80, 80)
			return graph.Concat(u.Slice(0, 1), rest.Exp()).CumGroups(d), rest.SumCols()
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			d := x.Cols()
			if d < 2 {
				return x, x.Zeros(1)
			}
			l := x.Slice(1, d).Sub(x.Slice(0, d-1)).Log()
			return graph.Concat(x.Slice(0, 1), l), l.SumCols().Neg()
		}}
}

// before is the sum of the earlier columns of the same row.
func before(x graph.Expr) graph.Expr { return x.CumGroups(x.Cols()).Sub(x) }

// NewStickBreaking maps to the inside of the simplex: D columns to shares of one of
// which the last, what is left, is not written. With z_i = σ(u_i - log(D+1-i)),
// x_i = z_i Π_{j<i} (1 - z_j).
func NewStickBreaking() *Bijection {
	offsets := func(x graph.Expr) graph.Expr {
		d := x.Cols()
		return x.Graph().Constant(1, d, numbered(d, func(i int) float64 { return math.Log(float64(d - i)) }))
	}
	return &Bijection{"stick-breaking",
		func(u graph.Expr) (graph.Expr, graph.Expr) {
			a := u.Sub(offsets(u))
			up, down := logSigmoid(a), logSigmoid(a.Neg())
			log := up.Add(before(down))
			return log.Exp(), log.Add(down).SumCols()
		},
		func(x graph.Expr) (graph.Expr, graph.Expr) {
			left := before(x).Affine(-1, 1) // before each column is taken
			up, down := x.Log(), left.Sub(x).Log()
			return up.Sub(down).Add(offsets(x)), up.Add(down).Sub(left.Log()).SumCols().Neg()
		}}
}

// triangular returns the n with n(n+1)/2 = count, 0 if there is none.
func triangular(count int) int {
	n := int(math.Sqrt(2 * float64(count)))
	if n*(n+1)/2 != count {
		return 0
	}
	return n
}

// NewCovarianceCholesky maps n(n+1)/2 numbers to the lower Cholesky factor of a
// covariance, row by row: those on the diagonal by exp, the others as they are.
func NewCovarianceCholesky(p *graph.Params, dim int) *Bijection {
	n := triangular(dim)
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

// NewCorrelationCholesky maps n(n-1)/2 numbers to the lower Cholesky factor of an n×n
// correlation matrix, the numbers below its diagonal, row by row: x_ij =
// r_ij √Π_{k<j}(1 - r_ik²), r = tanh(u). The diagonal is what makes the rows' length one.
func NewCorrelationCholesky(p *graph.Params, dim int) *Bijection {
	n := triangular(dim) + 1
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
