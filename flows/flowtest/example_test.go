package flowtest_test

import (
	"fmt"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/flows/flowtest"
	"github.com/gorgeflow/gorge/graph"
)

// Leaky is x = u above zero and x = u exp(s) below, with a log-slope s = tanh(a) for each
// column.
type Leaky struct{ a *graph.Param }

// NewLeaky makes the layer, at first the identity: a nil initialiser leaves zeros.
func NewLeaky(p *graph.Params, dim int) *Leaky {
	return &Leaky{p.New("slope", 1, dim, nil)}
}

// logSlope is s where v is below zero, and zero elsewhere. Without the bound on s,
// exp would be infinite for large parameters, and Finite would say so.
func (l *Leaky) logSlope(v graph.Expr) graph.Expr {
	g := v.Graph()
	return v.Less(g.Scalar(0)).Mul(g.Use(l.a).Tanh())
}

// Forward emits x and log|det ∂x/∂u| for each row.
func (l *Leaky) Forward(u, _ graph.Expr) (x, logDet graph.Expr) {
	s := l.logSlope(u)
	return u.Mul(s.Exp()), s.SumCols()
}

// Inverse emits u and log|det ∂u/∂x|: u and x are of the same sign.
func (l *Leaky) Inverse(x, _ graph.Expr) (u, logDet graph.Expr) {
	s := l.logSlope(x).Neg()
	return x.Mul(s.Exp()), s.SumCols()
}

// A layer of one's own and its checks. In a test they are one call,
//
//	flowtest.Run(t, leaky)
//
// and here the same checks one by one.
func Example() {
	leaky := flowtest.Case{
		Dim:   3,
		Kinks: true, // the slope jumps at zero
		Make:  func(p *graph.Params, dim int) flows.Layer { return NewLeaky(p, dim) },
	}
	for _, check := range flowtest.Checks {
		if err := check.Run(leaky); err != nil {
			fmt.Println(check.Name, err)
		}
	}
	// In a flow it stands among other layers.
	p := graph.NewParams(graph.Float32, 1)
	f := flows.New(flows.NewStandardNormal(p, 3), NewLeaky(p.In("leaky"), 3))
	g := graph.New(p, graph.Eval)
	g.Output("logprob", f.LogProb(g.Rows("x", 3), graph.Expr{})) // the zero Expr: no context
	_, err := g.Compile()
	fmt.Println(err)
	// Output: <nil>
}
