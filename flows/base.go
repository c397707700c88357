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

// DiagonalNormal is N(m, s²) in each column with m and log s learnt directly or,
// with a context, given by a linear map of it. Log-scales are bounded smoothly
// by ±5.
type DiagonalNormal struct {
	dim          int
	loc, scale   *graph.Param // without context: (1, dim)
	locW, scaleW *graph.Param // with: (dim, context)
	hasContext   bool
}

// NewDiagonalNormal makes it of dim columns, given context columns of context; 0
// is none. It starts as N(0, 1).
func NewDiagonalNormal(p *graph.Params, dim, context int) *DiagonalNormal {
	dim = atLeastOne(p, dim)
	b := &DiagonalNormal{dim: dim, loc: p.New("location", 1, dim, nil), scale: p.New("log_scale", 1, dim, nil), hasContext: context > 0}
	if b.hasContext {
		b.locW, b.scaleW = p.New("location.weight", dim, context, nil), p.New("log_scale.weight", dim, context, nil)
	}
	return b
}

// Dim is the number of columns.
func (b *DiagonalNormal) Dim() int { return b.dim }

func (b *DiagonalNormal) parts(g *graph.Graph, context graph.Expr) (m, logS graph.Expr) {
	m, logS = g.Use(b.loc), g.Use(b.scale)
	if b.hasContext {
		if context.IsZero() {
			e := g.Fail("base", "it has a context, none was given")
			return e, e
		}
		m, logS = context.Linear(g.Use(b.locW), m), context.Linear(g.Use(b.scaleW), logS)
	}
	return m, logS.Scale(1. / 5).Tanh().Scale(5)
}

// LogProb is Σ log N(u; m, s²).
func (b *DiagonalNormal) LogProb(u, context graph.Expr) graph.Expr {
	m, logS := b.parts(u.Graph(), context)
	z := u.Sub(m).Mul(logS.Neg().Exp())
	return z.Square().Scale(-0.5).Sub(logS).SumCols().Shift(-0.5 * float64(b.dim) * math.Log(2*math.Pi))
}

// Sample emits m + s·noise.
func (b *DiagonalNormal) Sample(g *graph.Graph, context graph.Expr, temperature float64) graph.Expr {
	m, logS := b.parts(g, context)
	return g.Normal(b.dim).Scale(temperature).Mul(logS.Exp()).Add(m)
}

// Uniform is the uniform density on a box. Outside it the density is zero, its
// logarithm -Inf.
type Uniform struct {
	dim    int
	lo, hi float64
}

// NewUniform makes it on [lo, hi] in each of dim columns.
func NewUniform(p *graph.Params, dim int, lo, hi float64) *Uniform {
	if !(lo < hi) || math.IsInf(hi-lo, 0) {
		p.Fail("flows: uniform base on [%v, %v]: want finite lo < hi", lo, hi)
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

// NewStudentT makes it of dim columns; nu > 0.
func NewStudentT(p *graph.Params, dim int, nu float64) *StudentT {
	if !(nu > 0) {
		p.Fail("flows: student-t base: %v degrees of freedom: must be positive", nu)
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

// Mixture is a mixture of K Gaussians with diagonal covariances, all learnt.
type Mixture struct {
	dim, k                int
	logit, mean, logScale *graph.Param
}

// NewMixture makes it of dim columns and k components with random means.
func NewMixture(p *graph.Params, dim, k int) *Mixture {
	dim = atLeastOne(p, dim)
	if k < 1 {
		p.Fail("flows: mixture base of %d components: need at least one", k)
		k = 1
	}
	return &Mixture{dim, k, p.New("logits", 1, k, nil), p.New("means", k, dim, graph.Gaussian(1)), p.New("log_scales", k, dim, nil)}
}

// Dim is the number of columns.
func (b *Mixture) Dim() int { return b.dim }

func (b *Mixture) scales(g *graph.Graph) graph.Expr {
	return g.Use(b.logScale).Scale(1. / 5).Tanh().Scale(5)
}

// LogProb is log Σ_k w_k N(u; m_k, s_k²).
func (b *Mixture) LogProb(u, _ graph.Expr) graph.Expr {
	g := u.Graph()
	n := b.k * b.dim
	logS := b.scales(g).Reshape(1, n)
	all := make([]graph.Expr, b.k)
	for k := range all {
		all[k] = u
	}
	z := graph.Concat(all...).Sub(g.Use(b.mean).Reshape(1, n)).Mul(logS.Neg().Exp())
	each := z.Square().Scale(-0.5).Sub(logS).SumGroups(b.dim)
	logit := g.Use(b.logit)
	logW := logit.Sub(logit.LogSumExp(b.k))
	return each.Add(logW).LogSumExp(b.k).Shift(-0.5 * float64(b.dim) * math.Log(2*math.Pi))
}

// Sample picks a component for each row and emits noise of it; the temperature
// scales noise within components.
func (b *Mixture) Sample(g *graph.Graph, _ graph.Expr, temperature float64) graph.Expr {
	upTo := make([]float64, b.k*b.k)
	for i := range b.k {
		for j := range i + 1 {
			upTo[i*b.k+j] = 1
		}
	}
	cum := g.Use(b.logit).Softmax(b.k).Linear(g.Constant(b.k, b.k, upTo), graph.Expr{})
	below := g.Uniform(1).Less(cum) // 0 … 0 1 … 1
	pick := below
	if b.k > 1 {
		last := below.Zeros(1).Shift(1)
		below = graph.Concat(below.Slice(0, b.k-1), last) // rounding: the last always counts
		pick = graph.Concat(below.Slice(0, 1), below.Slice(1, b.k).Sub(below.Slice(0, b.k-1)))
	} else {
		pick = pick.Scale(0).Shift(1)
	}
	s := pick.Times(b.scales(g).Exp())
	return g.Normal(b.dim).Scale(temperature).Mul(s).Add(pick.Times(g.Use(b.mean)))
}
