// Package flows has base densities and the stack of layers that makes a density
// of one.
//
// # Theory in a page
//
// A normalizing flow makes data x of noise u by an invertible map, x = T(u) (see
// Papamakarios et al. 2021, arXiv:1912.02762). If u has density p_u, then x has
//
//	p(x) = p_u(u) |det J_T(u)|⁻¹ = p_u(T⁻¹(x)) |det J_T⁻¹(x)|,   u = T⁻¹(x)
//
// the change of variables. It is [Flow.LogProb]:
//
//	u, logDet := f.Inverse(x, context)
//	logProb := base.LogProb(u, context).Add(logDet)
//
// Maps compose. With T = T_K ∘ … ∘ T_1,
//
//	T⁻¹ = T_1⁻¹ ∘ … ∘ T_K⁻¹,   log|det J_T⁻¹| = Σ_k log|det J_(T_k⁻¹)|
//
// which is the loop of [Flow.Inverse]:
//
//	for i := len(layers) - 1; i >= 0; i-- {
//		u, logDet = layers[i].Inverse(u, context)
//		total = total.Add(logDet)
//	}
//
// Sampling goes the other way, [Flow.Sample]: draw u from the base, return T(u).
//
// A flow is fitted by maximum likelihood, which is to minimise
//
//	NLL = -1/N Σ_n log p(x_n)
//
// over the parameters of T (and of the base) by gradients:
//
//	loss := f.LogProb(x, context).Mul(weight).SumRows().Neg()
//	g.Minimize(loss)
//
// What remains is to make maps whose Jacobian has a determinant that is cheap,
// and both of whose directions are. If x_i depends on u_i and on x_<i alone,
//
//	x_i = τ(u_i; h_i),   h_i = c_i(x_<i)
//
// the Jacobian is triangular and log|det J_T| = Σ_i log τ'(u_i; h_i): an
// autoregressive layer, with a transformer τ that is monotone in its first
// argument and a conditioner c that may be any network. T⁻¹ is one pass of the
// network; T goes element by element (layers.Autoregressive):
//
//	u, logSlope := t.Inverse(x, network(x))
//	logDet := logSlope.SumCols()
//
// If a part A of the columns is left as it is and conditions the rest, both
// directions are one pass (layers.Coupling):
//
//	x_A = u_A,   x_B = τ(u_B; c(u_A))
//
// Permutations and linear maps between such layers let every column condition
// every other.
//
// # Bases
//
// A continuous map cannot make two modes, a hole or a heavier tail of a Gaussian, so that
// noise nearer to the data saves layers. [StandardNormal], [FullNormal], [LowRankNormal],
// [StudentT], [LearnableTails], [Logistic] and [Uniform] are on the line, [Torus] and
// [VonMises] on the circle; [Mixture] and [AutoregressiveMixture] have modes, [Resampled]
// has holes, [ClassConditional] has kinds. [LocationScale] has any of them depend on a
// context, [DiagonalNormal] being that of a standard normal. Those that are a [Starter]
// begin at the noise that a flow, at its own start, maps the first rows of data to.
//
// # Layers that forget
//
// Not every layer need be invertible (Nielsen et al. 2020, arXiv:2007.02731). Let f be a
// function that forgets r: columns, signs, the part of a number behind the point. On the
// way back r is drawn from a density q(r | f). If f is on the way from data to noise,
//
//	u = f(x),   log p(x) = log p_u(u) + log q(r | u)
//
// is exact. If f is on the way from noise to data, x = f(u), then p(x) is an integral
// over all that f takes to x, and what r adds to the data is drawn:
//
//	u = (x, r),   r ~ q(r | x),   log p(x) ≥ E log p_u(u) - log q(r | x)
//
// The bound is the nearer the more alike q is to what is likely of u given x, by maximum
// likelihood along with the rest. A [Surjection] is such a layer, with log q or -log q in
// the place of the log-determinant; [Flow.Bound] tells which of the two a flow is.
//
// # A layer of one's own
//
// A type with the two methods of [Layer] is a layer: formulas in [graph.Expr], with which
// all layers here are written too, and no derivatives. Parameters are made in its
// constructor by [graph.Params.New] and stand in a formula as g.Use(param), g being the
// graph of the input:
//
//	type Leaky struct{ a *graph.Param } // x = u above zero, u exp(tanh a) below
//
//	func NewLeaky(p *graph.Params, dim int) *Leaky { return &Leaky{p.New("slope", 1, dim, nil)} }
//
//	func (l *Leaky) logSlope(v graph.Expr) graph.Expr {
//		g := v.Graph()
//		return v.Less(g.Scalar(0)).Mul(g.Use(l.a).Tanh())
//	}
//
//	func (l *Leaky) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
//		s := l.logSlope(u)
//		return u.Mul(s.Exp()), s.SumCols()
//	}
//
//	func (l *Leaky) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
//		s := l.logSlope(x).Neg()
//		return x.Mul(s.Exp()), s.SumCols()
//	}
//
// Package flowtest checks it, and has it as its example. A determinant that is the same
// for each row is x.Zeros(1) plus it. What goes into an exponential wants a bound, here by
// tanh, since a layer is to be finite for all parameters within [graph.ParamLimit]; an
// inverse that may not be says so by [graph.Expr.InverseOf]. A wrong setting is told by
// [graph.Params.Fail], a wrong input by [graph.Graph.Fail].
//
// A map of single elements whose parameters a network gives is less work as a
// [layers.Transformer]: Coupling, Autoregressive, Acyclic and Elementwise layers take any.
package flows
