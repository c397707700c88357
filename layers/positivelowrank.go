package layers

import "github.com/gorgeflow/gorge/graph"

// PositiveLowRank is the linear map
//
//	u = (D + Σ_k v_k v_kᵀ) x + b,  log-determinant Σ log d + Σ_k log c_k
//
// by a diagonal D = 1e-3 + softplus(s) and vectors v bounded smoothly by ±10. Its inverse
// is that of Sherman and Morrison (1950), one vector after the other: D⁻¹ - Σ_k z_k z_kᵀ/c_k,
// with z_k the inverse so far times v_k and c_k = 1 + v_k·z_k. A context moves s, v and
// b, one map for each row, at the cost of rank²·dim. Without one, [NewLowRank] is the
// same map as a matrix.
type PositiveLowRank struct {
	given     amortised // s, v, b
	dim, rank int
}

// PositiveLowRankOptions are the settings of a PositiveLowRank layer.
type PositiveLowRankOptions struct {
	// Context is the number of context columns, Net the network that they move the
	// parameters by.
	Context int
	Net     Net
}

// NewPositiveLowRank makes the layer, near the identity. The rank is from 1 to dim.
func NewPositiveLowRank(p *graph.Params, dim, rank int, opts PositiveLowRankOptions) *PositiveLowRank {
	dim = atLeastOne(p, "positive low rank", dim)
	if rank < 1 || rank > dim {
		p.Fail("layers: positive low rank: rank %d of %d columns", rank, dim)
		rank = 1
	}
	s, v := p.New("diagonal", 1, dim, graph.Fill(inverseSoftplus(1-1e-3))), p.New("v", rank, dim, graph.Gaussian(0.01))
	return &PositiveLowRank{amortise(p, "positive low rank", opts.Context, opts.Net, s, v, p.New("bias", 1, dim, nil)), dim, rank}
}

// update is what one of the vectors changes.
type update struct{ v, z, c graph.Expr }

// parts returns D, the vectors, b and the log-determinant.
func (l *PositiveLowRank) parts(g *graph.Graph, context graph.Expr) (d graph.Expr, all []update, b, logDet graph.Expr) {
	h := l.given.of(g, context)
	d = h[0].Softplus().Shift(1e-3)
	logDet = d.Log().SumCols()
	vs := limited(h[1], 10)
	for k := range l.rank {
		v := line(vs, k, l.dim)
		z := undone(v, d, all)
		c := v.Mul(z).SumCols().Shift(1)
		all, logDet = append(all, update{v, z, c}), logDet.Add(c.Log())
	}
	return d, all, h[2], logDet
}

// undone is the inverse of D and the updates, times y.
func undone(y, d graph.Expr, all []update) graph.Expr {
	out := y.Div(d)
	for _, u := range all {
		out = out.Sub(u.z.Mul(u.z.Mul(y).SumCols().Div(u.c)))
	}
	return out
}

// Inverse emits u.
func (l *PositiveLowRank) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "positive low rank") {
		return x, x
	}
	d, all, b, logDet := l.parts(x.Graph(), context)
	u = x.Mul(d).Add(b)
	for _, v := range all {
		u = u.Add(v.v.Mul(v.v.Mul(x).SumCols()))
	}
	return u, logDet.Expand(x.Zeros(1))
}

// Forward emits x.
func (l *PositiveLowRank) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "positive low rank") {
		return u, u
	}
	d, all, b, logDet := l.parts(u.Graph(), context)
	return undone(u.Sub(b), d, all), logDet.Neg().Expand(u.Zeros(1))
}
