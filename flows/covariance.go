package flows

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// FullNormal is N(m, S L Lᵀ S) with m, the diagonal S and the lower triangular L of unit
// diagonal learnt. Logarithms of S are bounded smoothly by ±5, elements of L by ±100.
type FullNormal struct {
	dim              int
	loc, lower, diag *graph.Param
}

// NewFullNormal makes it of dim columns; it starts as N(0, 1).
func NewFullNormal(p *graph.Params, dim int) *FullNormal {
	dim = atLeastOne(p, dim)
	return &FullNormal{dim, p.New("location", 1, dim, nil), p.New("lower", dim, dim, nil), p.New("log_diagonal", 1, dim, nil)}
}

// Dim is the number of columns.
func (b *FullNormal) Dim() int { return b.dim }

func (b *FullNormal) parts(g *graph.Graph) (l, logS graph.Expr) {
	n := b.dim
	below, one := make([]float64, n*n), make([]float64, n*n)
	for i := range n {
		one[i*n+i] = 1
		for j := range i {
			below[i*n+j] = 1
		}
	}
	l = factors(g.Use(b.lower)).Mul(g.Constant(n, n, below)).Add(g.Constant(n, n, one))
	return l, bounded(g.Use(b.diag))
}

// factors are bounded smoothly by ±100.
func factors(a graph.Expr) graph.Expr { return a.Scale(1. / 100).Tanh().Scale(100) }

// LogProb is log N(u; m, S L Lᵀ S).
func (b *FullNormal) LogProb(u, _ graph.Expr) graph.Expr {
	g := u.Graph()
	l, logS := b.parts(g)
	z := u.Sub(g.Use(b.loc)).Mul(logS.Neg().Exp()).Linear(l.TriInverse(false), graph.Expr{})
	return z.Square().SumCols().Affine(-0.5, -0.5*float64(b.dim)*math.Log(2*math.Pi)).Sub(logS.SumCols())
}

// Sample emits m + S L·noise.
func (b *FullNormal) Sample(g *graph.Graph, _ graph.Expr, temperature float64) graph.Expr {
	l, logS := b.parts(g)
	return g.Normal(b.dim).Scale(temperature).Linear(l, graph.Expr{}).Mul(logS.Exp()).Add(g.Use(b.loc))
}

// LowRankNormal is N(m, U Uᵀ + D) with U of few columns and D diagonal, all learnt:
// determinant and inverse are those of a matrix of that few columns.
type LowRankNormal struct {
	dim, rank          int
	loc, factors, diag *graph.Param
}

// NewLowRankNormal makes it of dim columns and the given rank; it starts near N(0, 1).
func NewLowRankNormal(p *graph.Params, dim, rank int) *LowRankNormal {
	dim = atLeastOne(p, dim)
	if rank < 1 || rank > dim {
		p.Fail("flows: low-rank base of rank %d and %d columns", rank, dim)
		rank = 1
	}
	return &LowRankNormal{dim, rank, p.New("location", 1, dim, nil), p.New("factors", dim, rank, graph.Gaussian(0.01)), p.New("log_diagonal", 1, dim, nil)}
}

// Dim is the number of columns.
func (b *LowRankNormal) Dim() int { return b.dim }

func (b *LowRankNormal) parts(g *graph.Graph) (u, logD graph.Expr) {
	return factors(g.Use(b.factors)), bounded(g.Use(b.diag))
}

// LogProb is log N(u; m, U Uᵀ + D).
func (b *LowRankNormal) LogProb(u, _ graph.Expr) graph.Expr {
	g := u.Graph()
	f, logD := b.parts(g)
	n := b.rank
	one := make([]float64, n*n)
	for i := range n {
		one[i*n+i] = 1
	}
	scaled := f.Transpose().Mul(logD.Scale(-0.5).Exp()) // Uᵀ D^-½
	inner := scaled.Times(scaled.Transpose()).Add(g.Constant(n, n, one))
	z := u.Sub(g.Use(b.loc)).Mul(logD.Scale(-0.5).Exp())
	along := z.Linear(scaled, graph.Expr{})
	square := z.Square().SumCols().Sub(along.Times(inner.MatInverse()).Mul(along).SumCols())
	return square.Affine(-0.5, -0.5*float64(b.dim)*math.Log(2*math.Pi)).Sub(logD.SumCols().Add(inner.LogDet()).Scale(0.5))
}

// Sample emits m + U·noise + D^½·noise.
func (b *LowRankNormal) Sample(g *graph.Graph, _ graph.Expr, temperature float64) graph.Expr {
	f, logD := b.parts(g)
	common := g.Normal(b.rank).Scale(temperature).Linear(f, g.Use(b.loc))
	return g.Normal(b.dim).Scale(temperature).Mul(logD.Scale(0.5).Exp()).Add(common)
}

// LearnableTails is Student's t in each column with location, scale and degrees of
// freedom learnt, between 1 and about 1000: tails as heavy as the data's (Laszkiewicz
// et al. 2022, arXiv:2206.10311).
type LearnableTails struct {
	dim           int
	loc, s, logNu *graph.Param
}

// NewLearnableTails makes it of dim columns; it starts at 30 degrees of freedom.
func NewLearnableTails(p *graph.Params, dim int) *LearnableTails {
	dim = atLeastOne(p, dim)
	return &LearnableTails{dim, p.New("location", 1, dim, nil), p.New("log_scale", 1, dim, nil), p.New("log_freedom", 1, dim, graph.Fill(math.Log(29)))}
}

// Dim is the number of columns.
func (b *LearnableTails) Dim() int { return b.dim }

// parts returns location, log-scale and degrees of freedom.
func (b *LearnableTails) parts(g *graph.Graph) (m, logS, nu graph.Expr) {
	return g.Use(b.loc), bounded(g.Use(b.s)), g.Use(b.logNu).Clamp(-10, 7).Exp().Shift(1)
}

// logGamma is log Γ by Stirling's series eight further on, to about 1e-13.
func logGamma(z graph.Expr) graph.Expr {
	var shift graph.Expr
	for k := range 8 {
		l := z.Shift(float64(k)).Log()
		if k == 0 {
			shift = l
		} else {
			shift = shift.Add(l)
		}
	}
	z = z.Shift(8)
	r := z.Recip()
	r2 := r.Square()
	series := r2.Mul(r2.Mul(r2.Mul(r2.Affine(1./1188, -1./1680)).Shift(1. / 1260)).Shift(-1. / 360)).Shift(1. / 12).Mul(r)
	return z.Shift(-0.5).Mul(z.Log()).Sub(z).Shift(0.5 * math.Log(2*math.Pi)).Add(series).Sub(shift)
}

// LogProb is Σ log t(u; ν, m, s).
func (b *LearnableTails) LogProb(u, _ graph.Expr) graph.Expr {
	m, logS, nu := b.parts(u.Graph())
	top := nu.Shift(1).Scale(0.5)
	c := logGamma(top).Sub(logGamma(nu.Scale(0.5))).Sub(nu.Scale(math.Pi).Log().Scale(0.5)).Sub(logS)
	// log(1 + z²/ν) = softplus(2 log|z| - log ν), which overflows for no z.
	z := u.Sub(m).Mul(logS.Neg().Exp()).Abs().Max(u.Graph().Scalar(1e-15))
	tail := z.Log().Scale(2).Sub(nu.Log()).Softplus()
	return tail.Mul(top).Neg().Add(c).SumCols()
}

// Sample emits noise by Bailey's polar form (1994), as [StudentT] does.
func (b *LearnableTails) Sample(g *graph.Graph, _ graph.Expr, temperature float64) graph.Expr {
	m, logS, nu := b.parts(g)
	r := g.Uniform(b.dim).Log().Mul(nu.Recip().Scale(-2)).Min(g.Scalar(80)).Expm1().Mul(nu).Sqrt()
	return r.Mul(g.Uniform(b.dim).Scale(2 * math.Pi).Cos()).Scale(temperature).Mul(logS.Exp()).Add(m)
}
