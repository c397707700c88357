package flows

import (
	"cmp"
	"math"
	"math/rand/v2"

	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// Resampled is the resampled base of Stimper et al. (2022), arXiv:2110.15828, learnt
// accept/reject sampling (Bauer & Mnih 2019, arXiv:1810.11428) of a standard normal π:
// a proposal z is accepted with probability a(z), which a network learns, and the T-th
// one whatever it is. The density is
//
//	p(z) = π(z) (α_T + (1 - α_T) a(z)/Z),   Z = E_π a(z),   α_T = (1 - Z)^(T-1)
//
// It can have holes and several modes, which a continuous map of a Gaussian cannot make.
//
// In training Z is a moving average over the proposals of each step, one for each row,
// and its gradient is that of the last ones. In evaluation it is the mean of a over
// points that are spread evenly through π and never change, computed once for each
// change of the parameters: the density is normalised to within the error of that sum,
// about 1/√points at worst and far less for few columns.
//
// A context moves and scales it in a [LocationScale].
type Resampled struct {
	dim, tries, points int
	a                  *layers.MLP
	z                  *graph.Param
	decay              float64
}

// ResampledOptions are the settings of a [Resampled] base.
type ResampledOptions struct {
	// Tries is T; default 100. A sample costs that many evaluations of the network.
	Tries int
	// Average is the weight of a step in the moving average of Z; default 0.05.
	Average float64
	// Points is how many points Z is the mean over in evaluation; default 16384.
	Points int
}

// acceptLimit bounds the logit of an acceptance, smoothly, so that Z is never zero.
const acceptLimit = 15

// NewResampled makes it of dim columns, net being the network of a. It starts near N(0, 1).
func NewResampled(p *graph.Params, dim int, net layers.Net, opts ResampledOptions) *Resampled {
	dim = atLeastOne(p, dim)
	o := ResampledOptions{Tries: cmp.Or(opts.Tries, 100), Average: cmp.Or(opts.Average, 0.05), Points: cmp.Or(opts.Points, 16384)}
	if o.Tries < 1 || o.Tries > 10000 || !(o.Average > 0) || o.Average > 1 || o.Points < 1 {
		p.Fail("flows: resampled base: %d tries, average %v, %d points: want 1 to 10000, 0 < average ≤ 1, at least one", opts.Tries, opts.Average, opts.Points)
		o.Tries, o.Average, o.Points = 1, 1, 1
	}
	if net.OutputGain == 0 {
		net.OutputGain = 0.01
	}
	return &Resampled{dim, o.Tries, o.Points, layers.NewMLP(p.In("acceptance"), dim, 1, net), p.State("normaliser", 1, 1, graph.Fill(0.5)), o.Average}
}

// Dim is the number of columns.
func (b *Resampled) Dim() int { return b.dim }

// accept emits a(z), between 3e-7 and one less that.
func (b *Resampled) accept(z graph.Expr) graph.Expr {
	return b.a.Apply(z).Scale(1. / acceptLimit).Tanh().Scale(acceptLimit).Sigmoid()
}

// normaliser emits Z.
func (b *Resampled) normaliser(g *graph.Graph) graph.Expr {
	if g.Mode() != graph.Train {
		return b.accept(g.Constant(b.points, b.dim, evenNormals(b.points, b.dim))).SumRows().Scale(1 / float64(b.points))
	}
	a := b.accept(g.Normal(b.dim))
	batch := a.SumRows().Div(a.Zeros(1).Shift(1).SumRows())
	next := g.Use(b.z).Scale(1 - b.decay).Add(batch.StopGrad().Scale(b.decay))
	g.Assign(b.z, next)
	return next.Add(batch.Sub(batch.StopGrad()))
}

// LogProb is log π(u) + log(α_T + (1 - α_T) a(u)/Z).
func (b *Resampled) LogProb(u, _ graph.Expr) graph.Expr {
	z := b.normaliser(u.Graph())
	logAlpha := z.Neg().Log1p().Scale(float64(b.tries - 1))
	ratio := logAlpha.Expm1().Neg().Div(z).Mul(b.accept(u)).Add(logAlpha.Exp())
	normal := u.Square().SumCols().Affine(-0.5, -0.5*float64(b.dim)*math.Log(2*math.Pi))
	return normal.Add(ratio.Log())
}

// Sample emits, of T proposals for each row, the first that is accepted, or the last; the
// temperature scales it. No gradient of a passes.
func (b *Resampled) Sample(g *graph.Graph, _ graph.Expr, temperature float64) graph.Expr {
	var z, done graph.Expr
	for t := range b.tries {
		next := g.Normal(b.dim)
		if t == 0 {
			z, done = next, g.Uniform(1).Less(b.accept(next))
			continue
		}
		z = done.Where(z, next)
		if t < b.tries-1 {
			done = done.Max(g.Uniform(1).Less(b.accept(next)))
		}
	}
	return z.Scale(temperature)
}

// evenNormals returns n points, row by row, spread as N(0, 1) in each of dim columns: the
// scrambled Halton sequence of Owen (2017), arXiv:1706.02808, through the quantiles. In
// column j the digits of i in the j-th prime base, each permuted at random, stand behind
// the point.
func evenNormals(n, dim int) []float64 {
	rng := rand.New(rand.NewPCG(1706, 2708))
	out := make([]float64, n*dim)
	base := 1
	for j := range dim {
		base = nextPrime(base)
		for power, unit := 1, 1/float64(base); unit > 1e-17; unit /= float64(base) {
			digit := rng.Perm(base)
			for i := range n {
				out[i*dim+j] += float64(digit[i/power%base]) * unit
			}
			if power < n { // beyond, digits are zero
				power *= base
			}
		}
	}
	for i, u := range out {
		out[i] = math.Sqrt2 * math.Erfinv(2*min(max(u, 1e-12), 1-1e-12)-1)
	}
	return out
}

func nextPrime(n int) int {
	for n++; ; n++ {
		d := 2
		for d*d <= n && n%d != 0 {
			d++
		}
		if n > 1 && d*d > n {
			return n
		}
	}
}
