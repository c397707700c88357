package flows

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
)

// Starter is a base that can begin from data: Start sets its parameters from the
// noise u that a flow at its own start maps the first rows of data to, given their
// context, nil if there is none. The same rows and the same rng give the same bits.
type Starter interface {
	Start(u, context mat.Matrix, rng *rand.Rand) error
}

var (
	_ Starter = (*Mixture)(nil)
	_ Starter = (*ClassConditional)(nil)
	_ Starter = (*AutoregressiveMixture)(nil)
)

// checkStart refuses rows that no start can be made from.
func checkStart(u mat.Matrix, dim int) error {
	rows, cols := u.Dims()
	if rows < 1 || cols != dim {
		return fmt.Errorf("flows: start of a base of %d columns from %d rows of %d", dim, rows, cols)
	}
	for i := range rows {
		for j := range cols {
			if v := u.At(i, j); math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("flows: start of a base: row %d, column %d: %v is not a finite number", i+1, j+1, v)
			}
		}
	}
	return nil
}

// gaussians are k normal densities with diagonal covariances; their numbers stand one
// component after the other.
type gaussians struct {
	dim, k         int
	mean, logScale given
}

func newGaussians(p *graph.Params, dim, k, context int) gaussians {
	return gaussians{dim, k, newGiven(p, "means", k*dim, context, graph.Gaussian(1)), newGiven(p, "log_scales", k*dim, context, nil)}
}

// logProb emits log N(u; m_k, s_k²) for each k.
func (n gaussians) logProb(u, context graph.Expr) graph.Expr {
	g := u.Graph()
	logS := bounded(n.logScale.use(g, context))
	all := make([]graph.Expr, n.k)
	for k := range all {
		all[k] = u
	}
	z := graph.Concat(all...).Sub(n.mean.use(g, context)).Mul(logS.Neg().Exp())
	return z.Square().Scale(-0.5).Sub(logS).SumGroups(n.dim).Shift(-0.5 * float64(n.dim) * math.Log(2*math.Pi))
}

// sample emits noise of the component that is picked for each row, a row of zeros and
// a single one.
func (n gaussians) sample(g *graph.Graph, pick, context graph.Expr, temperature float64) graph.Expr {
	byColumn := make([]int, 0, n.k*n.dim)
	for j := range n.dim {
		for k := range n.k {
			byColumn = append(byColumn, k*n.dim+j)
		}
	}
	of := func(each graph.Expr) graph.Expr {
		return pick.Repeat(n.dim).Mul(each).Columns(byColumn).SumGroups(n.k)
	}
	s := of(bounded(n.logScale.use(g, context)).Exp())
	return g.Normal(n.dim).Scale(temperature).Mul(s).Add(of(n.mean.use(g, context)))
}

// choose picks one of k for each row by probabilities that add up to one, as a row of
// zeros and a single one.
func choose(g *graph.Graph, probability graph.Expr) graph.Expr {
	k := probability.Cols()
	draw := g.Uniform(1)
	one := draw.Zeros(1).Shift(1)
	if k == 1 {
		return one
	}
	below := draw.Less(probability.CumGroups(k)).Slice(0, k-1) // 0 … 0 1 … 1
	return graph.Concat(below, one).Sub(graph.Concat(one.Zeros(1), below))
}

// Mixture is a mixture of K Gaussians with diagonal covariances, all learnt or, with a
// context, given by linear maps of it:
//
//	p(u) = Σ_k w_k N(u; m_k, s_k²)
//
// Start begins with the clusters that k-means finds.
type Mixture struct {
	gaussians
	logit given
}

// NewMixture makes it of dim columns and k components with random means, given context
// columns of context; 0 is none.
func NewMixture(p *graph.Params, dim, k, context int) *Mixture {
	dim = atLeastOne(p, dim)
	if k < 1 {
		p.Fail("flows: mixture base of %d components: need at least one", k)
		k = 1
	}
	return &Mixture{newGaussians(p, dim, k, context), newGiven(p, "logits", k, context, nil)}
}

// Dim is the number of columns.
func (b *Mixture) Dim() int { return b.dim }

// LogProb is log Σ_k w_k N(u; m_k, s_k²).
func (b *Mixture) LogProb(u, context graph.Expr) graph.Expr {
	logit := b.logit.use(u.Graph(), context)
	return b.logProb(u, context).Add(logit).LogSumExp(b.k).Sub(logit.LogSumExp(b.k))
}

// Sample picks a component for each row and emits noise of it; the temperature
// scales noise within components.
func (b *Mixture) Sample(g *graph.Graph, context graph.Expr, temperature float64) graph.Expr {
	return b.sample(g, choose(g, b.logit.use(g, context).Softmax(b.k)), context, temperature)
}

// Start sets weights, means and scales to those of K clusters of u.
func (b *Mixture) Start(u, _ mat.Matrix, rng *rand.Rand) error {
	if err := checkStart(u, b.dim); err != nil {
		return err
	}
	c := kMeans(u, b.k, rng)
	return errors.Join(b.logit.set(c.logWeights()), b.mean.set(c.means), b.logScale.set(c.logScales()))
}
