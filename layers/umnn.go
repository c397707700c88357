package layers

import (
	"cmp"
	"fmt"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// UMNN is the unconstrained monotonic neural network of Wehenkel & Louppe (2019),
// arXiv:1908.05164: the integral of a positive network,
//
//	u = b + ∫₀ˣ softplus(f(t, h)) + 1e-3 dt
//
// by Clenshaw-Curtis quadrature inside the graph; the slope is the integrand itself.
// All elements share the network f, which sees Embedding parameters of each; one
// more is b. Beyond ±10 the map is straight, so that the nodes lie close enough.
// Forward is solved for numerically.
type UMNN struct {
	embedding      int
	lin            []linearLayer
	fromH          *graph.Param
	act            Activation
	nodes, weights []float64 // on [0, 1]
}

// UMNNOptions are the settings of a UMNN.
type UMNNOptions struct {
	Embedding  int        // default 8
	Hidden     []int      // of f; default {32, 32}
	Activation Activation // smooth; default SiLU
	Steps      int        // of the quadrature; default 32, even
}

// NewUMNN makes the transformer; p holds the network's parameters.
func NewUMNN(p *graph.Params, opts UMNNOptions) *UMNN {
	o := opts
	o.Embedding, o.Steps = cmp.Or(o.Embedding, 8), cmp.Or(o.Steps, 32)
	if len(o.Hidden) == 0 {
		o.Hidden = []int{32, 32}
	}
	if o.Activation == "" {
		o.Activation = SiLU
	}
	err := Net{Hidden: o.Hidden, Activation: o.Activation}.check()
	if err == nil && (o.Embedding < 1 || o.Steps < 2 || o.Steps%2 != 0) {
		err = fmt.Errorf("embedding of %d, %d steps: want at least one, and an even number", o.Embedding, o.Steps)
	}
	if err != nil {
		p.Fail("layers: umnn: %w", err)
		o = UMNNOptions{Embedding: 1, Hidden: []int{1}, Activation: SiLU, Steps: 2}
	}
	t := &UMNN{embedding: o.Embedding, act: o.Activation, fromH: p.New("embedding.weight", o.Hidden[0], o.Embedding, graph.FanIn(1))}
	in := 1
	for l, width := range o.Hidden {
		t.lin = append(t.lin, newLinear(p, fmt.Sprintf("hidden%d", l), width, in, 1, nil, true))
		in = width
	}
	t.lin = append(t.lin, newLinear(p, "output", 1, in, 0.1, nil, true))
	t.nodes, t.weights = clenshawCurtis(o.Steps)
	return t
}

// clenshawCurtis returns the n+1 nodes and weights of the quadrature on [0, 1].
func clenshawCurtis(n int) (nodes, weights []float64) {
	for k := range n + 1 {
		angle := math.Pi * float64(k) / float64(n)
		w := 1.0
		for j := 1; j <= n/2; j++ {
			b := 2.0
			if 2*j == n {
				b = 1
			}
			w -= b / float64(4*j*j-1) * math.Cos(2*float64(j)*angle)
		}
		c := 2.0
		if k == 0 || k == n {
			c = 1
		}
		nodes = append(nodes, (1+math.Cos(angle))/2)
		weights = append(weights, c*w/float64(n)/2)
	}
	return nodes, weights
}

func (t *UMNN) check() error {
	if t == nil {
		return fmt.Errorf("umnn: none given")
	}
	return nil
}

// Params is Embedding + 1.
func (t *UMNN) Params() int { return t.embedding + 1 }

// integrand evaluates the positive network at n places of each element; ctx is the
// embeddings' part of the first layer.
func (t *UMNN) integrand(x, ctx graph.Expr, n int) graph.Expr {
	groups := x.Cols()
	width, _ := t.fromH.Shape()
	v := x
	for l, lin := range t.lin {
		v = v.GroupLinear(groups, use(x, lin.w), use(x, lin.b))
		if l == 0 {
			v = v.Add(copies(ctx, width, n))
		}
		if l < len(t.lin)-1 {
			v = t.act.apply(v)
		}
	}
	return rising(v)
}

// Inverse maps data to noise.
func (t *UMNN) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	d, n := x.Cols(), len(t.nodes)
	ctx := part(h, t.Params(), 0, t.embedding).GroupLinear(d, use(x, t.fromH), graph.Expr{})
	u, logSlope = linearTails(x, 10, func(x graph.Expr) (y, logSlope graph.Expr) {
		fixed := x.StopGrad()
		f := t.integrand(fixed.Repeat(n).Mul(row(x, t.nodes...)), ctx, n)
		area := f.Mul(row(x, t.weights...)).SumGroups(n).Mul(fixed)
		end := t.integrand(x, ctx, 1)
		// The slope in x is the integrand at the end, whatever the quadrature's is.
		return area.Add(end.Mul(x.Sub(fixed))), end.Log()
	})
	return u.Add(part(h, t.Params(), t.embedding, t.embedding+1)), logSlope
}

// Forward maps noise to data, numerically.
func (t *UMNN) Forward(u, h graph.Expr) (x, logSlope graph.Expr) { return solved(u, h, t.Inverse) }
