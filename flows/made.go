package flows

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// AutoregressiveMixture is the density of MADE with mixtures of Gaussians as
// conditionals, MADE MoG (Germain et al. 2015, arXiv:1502.03509; Papamakarios et al.
// 2017, arXiv:1705.07057):
//
//	p(u) = Π_i Σ_k w_ik N(u_i; m_ik, s_ik²),   (w_i, m_i, s_i) = c(u_<i)
//
// with a masked network c. With one component it is MADE itself; as the base of masked
// autoregressive layers it makes MAF MoG. A layers.Gaussianization next to a normal base
// has the same density; this one needs no distribution function and no inverse of it,
// and samples without solving for anything: it draws a component and noise of it,
// column after column, at the cost of one evaluation of the network.
//
// Start begins with the clusters of each column by itself.
type AutoregressiveMixture struct {
	dim, k int
	net    *layers.MADE
}

// NewAutoregressiveMixture makes it of dim columns and k components in each conditional,
// given context columns of context; 0 is none. It starts near N(0, 1).
func NewAutoregressiveMixture(p *graph.Params, dim, k, context int, net layers.Net) *AutoregressiveMixture {
	dim = atLeastOne(p, dim)
	if k < 1 {
		p.Fail("flows: autoregressive mixture of %d components: need at least one", k)
		k = 1
	}
	b := &AutoregressiveMixture{dim, k, layers.NewMADE(p, dim, 3*k, context, net)}
	if err := b.begin(func(int) *clusters { return spread(k) }); err != nil {
		p.Fail("flows: autoregressive mixture: %w", err)
	}
	return b
}

// spread is k components of one column, whose means are quantiles of N(0, 1) and which
// together have its variance: they must not begin alike.
func spread(k int) *clusters {
	c := &clusters{k: k, dim: 1}
	between := 0.0
	for i := range k {
		z := math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/float64(k)-1)
		between += z * z / float64(k)
		c.means, c.shares = append(c.means, z), append(c.shares, 1/float64(k))
	}
	for range k {
		c.variances = append(c.variances, 1-between)
	}
	return c
}

// begin sets the biases of the network's outputs to clusters of each column.
func (b *AutoregressiveMixture) begin(of func(column int) *clusters) error {
	var bias []float64
	for j := range b.dim {
		c := of(j)
		bias = append(append(append(bias, c.logWeights()...), c.means...), c.logScales()...)
	}
	return b.net.Bias().Set(bias)
}

// Dim is the number of columns.
func (b *AutoregressiveMixture) Dim() int { return b.dim }

// parts are logits, means and log-scales of the elements that h is of, K of each.
func (b *AutoregressiveMixture) parts(h graph.Expr) (logit, m, logS graph.Expr) {
	pick := func(part int) graph.Expr {
		var idx []int
		for i := range h.Cols() / (3 * b.k) {
			for k := range b.k {
				idx = append(idx, (3*i+part)*b.k+k)
			}
		}
		return h.Columns(idx)
	}
	return pick(0), pick(1), bounded(pick(2))
}

// LogProb is Σ_i log Σ_k w_ik N(u_i; m_ik, s_ik²).
func (b *AutoregressiveMixture) LogProb(u, context graph.Expr) graph.Expr {
	logit, m, logS := b.parts(b.net.Apply(u, context))
	z := u.Repeat(b.k).Sub(m).Mul(logS.Neg().Exp())
	each := z.Square().Scale(-0.5).Sub(logS).Add(logit)
	return each.LogSumExp(b.k).Sub(logit.LogSumExp(b.k)).SumCols().Shift(-0.5 * float64(b.dim) * math.Log(2*math.Pi))
}

// Sample emits noise column after column; the temperature scales noise within
// components.
func (b *AutoregressiveMixture) Sample(g *graph.Graph, context graph.Expr, temperature float64) graph.Expr {
	e := g.Normal(b.dim).Scale(temperature)
	return b.net.Unroll(e, context, func(i int, h graph.Expr) graph.Expr {
		logit, m, logS := b.parts(h)
		pick := choose(g, logit.Softmax(b.k))
		return e.Slice(i, i+1).Mul(pick.Mul(logS.Exp()).SumCols()).Add(pick.Mul(m).SumCols())
	})
}

// Start sets the mixture of each column, before the network adds to it, to the clusters
// of that column.
func (b *AutoregressiveMixture) Start(u, _ mat.Matrix, rng *rand.Rand) error {
	if err := checkStart(u, b.dim); err != nil {
		return err
	}
	n, _ := u.Dims()
	return b.begin(func(j int) *clusters {
		return kMeans(mat.NewDense(n, 1, mat.Col(nil, j, u)), b.k, rng)
	})
}
