// Package flowtest checks that a layer is what it says: invertible, with the
// right log-determinants and gradients, finite, smooth, and the same whatever
// rows it is given together. It is for tests of layers, here and elsewhere:
//
//	flowtest.Run(t, flowtest.Case{Dim: 5, Make: func(p *graph.Params, dim int) flows.Layer {
//		return layers.NewActNorm(p, dim, layers.ActNormOptions{})
//	}})
//
// The checks follow what other libraries were found to test, and not to.
package flowtest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
)

// Tolerances, relative to one plus the size of what is compared.
const (
	// RoundTripTol is for T⁻¹(T(u)) in float64, where a layer may lose digits to
	// slopes of e⁴.
	RoundTripTol = 1e-8
	// RoundTripTol32 is the same in float32.
	RoundTripTol32 = 5e-3
	// LogDetTol holds log-determinants against Jacobians by automatic
	// differentiation, exact but for rounding.
	LogDetTol = 1e-8
	// DifferenceTol holds derivatives against central differences of step 1e-5,
	// whose own error is about 1e-7.
	DifferenceTol = 2e-5
	// IdentityTol is how far from the identity a layer may begin.
	IdentityTol = 0.25
)

// Case is a layer to check.
type Case struct {
	// Make makes the layer.
	Make func(p *graph.Params, dim int) flows.Layer
	// Dim and Context are its numbers of columns.
	Dim, Context int
	// Spread is the standard deviation of the random parameters it is checked with;
	// default 0.5.
	Spread float64
	// Kinks are inputs where the slope of the layer or of a network's activation may
	// jump, so that differences there mean nothing: checks of derivatives are
	// looser for layers with such networks. ReLU networks have kinks everywhere.
	Kinks bool
	// Order, if set, is the order in which columns may depend on each other: in the
	// Jacobian of Inverse, columns of later elements are exactly zero.
	Order []int
	// FarFromIdentity says that the layer does not begin near the identity: a
	// permutation, or a scaling by design.
	FarFromIdentity bool
	// Points are further inputs for round trips and smoothness: knots, edges.
	Points []float64
}

// Run makes all checks.
func Run(t *testing.T, c Case) {
	t.Helper()
	for _, check := range Checks {
		t.Run(check.Name, func(t *testing.T) {
			t.Helper()
			if err := check.Run(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Checks are the checks by name.
var Checks = []struct {
	Name string
	Run  func(Case) error
}{
	{"RoundTrip", RoundTrip},
	{"LogDet", LogDet},
	{"Differences", Differences},
	{"Gradients", Gradients},
	{"Structure", Structure},
	{"Smooth", Smooth},
	{"Finite", Finite},
	{"Batching", Batching},
	{"Identity", Identity},
}

// bench is a layer with random parameters and its two programs.
type bench struct {
	c       Case
	p       *graph.Params
	forward *graph.Run
	inverse *graph.Run
}

func newBench(c Case, dt graph.DType, random bool, seed uint64) (*bench, error) {
	b := &bench{c: c, p: graph.NewParams(dt, seed)}
	layer := c.Make(b.p, c.Dim)
	if err := b.p.Err(); err != nil {
		return nil, err
	}
	if random {
		b.randomise(seed)
	}
	compile := func(apply func(x, c graph.Expr) (graph.Expr, graph.Expr)) (*graph.Run, error) {
		g := graph.New(b.p, graph.Eval)
		x := g.Rows("x", c.Dim)
		var ctx graph.Expr
		if c.Context > 0 {
			ctx = g.Rows("context", c.Context)
		}
		y, ld := apply(x, ctx)
		g.Output("y", y)
		g.Output("logdet", ld)
		// Row i of the Jacobian, by automatic differentiation.
		for i := range c.Dim {
			if y.Cols() != c.Dim {
				break
			}
			e := make([]float64, c.Dim)
			e[i] = 1
			cot := y.Zeros(c.Dim).Add(g.Constant(1, c.Dim, e))
			j := graph.VJP(y, cot, x)[0]
			if j.IsZero() {
				j = x.Zeros(c.Dim)
			}
			g.Output(fmt.Sprintf("jac%d", i), j)
		}
		loss := y.Square().SumCols().Scale(0.5).Add(ld).SumRows()
		g.Output("loss", loss)
		g.Minimize(loss)
		prog, err := g.Compile()
		if err != nil {
			return nil, err
		}
		return prog.NewRun(), nil
	}
	var err error
	if b.forward, err = compile(layer.Forward); err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	if b.inverse, err = compile(layer.Inverse); err != nil {
		return nil, fmt.Errorf("inverse: %w", err)
	}
	return b, nil
}

func (b *bench) randomise(seed uint64) {
	spread := b.c.Spread
	if spread == 0 {
		spread = 0.5
	}
	rng := rand.New(rand.NewPCG(seed, 77))
	for _, p := range b.p.All() {
		v := p.Get()
		r, k := p.Shape()
		for i := range v {
			s := spread
			if r > 1 { // a matrix: keep what comes out of order one
				s = 2 * spread / math.Sqrt(float64(k))
			}
			if p.IsTrainable() {
				v[i] += s * rng.NormFloat64()
			} else {
				v[i] += 0.3 * rng.Float64()
			}
		}
		_ = p.Set(v) // the count is right
	}
}

// result is what a program gives.
type result struct {
	y, logDet []float64
	jac       []float64 // rows × dim × dim
	loss      float64
}

func (b *bench) run(r *graph.Run, x, ctx []float64) (*result, error) {
	n := len(x) / b.c.Dim
	if err := r.Bind("x", graph.Rows{Float64: x}); err != nil {
		return nil, err
	}
	if b.c.Context > 0 {
		if err := r.Bind("context", graph.Rows{Float64: ctx}); err != nil {
			return nil, err
		}
	}
	out := &result{y: make([]float64, len(x)), logDet: make([]float64, n), jac: make([]float64, n*b.c.Dim*b.c.Dim)}
	if err := r.Into("y", graph.Rows{Float64: out.y}); err != nil {
		return nil, err
	}
	if err := r.Into("logdet", graph.Rows{Float64: out.logDet}); err != nil {
		return nil, err
	}
	rows := make([][]float64, b.c.Dim)
	for i := range rows {
		rows[i] = make([]float64, len(x))
		if err := r.Into(fmt.Sprintf("jac%d", i), graph.Rows{Float64: rows[i]}); err != nil {
			return nil, err
		}
	}
	if err := r.Do(context.Background(), n); err != nil {
		return nil, err
	}
	d := b.c.Dim
	for k := range n {
		for i := range d {
			copy(out.jac[(k*d+i)*d:(k*d+i+1)*d], rows[i][k*d:(k+1)*d])
		}
	}
	out.loss = r.Number("loss")
	return out, nil
}

// inputs are rows of normal numbers, the case's points among them, and contexts.
func (c Case) inputs(n int, seed uint64) (x, ctx []float64) {
	rng := rand.New(rand.NewPCG(seed, 5))
	x, ctx = make([]float64, n*c.Dim), make([]float64, n*c.Context)
	for i := range x {
		x[i] = 1.5 * rng.NormFloat64()
		if len(c.Points) > 0 && rng.IntN(4) == 0 {
			x[i] = c.Points[rng.IntN(len(c.Points))]
		}
	}
	for i := range ctx {
		ctx[i] = rng.NormFloat64()
	}
	return x, ctx
}
