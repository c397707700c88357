package flows_test

import (
	"fmt"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// A layer repeated, a flow inside a flow, and a layer inverted are a line each.
func Example() {
	p := graph.NewParams(graph.Float32, 1)
	couplings := flows.Repeat(p.In("couplings"), 4, func(p *graph.Params, i int) flows.Layer {
		return layers.NewCoupling(p, 3, []layers.Split{layers.Even, layers.Odd}[i%2], layers.Affine{}, layers.Net{}, layers.CouplingOptions{})
	})
	linear := flows.Stack(layers.NewActNorm(p.In("norm"), 3, layers.ActNormOptions{}), layers.NewLU(p.In("lu"), 3, layers.LUOptions{}))
	iaf := layers.Invert(layers.NewAutoregressive(p.In("iaf"), 3, layers.Affine{}, layers.Net{}, layers.AutoregressiveOptions{}))

	f := flows.New(flows.NewStandardNormal(p, 3), iaf, couplings, linear)

	g := graph.New(p, graph.Eval)
	g.Output("logprob", f.LogProb(g.Rows("x", 3), graph.Expr{}))
	_, err := g.Compile()
	fmt.Println(len(f.Layers()), len(couplings.Layers()), p.ByName("couplings.layer2.output.bias") != nil, err)
	// Output: 3 4 true <nil>
}
