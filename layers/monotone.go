package layers

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/integrate/quad"

	"github.com/gorgeflow/gorge/graph"
)

// Monotone maps that are computed from data to noise; noise to data is solved for
// numerically.

// DeepSigmoidal is the deep sigmoidal transformer of neural autoregressive flows
// (Huang et al. 2018, arXiv:1804.00779):
//
//	u = logit Σ_k w_k σ(a_k x + b_k),  w = softmax, a = softplus
//
// all in logarithms, so that it reaches from -∞ to ∞. Parameters of an element:
// Units logits of w, Units of a, Units of b.
type DeepSigmoidal struct {
	Units int // default 8
	// Plain makes a = softplus(h), as in the paper, instead of being one for h = 0
	// and at least 1e-3.
	Plain bool
}

func (t DeepSigmoidal) units() int { return binsOr(t.Units, 8) }

func (t DeepSigmoidal) check() error { return checkBins(t.units(), 1, 1, 0) }

// Params is 3·Units.
func (t DeepSigmoidal) Params() int { return 3 * t.units() }

// rising is softplus, one at zero and at least 1e-3.
func rising(a graph.Expr) graph.Expr {
	return a.Shift(inverseSoftplus(1 - 1e-3)).Softplus().Shift(1e-3)
}

// Inverse maps data to noise.
func (t DeepSigmoidal) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k := t.units()
	w, a, b := logShares(part(h, 3*k, 0, k), k), part(h, 3*k, k, 2*k), part(h, 3*k, 2*k, 3*k)
	if t.Plain {
		a = a.Softplus()
	} else {
		a = rising(a)
	}
	pre := a.Mul(x.Repeat(k)).Add(b)
	up, down := logSigmoid(pre), logSigmoid(pre.Neg())
	f, g := w.Add(up).LogSumExp(k), w.Add(down).LogSumExp(k)
	return f.Sub(g), w.Add(up).Add(down).Add(a.Log()).LogSumExp(k).Sub(f).Sub(g)
}

// Forward maps noise to data, numerically.
func (t DeepSigmoidal) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return solved(u, h, t.Inverse)
}

// DeepDenseSigmoidal stacks layers of Units sigmoids that are mixed with each other
// (Huang et al. 2018, arXiv:1804.00779, section 3.2):
//
//	h' = logit(W σ(a ⊙ U h + b)),  rows of W and U softmax, a = softplus
//
// from one number to one number. Log-slopes are carried through the layers in
// logarithms.
type DeepDenseSigmoidal struct {
	Units int // default 8
	Depth int // default 2
}

func (t DeepDenseSigmoidal) settings() (k, depth int) { return binsOr(t.Units, 8), binsOr(t.Depth, 2) }

func (t DeepDenseSigmoidal) check() error {
	k, depth := t.settings()
	if depth < 1 || depth > 16 {
		return fmt.Errorf("depth %d: want 1 to 16", depth)
	}
	return checkBins(k, 1, 1, 0)
}

// Params is 2·Units for each layer, and Units² or Units for each matrix.
func (t DeepDenseSigmoidal) Params() int {
	k, depth := t.settings()
	return depth*2*k + (depth-1)*2*k*k + k
}

// Inverse maps data to noise.
func (t DeepDenseSigmoidal) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k, depth := t.settings()
	at, n := 0, t.Params()
	next := func(count int) graph.Expr {
		at += count
		return part(h, n, at-count, at)
	}
	y, slope, in := x, x.Zeros(x.Cols()), 1
	for l := range depth {
		out := k
		if l == depth-1 {
			out = 1
		}
		a, b := rising(next(k)), next(k)
		mixed, ms := y.Repeat(k), slope.Repeat(k)
		if in > 1 {
			m := logShares(next(k*in), in)
			mixed = m.Exp().Mul(copies(y, in, k)).SumGroups(in)
			ms = m.Add(copies(slope, in, k)).LogSumExp(in)
		}
		pre := a.Mul(mixed).Add(b)
		up, down := logSigmoid(pre), logSigmoid(pre.Neg())
		w := logShares(next(out*k), k)
		f, g := w.Add(copies(up, k, out)).LogSumExp(k), w.Add(copies(down, k, out)).LogSumExp(k)
		y = f.Sub(g)
		slope = w.Add(copies(up.Add(down).Add(a.Log()).Add(ms), k, out)).LogSumExp(k).Sub(f).Sub(g)
		in = out
	}
	return y, slope
}

// Forward maps noise to data, numerically.
func (t DeepDenseSigmoidal) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return solved(u, h, t.Inverse)
}

// LogisticMixture is the coupling of Flow++ (Ho et al. 2019, arXiv:1902.00275): the
// distribution function of a mixture of logistics, made a number again by a logit,
// scaled and shifted,
//
//	u = logit(Σ_k π_k σ((x - μ_k) e^{-s_k})) e^a + b
//
// Parameters of an element: Components logits of π, Components of μ and of s, a, b.
type LogisticMixture struct {
	Components int // default 8
	// Limit bounds s and a smoothly; default 5, negative for none.
	Limit float64
}

func (t LogisticMixture) components() int { return binsOr(t.Components, 8) }

func (t LogisticMixture) check() error { return checkBins(t.components(), 1, 1, 0) }

// Params is 3·Components + 2.
func (t LogisticMixture) Params() int { return 3*t.components() + 2 }

// Inverse maps data to noise.
func (t LogisticMixture) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k, n, limit := t.components(), t.Params(), orDefault(t.Limit, 5)
	w, mu, s := logShares(part(h, n, 0, k), k), part(h, n, k, 2*k), limited(part(h, n, 2*k, 3*k), limit)
	a, b := limited(part(h, n, 3*k, 3*k+1), limit), part(h, n, 3*k+1, n)
	pre := x.Repeat(k).Sub(mu).Mul(s.Neg().Exp())
	up, down := logSigmoid(pre), logSigmoid(pre.Neg())
	f, g := w.Add(up).LogSumExp(k), w.Add(down).LogSumExp(k)
	return f.Sub(g).Mul(a.Exp()).Add(b), w.Add(up).Add(down).Sub(s).LogSumExp(k).Sub(f).Sub(g).Add(a)
}

// Forward maps noise to data, numerically.
func (t LogisticMixture) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return solved(u, h, t.Inverse)
}

// SinhArcsinh is the map of Jones and Pewsey (2009),
//
//	u = sinh(t (asinh(x) + k)),  t = e^h
//
// with skewness k and tail weight t: both directions in closed form.
type SinhArcsinh struct {
	// Limit bounds log t smoothly, and k by five times as much; default 1, negative
	// for none.
	Limit float64
}

// Params is 2.
func (SinhArcsinh) Params() int { return 2 }

func (t SinhArcsinh) parts(h graph.Expr) (skew, logTail graph.Expr) {
	l := orDefault(t.Limit, 1)
	return limited(h.Stride(0, 2), 5*l), limited(h.Stride(1, 2), l)
}

// asinh is written so that no x overflows, and is smooth at zero: by the area
// tangent of the half within ±1, beyond by log(a + √(1+a²)).
func asinh(x graph.Expr) graph.Expr {
	one := x.Graph().Scalar(1)
	in := x.Clamp(-1, 1)
	t := in.Div(in.Square().Shift(1).Sqrt().Shift(1))
	near := t.Log1p().Sub(t.Neg().Log1p())
	a := x.Abs().Max(one)
	far := a.Log().Add(a.Recip().Square().Shift(1).Sqrt().Log1p())
	return x.Abs().Less(one).Where(near, x.Sign().Mul(far))
}

func sinh(x graph.Expr) graph.Expr { return x.Expm1().Sub(x.Neg().Expm1()).Scale(0.5) }

// logCosh is log cosh x.
func logCosh(x graph.Expr) graph.Expr {
	a := x.Abs()
	return a.Add(a.Scale(-2).Exp().Log1p()).Shift(-math.Ln2)
}

// Inverse maps data to noise.
func (t SinhArcsinh) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k, l := t.parts(h)
	a := asinh(x)
	q := a.Add(k).Mul(l.Exp())
	// √(1+x²) is cosh(asinh x).
	return sinh(q), logCosh(q).Add(l).Sub(logCosh(a))
}

// Forward maps noise to data.
func (t SinhArcsinh) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	k, l := t.parts(h)
	a := asinh(u)
	q := a.Mul(l.Neg().Exp()).Sub(k)
	return sinh(q), logCosh(q).Sub(l).Sub(logCosh(a))
}

// Gaussianization is the distribution function of a mixture of Gaussians, made
// normal by the inverse of Φ (Meng et al. 2020, arXiv:2003.01941):
//
//	u = Φ⁻¹(1/K Σ_k Φ(x e^{s_k} + m_k))
//
// computed from logarithms on either side, within ±Bound, and with straight tails
// beyond. Parameters of an element: Components of m, Components of s, and, if Weighted,
// Components logits of weights instead of 1/K. As an autoregressive layer next to a
// standard normal base, it is the autoregressive mixture of Gaussians, MADE MoG
// (Papamakarios et al. 2017, arXiv:1705.07057), within the bound.
type Gaussianization struct {
	Components int     // default 8
	Bound      float64 // default 10
	// Limit bounds s smoothly; default 3, negative for none.
	Limit    float64
	Weighted bool // weights are parameters too
	// Shrink draws probabilities towards 1/2 by that share, as zuko does by 1e-6.
	Shrink float64
}

func (t Gaussianization) components() int { return binsOr(t.Components, 8) }

func (t Gaussianization) check() error {
	return checkBins(t.components(), 1, orDefault(t.Bound, 10), 0)
}

// Params is 2·Components, 3·Components if weighted.
func (t Gaussianization) Params() int { return (2 + int(step(t.Weighted))) * t.components() }

// Inverse maps data to noise.
func (t Gaussianization) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k := t.components()
	n := t.Params()
	m, s := part(h, n, 0, k), limited(part(h, n, k, 2*k), orDefault(t.Limit, 3))
	var w graph.Expr
	if t.Weighted {
		w = logShares(part(h, n, 2*k, 3*k), k)
	}
	return linearTails(x, orDefault(t.Bound, 10), func(x graph.Expr) (y, logSlope graph.Expr) {
		z := x.Repeat(k).Mul(s.Exp()).Add(m)
		mean := func(l graph.Expr) graph.Expr {
			if t.Weighted {
				return l.Add(w).LogSumExp(k)
			}
			return l.LogSumExp(k).Shift(-math.Log(float64(k)))
		}
		below, above := mean(z.LogNormalCDF()), mean(z.Neg().LogNormalCDF())
		density := mean(z.Square().Scale(-0.5).Add(s))
		if e := t.Shrink; e > 0 {
			shrink := func(l graph.Expr) graph.Expr { return l.Exp().Affine(1-e, e/2).Log() }
			below, above, density = shrink(below), shrink(above), density.Shift(math.Log1p(-e))
		}
		low := below.Less(above)
		half := x.Graph().Scalar(-math.Ln2)
		y = low.Where(below.Min(half).NormalQuantile(), above.Min(half).NormalQuantile().Neg())
		return y, density.Add(y.Square().Scale(0.5))
	})
}

// Forward maps noise to data, numerically.
func (t Gaussianization) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return solved(u, h, t.Inverse)
}

// Components of these are interchangeable: where no network tells them apart, they
// must begin different.
func (DeepSigmoidal) alike()      {}
func (DeepDenseSigmoidal) alike() {}
func (LogisticMixture) alike()    {}
func (Gaussianization) alike()    {}
func (SumOfSquares) alike()       {}

// SumOfSquares is the sum-of-squares polynomial of Jaini et al. (2019),
// arXiv:1905.02325: the integral of a mean of squared polynomials,
//
//	u = b + ∫₀ˣ 1/K Σ_k (1 + Σ_j a_kj (t/Bound)ʲ)² + MinSlope dt
//
// exact by Gauss-Legendre quadrature, with straight tails beyond ±Bound.
// Parameters of an element: K·(Degree+1) of a, row by row, then b.
type SumOfSquares struct {
	Polynomials int     // K; default 3
	Degree      int     // default 3
	Bound       float64 // default 10
	MinSlope    float64 // default 1e-3; negative for none
	NoShift     bool    // leaves b out
}

func (t SumOfSquares) settings() (k, degree int, bound, least float64) {
	return binsOr(t.Polynomials, 3), binsOr(t.Degree, 3), orDefault(t.Bound, 10), orDefault(t.MinSlope, 1e-3)
}

func (t SumOfSquares) check() error {
	k, d, b, _ := t.settings()
	if d < 1 || d > 16 {
		return fmt.Errorf("degree %d: want 1 to 16", d)
	}
	return checkBins(k, 1, b, 0)
}

// Params is Polynomials·(Degree+1) + 1.
func (t SumOfSquares) Params() int {
	k, d, _, _ := t.settings()
	return k*(d+1) + int(step(!t.NoShift))
}

// Inverse maps data to noise.
func (t SumOfSquares) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k, d, b, least := t.settings()
	n := t.Params()
	coefficient := make([]graph.Expr, d+1)
	for j := range coefficient {
		var idx []int
		for e := range x.Cols() {
			for i := range k {
				idx = append(idx, e*n+i*(d+1)+j)
			}
		}
		coefficient[j] = h.Columns(idx)
	}
	density := func(x graph.Expr) graph.Expr {
		v := x.Scale(1 / b).Repeat(k)
		p := coefficient[d]
		for j := d - 1; j >= 0; j-- {
			p = p.Mul(v).Add(coefficient[j])
		}
		return p.Shift(1).Square().SumGroups(k).Affine(1/float64(k), least)
	}
	nodes, weights := make([]float64, d+1), make([]float64, d+1)
	quad.Legendre{}.FixedLocations(nodes, weights, 0, 1)
	u, logSlope = linearTails(x, b, func(x graph.Expr) (y, logSlope graph.Expr) {
		y = x.Zeros(x.Cols())
		for i := range nodes {
			y = y.Add(density(x.Scale(nodes[i])).Scale(weights[i]))
		}
		return y.Mul(x), density(x).Log()
	})
	if !t.NoShift {
		u = u.Add(part(h, n, n-1, n))
	}
	return u, logSlope
}

// Forward maps noise to data, numerically.
func (t SumOfSquares) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return solved(u, h, t.Inverse)
}

// Bernstein is the Bernstein polynomial of Ramasinghe et al. (2022),
// arXiv:2102.03509, on [-Bound, Bound] with straight tails. Its Coefficients+1
// increments are softplus of the parameters, the second and the last of which
// serve twice; the first is the value at -Bound.
type Bernstein struct {
	Coefficients int     // parameters; default 8; at least 3
	Bound        float64 // default 5
	// Plain makes increments softplus(h) and the first value h - Coefficients log(2)/2,
	// as in zuko; by default the polynomial is the identity for h = 0.
	Plain bool
}

func (t Bernstein) settings() (m int, bound float64) {
	return binsOr(t.Coefficients, 8), orDefault(t.Bound, 5)
}

func (t Bernstein) check() error { m, b := t.settings(); return checkBins(m, 3, b, 0) }

// Params is Coefficients.
func (t Bernstein) Params() int { m, _ := t.settings(); return m }

// Inverse maps data to noise.
func (t Bernstein) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	m, b := t.settings()
	var idx []int
	for e := range x.Cols() {
		for j := range m + 1 {
			idx = append(idx, e*m+min(max(j, 1), m-1))
		}
	}
	first, rise := part(h, m, 0, 1), h.Columns(idx)
	if t.Plain {
		first, rise = first.Shift(-math.Ln2*float64(m)/2), rise.Softplus()
	} else {
		first = first.Shift(-b)
		even := 2 * b / float64(m+1)
		rise = rise.Shift(inverseSoftplus(even - 1e-3)).Softplus().Shift(1e-3)
	}
	theta := graph.Concat(first, first.Repeat(m+1).Add(rise.CumGroups(m+1))) // first, then m+1 of each
	var order []int
	d := x.Cols()
	for e := range d {
		order = append(order, e)
		for j := range m + 1 {
			order = append(order, d+e*(m+1)+j)
		}
	}
	theta = theta.Columns(order)
	return linearTails(x, b, func(x graph.Expr) (y, logSlope graph.Expr) {
		at := x.Affine(0.5/b, 0.5)
		slope := casteljau(rise, m+1, at).Scale(float64(m+1) / (2 * b))
		return casteljau(theta, m+2, at), slope.Log()
	})
}

// Forward maps noise to data, numerically.
func (t Bernstein) Forward(u, h graph.Expr) (x, logSlope graph.Expr) { return solved(u, h, t.Inverse) }

// casteljau evaluates the Bernstein polynomials of k coefficients each at t, by the
// recursion of de Casteljau: means of neighbours, without cancellation.
func casteljau(c graph.Expr, k int, t graph.Expr) graph.Expr {
	for ; k > 1; k-- {
		r := t.Repeat(k - 1)
		lo, hi := part(c, k, 0, k-1), part(c, k, 1, k)
		c = lo.Add(hi.Sub(lo).Mul(r))
	}
	return c
}
