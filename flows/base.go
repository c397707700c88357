package flows

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// StandardNormal is N(0, 1) in each column.
type StandardNormal struct{ dim int }

// NewStandardNormal makes it of dim columns.
func NewStandardNormal(p *graph.Params, dim int) *StandardNormal {
	return &StandardNormal{atLeastOne(p, dim)}
}

func atLeastOne(p *graph.Params, dim int) int {
	if dim < 1 {
		p.Fail("flows: base of %d columns: need at least one", dim)
		return 1
	}
	return dim
}

// Dim is the number of columns.
func (b *StandardNormal) Dim() int { return b.dim }

// LogProb is -Σ u²/2 - dim/2 log 2π.
func (b *StandardNormal) LogProb(u, _ graph.Expr) graph.Expr {
	return u.Square().SumCols().Affine(-0.5, -0.5*float64(b.dim)*math.Log(2*math.Pi))
}

// Sample emits normal noise.
func (b *StandardNormal) Sample(g *graph.Graph, _ graph.Expr, temperature float64) graph.Expr {
	return g.Normal(b.dim).Scale(temperature)
}

// given is a row of numbers, learnt or, with a context, a linear map of it: b + W c.
type given struct {
	b, w *graph.Param
}

// newGiven makes it of n numbers; b begins as init, W at zero.
func newGiven(p *graph.Params, name string, n, context int, init graph.Init) given {
	q := given{b: p.New(name, 1, n, init)}
	if context < 0 {
		p.Fail("flows: base: %d columns of context: must not be negative", context)
	}
	if context > 0 {
		q.w = p.New(name+".weight", n, context, nil)
	}
	return q
}

// use emits the numbers in g: for each row, with a context.
func (q given) use(g *graph.Graph, context graph.Expr) graph.Expr {
	switch {
	case q.w == nil:
		return g.Use(q.b)
	case context.IsZero():
		return g.Fail("base", "it has a context, none was given")
	}
	return context.Linear(g.Use(q.w), g.Use(q.b))
}

// set makes the numbers v, whatever the context.
func (q given) set(v []float64) error { return q.b.Set(v) }

// scaleLimit bounds log-scales, smoothly.
const scaleLimit = 5

func bounded(a graph.Expr) graph.Expr { return a.Scale(1. / scaleLimit).Tanh().Scale(scaleLimit) }

// unbounded is the a that bounded makes v of, for v brought well within the limit.
func unbounded(v float64) float64 {
	return scaleLimit * math.Atanh(max(min(v/scaleLimit, 0.99), -0.99))
}

// DiagonalNormal is N(m, s²) in each column with m and log s learnt directly or,
// with a context, given by a linear map of it. Log-scales are bounded smoothly
// by ±5.
type DiagonalNormal = LocationScale

// NewDiagonalNormal makes it of dim columns, given context columns of context; 0
// is none. It starts as N(0, 1).
func NewDiagonalNormal(p *graph.Params, dim, context int) *DiagonalNormal {
	return NewLocationScale(p, NewStandardNormal(p, dim), context)
}

// Uniform is the uniform density on a box. Outside it the density is zero, its
// logarithm -Inf.
type Uniform struct {
	dim    int
	lo, hi float64
}

// NewUniform makes it on [lo, hi] in each of dim columns.
func NewUniform(p *graph.Params, dim int, lo, hi float64) *Uniform {
	if !(lo < hi && max(-lo, hi) <= 1e30) {
		p.Fail("flows: uniform base on [%v, %v]: want lo < hi within ±1e30", lo, hi)
		lo, hi = 0, 1
	}
	return &Uniform{atLeastOne(p, dim), lo, hi}
}

// Dim is the number of columns.
func (b *Uniform) Dim() int { return b.dim }

// LogProb is -dim log(hi - lo) in the box.
func (b *Uniform) LogProb(u, _ graph.Expr) graph.Expr {
	c, r := (b.lo+b.hi)/2, (b.hi-b.lo)/2
	outside := u.Shift(-c).Abs().Shift(-r).Step().SumCols().Step()
	inside := u.Zeros(1).Shift(-float64(b.dim) * math.Log(b.hi-b.lo))
	return outside.Where(u.Zeros(1).Log(), inside)
}

// Sample emits uniform noise; a temperature below 1 keeps it near the middle.
func (b *Uniform) Sample(g *graph.Graph, _ graph.Expr, temperature float64) graph.Expr {
	c, r := (b.lo+b.hi)/2, (b.hi-b.lo)/2
	return g.Uniform(b.dim).Affine(2*r*temperature, c-r*temperature)
}

// StudentT is Student's t with ν degrees of freedom in each column: noise with
// polynomial tails, for data with outliers (Alexanderson & Henter 2020,
// arXiv:2007.07253).
type StudentT struct {
	dim int
	nu  float64
}

// NewStudentT makes it of dim columns; nu is from 1e-3 to 1e6, of which the last is as
// good as a normal.
func NewStudentT(p *graph.Params, dim int, nu float64) *StudentT {
	if !(nu >= 1e-3 && nu <= 1e6) {
		p.Fail("flows: student-t base: %v degrees of freedom: want 1e-3 to 1e6", nu)
		nu = 1
	}
	return &StudentT{atLeastOne(p, dim), nu}
}

// Dim is the number of columns.
func (b *StudentT) Dim() int { return b.dim }

// LogProb is Σ log t(u; ν).
func (b *StudentT) LogProb(u, _ graph.Expr) graph.Expr {
	top, _ := math.Lgamma((b.nu + 1) / 2)
	bottom, _ := math.Lgamma(b.nu / 2)
	c := top - bottom - 0.5*math.Log(b.nu*math.Pi)
	// log(1 + u²/ν) as 2 log|u| - log ν + log(1 + ν/u²) where u² would overflow.
	a := u.Abs()
	big := u.Graph().Scalar(1e9).Less(a)
	small := big.Where(u.Zeros(b.dim), a)
	l := big.Where(a.Max(u.Graph().Scalar(1)).Log().Affine(2, -math.Log(b.nu)), small.Square().Scale(1/b.nu).Log1p())
	return l.SumCols().Affine(-0.5*(b.nu+1), float64(b.dim)*c)
}

// Sample emits √(ν(U^(-2/ν) - 1)) cos 2πV, Bailey's polar form (1994) of
// Student's t, with U and V uniform.
func (b *StudentT) Sample(g *graph.Graph, _ graph.Expr, temperature float64) graph.Expr {
	r := g.Uniform(b.dim).Log().Scale(-2 / b.nu).Min(g.Scalar(80)).Expm1().Scale(b.nu).Sqrt()
	return r.Mul(g.Uniform(b.dim).Scale(2 * math.Pi).Cos()).Scale(temperature)
}
