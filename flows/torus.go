package flows

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Torus is the uniform density of angles, in radians: 1/2π in each column, whatever
// the number of turns.
type Torus struct{ dim int }

// NewTorus makes it of dim angles.
func NewTorus(p *graph.Params, dim int) *Torus { return &Torus{atLeastOne(p, dim)} }

// Dim is the number of columns.
func (b *Torus) Dim() int { return b.dim }

// LogProb is -dim log 2π.
func (b *Torus) LogProb(u, _ graph.Expr) graph.Expr {
	return u.Zeros(1).Shift(-float64(b.dim) * math.Log(2*math.Pi))
}

// Sample emits angles between -π and π; the temperature has no meaning here.
func (b *Torus) Sample(g *graph.Graph, _ graph.Expr, _ float64) graph.Expr {
	return g.Uniform(b.dim).Affine(2*math.Pi, -math.Pi)
}

// VonMises is the von Mises density of independent angles, exp(κ cos(u - m))/(2π I₀(κ)),
// with m and log κ learnt or, with a context, given by a linear map of it; log κ is bounded
// smoothly by ±5.
type VonMises struct {
	dim    int
	loc, c given
}

// NewVonMises makes it of dim angles, given context columns of context; 0 is none. It
// starts at m = 0 and κ = 1.
func NewVonMises(p *graph.Params, dim, context int) *VonMises {
	dim = atLeastOne(p, dim)
	return &VonMises{dim, newGiven(p, "location", dim, context, nil), newGiven(p, "log_concentration", dim, context, nil)}
}

// Dim is the number of columns.
func (b *VonMises) Dim() int { return b.dim }

// circleNodes is how many points the trapezoidal rule takes on the circle, where it
// converges faster than any power; 128 are exact to rounding for κ up to e⁵.
const circleNodes = 128

// logBessel is log I₀(κ), and each of e^{κ cos φ}/Σ at the nodes φ.
func logBessel(kappa graph.Expr) (logI0, weights graph.Expr) {
	d := kappa.Cols()
	cos := make([]float64, 0, d*circleNodes)
	for range d {
		for i := range circleNodes {
			cos = append(cos, math.Cos(2*math.Pi*float64(i)/circleNodes))
		}
	}
	e := kappa.Repeat(circleNodes).Mul(kappa.Graph().Constant(1, len(cos), cos))
	return e.LogSumExp(circleNodes).Shift(-math.Log(circleNodes)), e.Softmax(circleNodes)
}

func (b *VonMises) kappa(g *graph.Graph, context graph.Expr) graph.Expr {
	return bounded(b.c.use(g, context)).Exp()
}

// LogProb is Σ κ cos(u - m) - log 2π I₀(κ).
func (b *VonMises) LogProb(u, context graph.Expr) graph.Expr {
	g := u.Graph()
	k := b.kappa(g, context)
	l, _ := logBessel(k)
	return u.Sub(b.loc.use(g, context)).Cos().Mul(k).Sub(l).SumCols().Shift(-float64(b.dim) * math.Log(2*math.Pi))
}

// Sample solves for angles whose distribution function, by its Fourier series, is
// uniform noise; the temperature divides the concentration.
func (b *VonMises) Sample(g *graph.Graph, context graph.Expr, temperature float64) graph.Expr {
	k := b.kappa(g, context)
	if temperature > 0 {
		k = k.Scale(1 / temperature)
	}
	logI0, weights := logBessel(k)
	const terms = circleNodes / 2
	cos := make([]float64, terms*circleNodes) // of the Fourier coefficients
	for j := range terms {
		for i := range circleNodes {
			cos[j*circleNodes+i] = math.Cos(2 * math.Pi * float64(i*(j+1)) / circleNodes)
		}
	}
	like := g.Uniform(b.dim)
	weights = weights.Expand(like.Zeros(b.dim * circleNodes))
	ratios := weights.GroupLinear(b.dim, g.Constant(terms, circleNodes, cos), graph.Expr{})
	u := like.Affine(2*math.Pi, -math.Pi).Solve(func(x graph.Expr, args []graph.Expr) (graph.Expr, graph.Expr) {
		numbers := make([]float64, 0, b.dim*terms)
		scale := make([]float64, 0, b.dim*terms)
		for range b.dim {
			for j := range terms {
				numbers, scale = append(numbers, float64(j+1)), append(scale, 2/float64(j+1))
			}
		}
		in := x.Graph()
		waves := x.Repeat(terms).Mul(in.Constant(1, len(numbers), numbers)).Sin().Mul(in.Constant(1, len(scale), scale))
		return x.Add(waves.Mul(args[0]).SumGroups(terms)), x.Cos().Mul(args[1]).Sub(args[2])
	}, ratios, k.Expand(like), logI0.Expand(like))
	// Back onto the circle about zero.
	a := u.Add(b.loc.use(g, context))
	return a.Sub(a.Affine(0.5/math.Pi, 0.5).Floor().Scale(2 * math.Pi))
}
