package flows

import (
	"fmt"
	"math"
	"strings"

	"github.com/gorgeflow/gorge/graph"
)

// Layer is an invertible map between noise u and data x, in both directions.
type Layer interface {
	// Forward emits x = T(u; context) and log|det J_T(u)|, one per row.
	Forward(u, context graph.Expr) (x, logDet graph.Expr)
	// Inverse emits u = T⁻¹(x; context) and log|det J_T⁻¹(x)|, one per row.
	Inverse(x, context graph.Expr) (u, logDet graph.Expr)
}

// Surjection is a layer that is not invertible: of its two directions one is a
// function that forgets, and the other draws what was forgotten (Nielsen et al.
// 2020, arXiv:2007.02731). With f the function and r what it forgets, the logDet
// of the function is log q(r | f), that of the drawing direction -log q(r | f):
// they are each other's negative at the same rows, as in any layer.
//
// If Inverse is the function, the density of the flow stays exact. If Inverse
// draws, then what it emits is right on average as a density, so that its logarithm
// is on average a lower bound; see [Flow.Bound].
type Surjection interface {
	Layer
	// Random says which directions draw noise; neither, in a bijection.
	Random() (forward, inverse bool)
}

// Base is the density of the noise.
type Base interface {
	// Dim is the number of columns.
	Dim() int
	// LogProb emits log p(u), one per row.
	LogProb(u, context graph.Expr) graph.Expr
	// Sample emits noise in g. Temperature scales it about its centre: 1 samples
	// the density itself.
	Sample(g *graph.Graph, context graph.Expr, temperature float64) graph.Expr
}

// Flow is a density: a base and the layers that make data of its noise, in the
// order of sampling, x = T_K(… T_1(u)). It is itself a Layer.
type Flow struct {
	base   Base
	layers []Layer
	embed  Embedding
}

// Embedding maps contexts before the layers see them.
type Embedding interface {
	Apply(context graph.Expr) graph.Expr
}

var _ Surjection = (*Flow)(nil)

// New stacks layers on a base.
func New(base Base, layers ...Layer) *Flow { return &Flow{base: base, layers: layers} }

// Stack makes one layer of several, in the order of sampling: a flow that stands in
// others and has no base of its own.
func Stack(layers ...Layer) *Flow { return New(nil, layers...) }

// Repeat makes one layer of k that make makes, i being 0 next to the noise. Each has
// parameters of its own, in layer0, layer1, … of p.
func Repeat(p *graph.Params, k int, make func(p *graph.Params, i int) Layer) *Flow {
	if k < 0 {
		p.Fail("flows: %d layers: must not be negative", k)
	}
	f := Stack()
	for i := range k {
		f.layers = append(f.layers, make(p.In(fmt.Sprintf("layer%d", i)), i))
	}
	return f
}

// Embed makes the flow pass contexts through e first; the layers and the base
// must then be made for the number of columns that e gives. It returns f.
func (f *Flow) Embed(e Embedding) *Flow {
	f.embed = e
	return f
}

// Base returns the base density, nil of a [Stack].
func (f *Flow) Base() Base { return f.base }

// Layers returns the layers in the order of sampling.
func (f *Flow) Layers() []Layer { return f.layers }

// Random says which directions draw noise in one of the layers.
func (f *Flow) Random() (forward, inverse bool) {
	for _, l := range f.layers {
		if s, ok := l.(Surjection); ok {
			a, b := s.Random()
			forward, inverse = forward || a, inverse || b
		}
	}
	return forward, inverse
}

// Bound reports whether [Flow.LogProb] is a lower bound: a layer's Inverse draws
// noise, and with it
//
//	E exp LogProb(x) = p(x),   E LogProb(x) ≤ log p(x)
//
// over the noise; see [Flow.LogProbOver].
func (f *Flow) Bound() bool {
	_, inverse := f.Random()
	return inverse
}

// Forward emits x = T_K(… T_1(u)): the log-determinants add up.
func (f *Flow) Forward(u, context graph.Expr) (x, logDet graph.Expr) {
	return f.forward(u, f.context(context))
}

func (f *Flow) forward(x, c graph.Expr) (graph.Expr, graph.Expr) {
	var total graph.Expr
	for i := range f.layers {
		x = f.step(i, x, c, Layer.Forward, &total)
	}
	return x, orZero(total, x)
}

// Inverse emits u = T_1⁻¹(… T_K⁻¹(x)).
func (f *Flow) Inverse(x, context graph.Expr) (u, logDet graph.Expr) {
	return f.inverse(x, f.context(context))
}

func (f *Flow) inverse(u, c graph.Expr) (graph.Expr, graph.Expr) {
	var total graph.Expr
	for i := len(f.layers) - 1; i >= 0; i-- {
		u = f.step(i, u, c, Layer.Inverse, &total)
	}
	return u, orZero(total, u)
}

func (f *Flow) step(i int, x, c graph.Expr, apply func(l Layer, x, c graph.Expr) (y, logDet graph.Expr), total *graph.Expr) graph.Expr {
	if x.Graph() == nil {
		return x
	}
	if f.layers[i] == nil {
		return x.Graph().Fail("flow", "layer %d: none given", i)
	}
	x.Graph().In(f.name(i), func() {
		var ld graph.Expr
		x, ld = apply(f.layers[i], x, c)
		if total.IsZero() {
			*total = ld
		} else {
			*total = total.Add(ld)
		}
	})
	return x
}

func (f *Flow) name(i int) string {
	kind := fmt.Sprintf("%T", f.layers[i])
	return fmt.Sprintf("layer %d (%s)", i, kind[strings.LastIndexByte(kind, '.')+1:])
}

func orZero(total, x graph.Expr) graph.Expr {
	if total.IsZero() {
		return x.Zeros(1)
	}
	return total
}

func (f *Flow) context(c graph.Expr) graph.Expr {
	if f.embed == nil || c.IsZero() {
		return c
	}
	var out graph.Expr
	c.Graph().In("embedding", func() { out = f.embed.Apply(c) })
	return out
}

// LogProb emits log p(x) = log p_u(T⁻¹(x)) + log|det J_T⁻¹(x)| in nats, one per
// row; a draw of a lower bound, if [Flow.Bound] says so.
func (f *Flow) LogProb(x, context graph.Expr) graph.Expr {
	return f.logProb(x, f.context(context))
}

// LogProbOver emits the logarithm of the mean of exp LogProb over several draws of
// noise, a lower bound that is nearer log p(x) the more of them there are (Burda et al.
// 2016, arXiv:1509.00519), at the cost of as many passes. It is [Flow.LogProb] where
// that is exact.
func (f *Flow) LogProbOver(draws int, x, context graph.Expr) graph.Expr {
	if !f.Bound() || draws <= 1 {
		return f.LogProb(x, context)
	}
	c := f.context(context)
	each := make([]graph.Expr, draws)
	for i := range each {
		each[i] = f.logProb(x, c)
	}
	return graph.Concat(each...).LogSumExp(draws).Shift(-math.Log(float64(draws)))
}

func (f *Flow) logProb(x, c graph.Expr) graph.Expr {
	u, logDet := f.inverse(x, c)
	return f.baseLogProb(u, c).Add(logDet)
}

func (f *Flow) baseLogProb(u, c graph.Expr) (lp graph.Expr) {
	if u.Graph() == nil {
		return u
	}
	u.Graph().In("base", func() {
		if f.base == nil {
			lp = noBase(u.Graph())
			return
		}
		if u.Node() != nil && u.Cols() != f.base.Dim() {
			lp = u.Graph().Fail("base", "the layers leave %d columns, the base was made for %d", u.Cols(), f.base.Dim())
			return
		}
		lp = f.base.LogProb(u, c)
	})
	return lp
}

func noBase(g *graph.Graph) graph.Expr {
	return g.Fail("base", "a stack of layers has no density without a base")
}

func (f *Flow) noise(g *graph.Graph, c graph.Expr, temperature float64) graph.Expr {
	if f.base == nil {
		return noBase(g)
	}
	return f.base.Sample(g, c, temperature)
}

// Sample emits samples of x in g.
func (f *Flow) Sample(g *graph.Graph, context graph.Expr, temperature float64) graph.Expr {
	c := f.context(context)
	x, _ := f.forward(f.noise(g, c, temperature), c)
	return x
}

// SampleLogProb emits samples and log p of them in one pass. Where log p is a lower
// bound it takes another: the noise that made a sample says more of it than noise
// drawn for it would, and would give no lower bound.
func (f *Flow) SampleLogProb(g *graph.Graph, context graph.Expr, temperature float64) (x, logProb graph.Expr) {
	c := f.context(context)
	u := f.noise(g, c, temperature)
	x, logDet := f.forward(u, c)
	if f.Bound() {
		return x, f.logProb(x, c)
	}
	return x, f.baseLogProb(u, c).Sub(logDet)
}
