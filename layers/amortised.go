package layers

import "github.com/gorgeflow/gorge/graph"

// amortised are parameters of a layer that a context may move, θ + f(c): f is a network
// whose last layer begins at zero, so that a layer begins as it would without a
// context. Parameters that come of a network of something else are called amortised by
// van den Berg et al. (2018), arXiv:1803.05649.
type amortised struct {
	layer  string
	params []*graph.Param
	net    *network // nil without a context
}

// amortise lets a context of so many columns move the parameters; none for 0.
func amortise(p *graph.Params, layer string, context int, net Net, params ...*graph.Param) amortised {
	a := amortised{layer: layer, params: params}
	if context < 0 {
		p.Fail("layers: %s: %d columns of context: must not be negative", layer, context)
	}
	if context <= 0 {
		return a
	}
	out := 0
	for _, q := range params {
		r, c := q.Shape()
		out += r * c
	}
	net = net.of(nil)
	net.OutputGain, net.addend = -1, true
	a.net = newNetwork(p.In("context"), context, out, 0, net)
	return a
}

// of returns the parameters: matrices as they are without a context, otherwise one of
// each row, its numbers side by side.
func (a amortised) of(g *graph.Graph, context graph.Expr) []graph.Expr {
	out := make([]graph.Expr, len(a.params))
	for i, p := range a.params {
		out[i] = g.Use(p)
	}
	return a.move(context, out...)
}

// move adds to each of the parameters, given as matrices, what the context says.
func (a amortised) move(context graph.Expr, params ...graph.Expr) []graph.Expr {
	if a.net == nil {
		return params
	}
	if context.IsZero() {
		for i := range params {
			params[i] = params[i].Graph().Fail(a.layer, "the layer has a context, none was given")
		}
		return params
	}
	delta, at := a.net.apply(context, graph.Expr{}), 0
	for i, p := range a.params {
		r, c := p.Shape()
		params[i] = params[i].Reshape(1, r*c).Add(delta.Slice(at, at+r*c))
		at += r * c
	}
	return params
}
