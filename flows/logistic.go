package flows

import "github.com/gorgeflow/gorge/graph"

// Logistic is the standard logistic density e^-u/(1 + e^-u)² in each column, the noise
// of NICE (Dinh et al. 2015, arXiv:1410.8516): its sigmoid is uniform, its tails are
// exponential.
type Logistic struct{ dim int }

// NewLogistic makes it of dim columns.
func NewLogistic(p *graph.Params, dim int) *Logistic { return &Logistic{atLeastOne(p, dim)} }

// Dim is the number of columns.
func (b *Logistic) Dim() int { return b.dim }

// LogProb is Σ log σ(u) + log σ(-u).
func (b *Logistic) LogProb(u, _ graph.Expr) graph.Expr {
	return u.Softplus().Add(u.Neg().Softplus()).SumCols().Neg()
}

// Sample emits the logits of uniform noise.
func (b *Logistic) Sample(g *graph.Graph, _ graph.Expr, temperature float64) graph.Expr {
	v := g.Uniform(b.dim).Clamp(1e-7, 1-1e-7) // float32 has no logit for what rounds to one
	return v.Log().Sub(v.Affine(-1, 1).Log()).Scale(temperature)
}
