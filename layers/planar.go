package layers

import "github.com/gorgeflow/gorge/graph"

// Planar is the planar flow of Rezende & Mohamed (2015), arXiv:1505.05770,
//
//	u = x + û tanh(w·x + b),  w·û > -1
//
// with û = v + (softplus(w·v + c) - 1 - w·v) w/|w|² and c = log(e-1), so that a small
// v is near the identity. Forward is solved for along w. With a slope, a leaky rectifier
// of that slope below zero stands in the place of tanh, and Forward is in closed form.
// A context moves v, w and b.
type Planar struct {
	given amortised // v, w, b
	dim   int
	shift float64
	slope float64
}

// PlanarOptions are the settings of a planar layer.
type PlanarOptions struct {
	// Plain is c = 0, as in the paper.
	Plain bool
	// Slope, if not zero, is that of a leaky rectifier below zero, up to 1.
	Slope float64
	// Context is the number of context columns, Net the network that they move the
	// parameters by.
	Context int
	Net     Net
}

// NewPlanar makes a planar layer of dim columns, near the identity unless plain.
func NewPlanar(p *graph.Params, dim int, opts PlanarOptions) *Planar {
	dim = atLeastOne(p, "planar", dim)
	v, w, b := p.New("v", 1, dim, graph.Gaussian(0.01)), p.New("w", 1, dim, graph.Gaussian(0.3)), p.New("b", 1, 1, nil)
	if !(opts.Slope >= 0 && opts.Slope <= 1) {
		p.Fail("layers: planar: slope %v: want a number from 0, which stands for tanh, to 1", opts.Slope)
	}
	l := &Planar{given: amortise(p, "planar", opts.Context, opts.Net, v, w, b), dim: dim, slope: opts.Slope}
	if !opts.Plain {
		l.shift = inverseSoftplus(1)
	}
	return l
}

// parts returns w, û, w·û and b.
func (l *Planar) parts(g *graph.Graph, context graph.Expr) (w, u, wu, b graph.Expr) {
	h := l.given.of(g, context)
	v, w, b := h[0], h[1], h[2]
	wv := w.Mul(v).SumCols()
	n := w.Square().SumCols().Shift(1e-12)
	wu = wv.Shift(l.shift).Softplus().Shift(-1)
	u = v.Add(w.Mul(wu.Sub(wv).Div(n)))
	return w, u, wu.Max(g.Scalar(-1 + 1e-6)), b
}

// Inverse emits u.
func (l *Planar) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	if !checkCols(x, l.dim, "planar") {
		return x, x
	}
	w, v, wu, b := l.parts(x.Graph(), context)
	h, slope := l.bend(dot(w, x).Add(b))
	return x.Add(h.Mul(v)), slope.Mul(wu).Log1p()
}

// bend is tanh or the leaky rectifier, and its derivative.
func (l *Planar) bend(s graph.Expr) (h, slope graph.Expr) {
	if l.slope > 0 {
		slope = s.Step().Affine(1-l.slope, l.slope)
		return s.Mul(slope), slope
	}
	h = s.Tanh()
	return h, h.Square().Affine(-1, 1)
}

// Forward emits x: the place s = w·x + b along w is the root of s + (w·û) h(s) = w·u + b.
func (l *Planar) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	if !checkCols(u, l.dim, "planar") {
		return u, u
	}
	w, v, wu, b := l.parts(u.Graph(), context)
	place := dot(w, u)
	if l.slope > 0 {
		q := place.Add(b)
		_, slope := l.bend(q) // s has the sign of q
		t := slope.Mul(wu)
		return u.Sub(q.Mul(slope).Div(t.Shift(1)).Mul(v)), t.Log1p().Neg()
	}
	one := u.Zeros(1)
	a := place.Solve(func(a graph.Expr, args []graph.Expr) (graph.Expr, graph.Expr) {
		h, slope := l.bend(a.Add(args[1]))
		return a.Add(args[0].Mul(h)), slope.Mul(args[0]).Log1p()
	}, wu.Expand(one), b.Expand(one))
	h, slope := l.bend(a.Add(b))
	return u.Sub(h.Mul(v)), slope.Mul(wu).Log1p().Neg()
}
