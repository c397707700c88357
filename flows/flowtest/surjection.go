package flowtest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
)

// RunSurjection makes all checks of a layer one of whose directions draws noise. Its
// Make gives a [flows.Surjection].
func RunSurjection(t *testing.T, c Case) {
	t.Helper()
	c.shared = map[graph.DType]*bench{}
	for _, check := range SurjectionChecks {
		t.Run(check.Name, func(t *testing.T) {
			t.Helper()
			if err := check.Run(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// SurjectionChecks are the checks of surjections by name.
var SurjectionChecks = []struct {
	Name string
	Run  func(Case) error
}{
	{"RightInverse", RightInverse},
	{"Density", Density},
	{"Gradients", Gradients},
	{"Finite", Finite},
	{"Batching", Batching},
}

// Positive is the set of rows of numbers above zero, Whole that of whole numbers.
var (
	Positive = onLine(math.Abs, func(v float64) bool { return v >= 0 })
	Whole    = onLine(math.Round, func(v float64) bool { return v == math.Round(v) })
)

// onLine is the set that to brings any number to.
func onLine(to func(float64) float64, holds func(float64) bool) Set {
	row := func(dim int, v func() float64) []float64 {
		out := make([]float64, dim)
		for j := range out {
			out[j] = to(v())
		}
		return out
	}
	extremes := []float64{0, 1, -1, 5, -5, 1e3, -1e3, 1e8, -1e8}
	return Set{
		Draw: func(rng *rand.Rand, dim int) []float64 {
			return row(dim, func() float64 { return 1.5 * rng.NormFloat64() })
		},
		Extreme: func(rng *rand.Rand, dim int) []float64 {
			return row(dim, func() float64 { return extremes[rng.IntN(len(extremes))] })
		},
		Holds: func(x []float64) bool {
			return !slices.ContainsFunc(x, func(v float64) bool { return !holds(v) })
		},
	}
}

// ways tells the direction that draws from the one that is a function.
func (b *bench) ways() (draws, function direction, err error) {
	s, ok := b.layer.(flows.Surjection)
	if !ok {
		return "", "", fmt.Errorf("%T has no method Random", b.layer)
	}
	switch f, i := s.Random(); {
	case f && !i:
		return forward, inverse, nil
	case i && !f:
		return inverse, forward, nil
	}
	return "", "", fmt.Errorf("want one direction that draws, and one that is a function")
}

// RightInverse checks that the function undoes the draw, whatever is drawn, that their
// contributions to the likelihood are each other's negative, and that of the two
// directions one depends on the seed, in both element types.
func RightInverse(c Case) error {
	for _, dt := range []graph.DType{graph.Float64, graph.Float32} {
		tol := RoundTripTol
		if dt == graph.Float32 {
			tol = RoundTripTol32
		}
		b, err := newBench(c, dt, 1)
		if err != nil {
			return err
		}
		if err := b.rightInverse(tol); err != nil {
			return fmt.Errorf("%v: %w", dt, err)
		}
	}
	return nil
}

func (b *bench) rightInverse(tol float64) error {
	draws, function, err := b.ways()
	if err != nil {
		return err
	}
	defer func() { b.seed = 0 }()
	start, ctx := b.c.inputs(draws, 150, 2)
	var first, same []float64
	for seed := range uint64(3) {
		b.seed = seed
		there, err := b.values(draws, start, ctx)
		if err != nil {
			return err
		}
		back, err := b.values(function, there.y, ctx)
		if err != nil {
			return err
		}
		if err := compare(fmt.Sprintf("%s after %s", function, draws), back.y, start, tol); err != nil {
			return err
		}
		if err := compare(fmt.Sprintf("log-likelihood of %s after %s", function, draws), back.logDet, negated(there.logDet), tol); err != nil {
			return err
		}
		if seed == 0 {
			first, same = there.y, back.y
			continue
		}
		if slices.Equal(there.y, first) {
			return fmt.Errorf("%s does not depend on the seed", draws)
		}
		b.seed = 0
		if again, err := b.values(draws, start, ctx); err != nil || !slices.Equal(again.y, first) {
			return fmt.Errorf("%s of the same seed twice: two results (%v)", draws, err)
		}
		b.seed = seed
		if other, err := b.values(function, first, ctx); err != nil || !slices.Equal(other.y, same) {
			return fmt.Errorf("%s depends on the seed (%v)", function, err)
		}
	}
	return nil
}

// Tolerances of [Density].
const (
	// GridTol is for sums over a grid, with jumps in the density, in place of integrals.
	GridTol = 1e-2
	// densityDraws is how many draws of noise are shared by the points of the grid.
	densityDraws = 1000000
	// densitySamples is how many samples the grid is held against; errors of their
	// means are at most five standard errors.
	densitySamples = 50000
)

// Density checks the likelihood of one or two columns: for several f, the integral of f
// exp(log-likelihood), averaged over the noise, is the mean of f over samples, for f = 1
// it is one; and a log-likelihood that is averaged itself, before the exponential, gives
// no more.
func Density(c Case) error {
	if c.Dim > 2 {
		return nil
	}
	b, err := newBench(c, graph.Float64, 21)
	if err != nil {
		return err
	}
	dim, _ := c.columnsOf(forward)
	var base flows.Base = flows.NewStandardNormal(b.p, dim)
	if c.Noise.Holds != nil && !c.Noise.Holds(slices.Repeat([]float64{-1}, dim)) {
		base = halfNormal{dim}
	}
	flow := flows.New(base, b.layer)
	samples, err := c.sample(b.p, flow)
	if err != nil {
		return err
	}
	x, cell := c.grid(flow.Bound())
	if len(x) == 0 {
		return fmt.Errorf("neither whole numbers nor a grid of real ones are data")
	}
	all, err := c.likelihoods(b.p, flow, x)
	if err != nil {
		return err
	}
	for k, f := range bumps(c.Dim) {
		var at []float64
		for _, row := range rowsOf(samples, c.Dim) {
			at = append(at, f(row))
		}
		want, se := meanOf(at)
		at = at[:0]
		for _, row := range rowsOf(x, c.Dim) {
			at = append(at, cell*f(row))
		}
		sums, low := make([]float64, len(all)), 0.0
		for i, v := range at {
			meanLog := 0.0
			for d, lp := range all {
				sums[d] += v * math.Exp(lp[i])
				meanLog += lp[i] / float64(len(all))
			}
			low += v * math.Exp(meanLog)
		}
		got, more := meanOf(sums)
		tol := 5*math.Hypot(se, more) + GridTol
		switch {
		case !(math.Abs(got-want) <= tol):
			return fmt.Errorf("integral of likelihood and bump %d: %v, its mean over samples: %v (tolerance %v)", k, got, want, tol)
		case !(low <= want+tol):
			return fmt.Errorf("integral of the bound and bump %d: %v, more than its mean over samples: %v (tolerance %v)", k, low, want, tol)
		case !flow.Bound() && more > 0:
			return fmt.Errorf("the likelihood is said to be exact, but depends on the seed")
		}
	}
	return nil
}

// bumps are one, and Gaussian bumps here and there.
func bumps(dim int) []func(x []float64) float64 {
	out := []func([]float64) float64{func([]float64) float64 { return 1 }}
	for _, at := range [][2]float64{{0, 0}, {1, 0}, {-1, 1}, {2, 1}, {1, -2}} {
		out = append(out, func(x []float64) float64 {
			d := 0.0
			for j := range dim {
				d += (x[j] - at[j]) * (x[j] - at[j])
			}
			return math.Exp(-d)
		})
	}
	return out
}

func rowsOf(x []float64, dim int) [][]float64 { return slices.Collect(slices.Chunk(x, dim)) }

// meanOf returns the mean and its standard error.
func meanOf(v []float64) (mean, se float64) {
	n := float64(len(v))
	for _, x := range v {
		mean += x / n
	}
	for _, x := range v {
		se += (x - mean) * (x - mean) / n
	}
	return mean, math.Sqrt(se / n)
}

// grid are rows of data up to ±12 in each column and the volume that each stands for:
// whole numbers if the data are such, else the midpoints of cells.
func (c Case) grid(bound bool) (x []float64, cell float64) {
	const end = 12
	holds := c.Data.Holds
	if holds == nil {
		holds = func([]float64) bool { return true }
	}
	h, from := 0.01, 0.5
	switch {
	case c.Dim == 2 && bound: // every point is drawn for
		h = 0.1
	case c.Dim == 2:
		h = 0.05
	}
	if !holds(slices.Repeat([]float64{0.5}, c.Dim)) {
		h, from = 1, 0
	}
	var axis []float64
	for k := range int(2*end/h) + 1 {
		axis = append(axis, h*(float64(k)+from)-end)
	}
	for _, a := range axis {
		row := []float64{a}
		for _, b := range axis[:max(1, (c.Dim-1)*len(axis))] {
			if c.Dim == 2 {
				row = []float64{a, b}
			}
			if holds(row) {
				x = append(x, row...)
			}
		}
	}
	return x, math.Pow(h, float64(c.Dim))
}

// given is a context that is the same in n rows.
func (c Case) given(n int) []float64 {
	out := make([]float64, n*c.Context)
	for i := range out {
		out[i] = 0.3 - 0.5*float64(i%c.Context)
	}
	return out
}

func (c Case) sample(p *graph.Params, f *flows.Flow) ([]float64, error) {
	g := graph.New(p, graph.Eval)
	g.Output("x", f.Sample(g, c.contextOf(g), 1))
	x := make([]float64, densitySamples*c.Dim)
	r, err := c.compile(g, densitySamples, map[string][]float64{"x": x})
	if err != nil {
		return nil, err
	}
	return x, r.Do(context.Background(), densitySamples)
}

// likelihoods are the log-likelihoods of the rows, for each of several draws.
func (c Case) likelihoods(p *graph.Params, f *flows.Flow, x []float64) ([][]float64, error) {
	n := len(x) / c.Dim
	lp := make([]float64, n)
	g := graph.New(p, graph.Eval)
	g.Output("lp", f.LogProb(g.Rows("x", c.Dim), c.contextOf(g)))
	r, err := c.compile(g, n, map[string][]float64{"lp": lp})
	if err != nil {
		return nil, err
	}
	if err := r.Bind("x", graph.Rows{Float64: x}); err != nil {
		return nil, err
	}
	draws := 2
	if f.Bound() {
		draws = min(densityDraws/n, 2000)
	}
	all := make([][]float64, draws)
	for k := range all {
		r.Seed = uint64(k)
		if err := r.Do(context.Background(), n); err != nil {
			return nil, err
		}
		all[k] = slices.Clone(lp)
	}
	return all, nil
}

func (c Case) contextOf(g *graph.Graph) (ctx graph.Expr) {
	if c.Context > 0 {
		ctx = g.Rows("context", c.Context)
	}
	return ctx
}

// compile makes a run for n rows of one context.
func (c Case) compile(g *graph.Graph, n int, outputs map[string][]float64) (*graph.Run, error) {
	prog, err := g.Compile()
	if err != nil {
		return nil, err
	}
	r := prog.NewRun()
	for name, v := range outputs {
		if err := r.Into(name, graph.Rows{Float64: v}); err != nil {
			return nil, err
		}
	}
	if c.Context > 0 {
		return r, r.Bind("context", graph.Rows{Float64: c.given(n)})
	}
	return r, nil
}

// halfNormal is a density of positive noise.
type halfNormal struct{ dim int }

func (b halfNormal) Dim() int { return b.dim }

func (b halfNormal) LogProb(u, _ graph.Expr) graph.Expr {
	return u.Square().SumCols().Affine(-0.5, 0.5*float64(b.dim)*math.Log(2/math.Pi))
}

func (b halfNormal) Sample(g *graph.Graph, _ graph.Expr, temperature float64) graph.Expr {
	return g.Normal(b.dim).Abs().Scale(temperature)
}
