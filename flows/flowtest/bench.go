package flowtest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
)

// direction is one of a layer's two.
type direction string

const (
	forward direction = "forward"
	inverse direction = "inverse"
)

// both are the directions.
var both = []direction{forward, inverse}

// bench is a layer with parameters of its own and its programs.
type bench struct {
	c     Case
	p     *graph.Params
	start [][]float64 // the parameters' first values
	layer flows.Layer
	runs  map[program]*graph.Run // compiled when first asked for
	seed  uint64                 // of noise, and the number of the first row
	first uint64
}

// program names what a graph computes.
type program struct {
	d    direction
	what string
}

// newBench makes the layer, or takes the one that the checks of a Run share, and
// gives it random parameters; with seed 0, those it begins with.
func newBench(c Case, dt graph.DType, seed uint64) (*bench, error) {
	b := c.shared[dt]
	if b == nil {
		b = &bench{c: c, p: graph.NewParams(dt, 1), runs: map[program]*graph.Run{}}
		b.layer = c.Make(b.p, c.Dim)
		if err := b.p.Err(); err != nil {
			return nil, err
		}
		for _, p := range b.p.All() {
			b.start = append(b.start, p.Get())
		}
		if c.shared != nil {
			c.shared[dt] = b
		}
	}
	b.randomise(seed)
	return b, nil
}

func (b *bench) randomise(seed uint64) {
	spread := b.c.Spread
	if spread == 0 {
		spread = 0.5
	}
	rng := rand.New(rand.NewPCG(seed, 77))
	for k, p := range b.p.All() {
		v := slices.Clone(b.start[k])
		if seed == 0 {
			_ = p.Set(v)
			continue
		}
		r, cols := p.Shape()
		for i := range v {
			s := spread
			if r > 1 { // a matrix: keep what comes out of order one
				s = 2 * spread / math.Sqrt(float64(cols))
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

// run returns a program of one direction: what is made of values and
// log-determinants by emit.
func (b *bench) run(d direction, what string, emit func(g *graph.Graph, x, y, logDet graph.Expr)) (*graph.Run, error) {
	if r := b.runs[program{d, what}]; r != nil {
		return r, nil
	}
	g := graph.New(b.p, graph.Eval)
	in, out := b.c.columnsOf(d)
	x := g.Rows("x", in)
	var ctx graph.Expr
	if b.c.Context > 0 {
		ctx = g.Rows("context", b.c.Context)
	}
	apply := b.layer.Forward
	if d == inverse {
		apply = b.layer.Inverse
	}
	y, logDet := apply(x, ctx)
	if y.Cols() != out || logDet.Cols() != 1 {
		g.Fail(string(d), "%d values and %d log-determinants of rows of %d, want %d and 1", y.Cols(), logDet.Cols(), in, out)
	}
	emit(g, x, y, logDet)
	prog, err := g.Compile()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d, err)
	}
	b.runs[program{d, what}] = prog.NewRun()
	return b.runs[program{d, what}], nil
}

// bind gives a run its rows and does it.
func (b *bench) do(r *graph.Run, in, out map[string][]float64, n int) error {
	if b.c.Context == 0 {
		delete(in, "context")
	}
	for name, v := range in {
		if err := r.Bind(name, graph.Rows{Float64: v}); err != nil {
			return err
		}
	}
	for name, v := range out {
		if err := r.Into(name, graph.Rows{Float64: v}); err != nil {
			return err
		}
	}
	r.Seed, r.FirstRow = b.seed, b.first
	return r.Do(context.Background(), n)
}

// result is what a direction gives for some rows.
type result struct {
	y, logDet []float64
	loss      float64 // of gradients alone
}

// values maps rows.
func (b *bench) values(d direction, x, ctx []float64) (*result, error) {
	r, err := b.run(d, "values", func(g *graph.Graph, x, y, logDet graph.Expr) {
		g.Output("y", y)
		g.Output("logdet", logDet)
	})
	if err != nil {
		return nil, err
	}
	return b.result(r, d, x, ctx)
}

// gradients maps rows, and leaves the gradients of a loss made of values and
// log-determinants in the parameters.
func (b *bench) gradients(d direction, x, ctx []float64) (*result, error) {
	r, err := b.run(d, "gradients", func(g *graph.Graph, x, y, logDet graph.Expr) {
		g.Output("y", y)
		g.Output("logdet", logDet)
		loss := y.Square().SumCols().Scale(0.5).Add(logDet).SumRows()
		g.Output("loss", loss)
		g.Minimize(loss)
	})
	if err != nil {
		return nil, err
	}
	out, err := b.result(r, d, x, ctx)
	if err == nil {
		out.loss = r.Number("loss")
	}
	return out, err
}

func (b *bench) result(r *graph.Run, d direction, x, ctx []float64) (*result, error) {
	from, to := b.c.columnsOf(d)
	n := len(x) / from
	out := &result{y: make([]float64, n*to), logDet: make([]float64, n)}
	return out, b.do(r, map[string][]float64{"x": x, "context": ctx}, map[string][]float64{"y": out.y, "logdet": out.logDet}, n)
}

// jacobians are those of rows, by automatic differentiation, one behind the other:
// element (i, j) of the k-th, at (k·out + i)·in + j, is ∂y_i/∂x_j in row k. Each row
// is evaluated with every cotangent.
func (b *bench) jacobians(d direction, x, ctx []float64) ([]float64, error) {
	from, to := b.c.columnsOf(d)
	r, err := b.run(d, "jacobian", func(g *graph.Graph, x, y, _ graph.Expr) {
		j := graph.VJP(y, g.Rows("cotangent", to), x)[0]
		if j.IsZero() {
			j = x.Zeros(from)
		}
		g.Output("row", j)
	})
	if err != nil {
		return nil, err
	}
	n := len(x) / from
	var xs, ctxs []float64
	cotangents := make([]float64, n*to*to)
	for k := range n {
		for i := range to {
			xs, ctxs = append(xs, x[k*from:(k+1)*from]...), append(ctxs, ctx[k*b.c.Context:(k+1)*b.c.Context]...)
			cotangents[(k*to+i)*to+i] = 1
		}
	}
	jac := make([]float64, n*to*from)
	in := map[string][]float64{"x": xs, "context": ctxs, "cotangent": cotangents}
	return jac, b.do(r, in, map[string][]float64{"row": jac}, n*to)
}
