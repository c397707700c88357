package graph

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// network is a small regression: two layers, a loss, gradients.
func network(t testing.TB, dt DType) (*Params, *Program) {
	t.Helper()
	p := NewParams(dt, 1)
	w1, b1 := p.New("w1", 24, 5, FanIn(1)), p.New("b1", 1, 24, Gaussian(0.1))
	w2 := p.New("w2", 3, 24, FanIn(1))
	g := New(p, Train)
	var loss Expr
	g.In("layer 0", func() {
		h := g.Rows("x", 5).Linear(g.Use(w1), g.Use(b1)).Tanh()
		loss = h.Linear(g.Use(w2), Expr{}).Sub(g.Rows("y", 3)).Square().SumCols().Mul(g.Rows("weight", 1)).SumRows()
	})
	g.Output("loss", loss)
	g.Minimize(loss)
	prog, err := g.Compile()
	require.NoError(t, err)
	return p, prog
}

func numbers(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]float64, n)
	for i := range out {
		out[i] = r.NormFloat64()
	}
	return out
}

func gradients(p *Params) []float64 {
	var out []float64
	for _, q := range p.Trainable() {
		out = append(out, q.GetGrad()...)
	}
	return out
}

func bindAll(t testing.TB, r *Run, rows int) {
	t.Helper()
	require.NoError(t, r.Bind("x", Rows{Float64: numbers(5*rows, 2)}))
	require.NoError(t, r.Bind("y", Rows{Float64: numbers(3*rows, 3)}))
	require.NoError(t, r.Bind("weight", Rows{Float64: numbers(rows, 4)}))
}

// The same bits on any number of cores, in every run, of every run state.
func TestSameBits(t *testing.T) {
	p, prog := network(t, Float32)
	const rows = 1234
	r := prog.NewRun()
	bindAll(t, r, rows)
	require.NoError(t, r.Do(context.Background(), rows))
	want, loss := gradients(p), r.Number("loss")
	for _, procs := range []int{1, 2, 3, 16} {
		old := runtime.GOMAXPROCS(procs)
		again := prog.NewRun()
		bindAll(t, again, rows)
		for range 3 {
			require.NoError(t, again.Do(context.Background(), rows))
			require.Equal(t, loss, again.Number("loss"))
			require.Equal(t, want, gradients(p))
		}
		runtime.GOMAXPROCS(old)
	}
}

// late is cancelled once it has been asked n times.
type late struct {
	context.Context
	left atomic.Int64
}

func (l *late) Err() error {
	if l.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Cancelled at any shard, a run ends, whoever waits for whom, and the next one has
// the same bits as ever.
func TestCancelMidway(t *testing.T) {
	p, prog := network(t, Float32)
	const rows = 1234
	old := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(old)
	r := prog.NewRun()
	bindAll(t, r, rows)
	require.NoError(t, r.Do(context.Background(), rows))
	want := gradients(p)
	for n := range 11 { // ten shards, then once more
		ctx := &late{Context: context.Background()}
		ctx.left.Store(int64(n))
		require.ErrorIs(t, r.Do(ctx, rows), context.Canceled)
		require.NoError(t, r.Do(context.Background(), rows))
		require.Equal(t, want, gradients(p))
	}
}

// A run in its steady state allocates nothing.
func TestNoAllocation(t *testing.T) {
	for _, dt := range []DType{Float32, Float64} {
		_, prog := network(t, dt)
		r := prog.NewRun()
		bindAll(t, r, 512)
		ctx := context.Background()
		require.NoError(t, r.Do(ctx, 512))
		require.Zero(t, testing.AllocsPerRun(20, func() { _ = r.Do(ctx, 512) }))
	}
}

// Weights of zero make rows absent, and so does the padding of the last tile.
func TestPadding(t *testing.T) {
	p, prog := network(t, Float64)
	r := prog.NewRun()
	bindAll(t, r, 131)
	w := numbers(131, 4)
	for i := 77; i < 131; i++ {
		w[i] = 0
	}
	require.NoError(t, r.Bind("weight", Rows{Float64: w}))
	require.NoError(t, r.Do(context.Background(), 131))
	want := gradients(p)
	require.NoError(t, r.Do(context.Background(), 77))
	requireClose(t, "gradients", want, gradients(p), 1e-13)
	require.NoError(t, r.Do(context.Background(), 0))
	require.Zero(t, r.Number("loss"))
}

// Rows can be picked by number, and be of either element type.
func TestIndex(t *testing.T) {
	p := NewParams(Float32, 1)
	g := New(p, Eval)
	g.Output("y", g.Rows("x", 2).Scale(2))
	prog, err := g.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	out := make([]float32, 6)
	require.NoError(t, r.Bind("x", Rows{Float32: []float32{1, 2, 3, 4, 5, 6}, Index: []int{2, 0, 2}}))
	require.NoError(t, r.Into("y", Rows{Float32: out}))
	require.NoError(t, r.Do(context.Background(), 3))
	require.Equal(t, []float32{10, 12, 2, 4, 10, 12}, out)
	for _, bad := range []Rows{{Float32: make([]float32, 5)}, {Float32: make([]float32, 6), Index: []int{0, 1}}, {Float32: make([]float32, 6), Index: []int{0, 3, 1}}, {}} {
		require.NoError(t, r.Bind("x", bad))
		require.ErrorContains(t, r.Do(context.Background(), 3), `input "x"`)
	}
	require.ErrorContains(t, r.Bind("z", Rows{}), `no input "z"`)
	require.ErrorContains(t, r.Into("z", Rows{}), `no output "z"`)
	_, err = r.Value("y")
	require.Error(t, err)
	require.Error(t, r.Do(context.Background(), -1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, r.Bind("x", Rows{Float32: make([]float32, 6)}))
	require.ErrorIs(t, r.Do(ctx, 3), context.Canceled)
}

// The first mistake is kept with its place, operation and shapes.
func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		build func(p *Params, g *Graph)
		want  []string
	}{
		{func(p *Params, g *Graph) {
			g.In("layer 3", func() { g.Output("y", g.Rows("a", 2).Mul(g.Rows("b", 3)).Exp()) })
		}, []string{"layer 3", "program_test.go:", "mul", "(rows, 2) and (rows, 3)", "columns differ"}},
		{func(p *Params, g *Graph) { g.Output("y", g.Rows("a", 2).Linear(g.Use(p.New("w", 4, 3, nil)), Expr{})) }, []string{"linear", "(4, 3)"}},
		{func(p *Params, g *Graph) { g.Rows("a", 2); g.Output("y", g.Rows("a", 2)) }, []string{"input a", "already"}},
		{func(p *Params, g *Graph) { g.Output("y", g.Rows("a", 2).Add(Expr{})) }, []string{"add", "no expression"}},
		{func(p *Params, g *Graph) { g.Output("y", g.Rows("a", 2).Add(New(p, Eval).Rows("a", 2))) }, []string{"another graph"}},
		{func(p *Params, g *Graph) { g.Output("y", g.Use(NewParams(Float32, 1).New("w", 1, 1, nil))) }, []string{"other Params"}},
		{func(p *Params, g *Graph) { p.New("w", 1, 1, nil); p.New("w", 1, 1, nil); g.Output("y", g.Rows("a", 1)) }, []string{"parameter w", "already"}},
		{func(p *Params, g *Graph) { p.In("a").New("w", 0, 1, nil); g.Output("y", g.Rows("a", 1)) }, []string{"a.w", "no elements"}},
		{func(p *Params, g *Graph) { g.Output("y", g.Rows("a", 2).Columns([]int{2})) }, []string{"column 2 of (rows, 2)"}},
		{func(p *Params, g *Graph) {
			g.Output("y", g.Rows("a", 2).MaskedLinear(g.Use(p.New("w", 2, 2, nil)), Expr{}, Reach{2, 1}))
		}, []string{"must not decrease"}},
		{func(p *Params, g *Graph) {
			a, _ := g.Rows("a", 2).Spline(g.Rows("h", 5), Spline{Bins: 3, Bound: 1})
			g.Output("y", a)
		}, []string{"want 8 for each element"}},
		{func(p *Params, g *Graph) {
			x := g.Rows("a", 1).SumRows()
			g.Grad(x)
			g.Grad(x)
			g.Output("y", x)
		}, []string{"differentiated before"}},
		{func(p *Params, g *Graph) { g.Minimize(g.Rows("a", 2)); g.Output("y", g.Rows("b", 1)) }, []string{"not one number"}},
		{func(p *Params, g *Graph) {}, []string{"nothing to compile"}},
	} {
		p := NewParams(Float32, 1)
		g := New(p, Train)
		c.build(p, g)
		_, err := g.Compile()
		require.Error(t, err, c.want)
		for _, w := range c.want {
			require.ErrorContains(t, err, w)
		}
	}
}

// Noise is a function of seed, step and row: no tiling changes it.
func TestNoise(t *testing.T) {
	p := NewParams(Float64, 1)
	g := New(p, Eval)
	g.Output("u", g.Uniform(2))
	g.Output("z", g.Normal(2))
	prog, err := g.Compile()
	require.NoError(t, err)
	draw := func(n int, seed, step, first uint64) (u, z []float64) {
		r := prog.NewRun()
		r.Seed, r.Step, r.FirstRow = seed, step, first
		u, z = make([]float64, 2*n), make([]float64, 2*n)
		require.NoError(t, r.Into("u", Rows{Float64: u}))
		require.NoError(t, r.Into("z", Rows{Float64: z}))
		require.NoError(t, r.Do(context.Background(), n))
		return u, z
	}
	const n = 40000
	u, z := draw(n, 1, 0, 0)
	part, _ := draw(100, 1, 0, 777)
	require.Equal(t, u[2*777:2*877], part)
	other, _ := draw(100, 2, 0, 0)
	later, _ := draw(100, 1, 1, 0)
	require.NotEqual(t, u[:200], other)
	require.NotEqual(t, u[:200], later)
	mean := func(v []float64, f func(float64) float64) float64 {
		s := 0.0
		for _, x := range v {
			s += f(x) / float64(len(v))
		}
		return s
	}
	require.InDelta(t, 0.5, mean(u, func(x float64) float64 { return x }), 0.006)
	require.InDelta(t, 1./3, mean(u, func(x float64) float64 { return x * x }), 0.006)
	require.InDelta(t, 0, mean(z, func(x float64) float64 { return x }), 0.02)
	require.InDelta(t, 1, mean(z, func(x float64) float64 { return x * x }), 0.03)
	require.InDelta(t, 3, mean(z, func(x float64) float64 { return x * x * x * x }), 0.2)
	cross := 0.0
	for i := range n {
		cross += z[2*i] * z[2*i+1] / n
	}
	require.InDelta(t, 0, cross, 0.02)
}

// Diagnose names the layer, operation and line where numbers stop being finite.
func TestDiagnose(t *testing.T) {
	p := NewParams(Float32, 1)
	g := New(p, Train)
	x := g.Rows("x", 2)
	var y Expr
	g.In("layer 7", func() { y = x.Shift(-3).Log().Square() })
	g.Output("y", y.SumRows())
	prog, err := g.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	v := make([]float64, 400)
	for i := range v {
		v[i] = 5
	}
	require.NoError(t, r.Bind("x", Rows{Float64: v}))
	require.NoError(t, r.Do(context.Background(), 200))
	require.Empty(t, r.Diagnose(200))
	v[301] = 1
	found := r.Diagnose(200)
	require.Contains(t, found, "log of layer 7")
	require.Contains(t, found, "program_test.go:")
}

// A program is a gorgonia.VM, and its parameters go through gorgonia's solvers.
func TestVM(t *testing.T) {
	p := NewParams(Float64, 1)
	w := p.New("w", 1, 2, Values([]float64{3, -1}))
	g := NewFixed(p, Train, 4)
	x := g.Rows("x", 2)
	y := x.Mul(g.Use(w))
	loss := y.Square().SumCols().SumRows()
	g.Output("y", y)
	g.Output("loss", loss)
	g.Minimize(loss)
	prog, err := g.Compile()
	require.NoError(t, err)
	var vm gorgonia.VM = prog
	require.ErrorContains(t, vm.RunAll(), `input "x" has no value`)
	require.NoError(t, gorgonia.Let(x.Node(), tensor.New(tensor.WithShape(4, 2), tensor.WithBacking([]float64{1, 2, 3, 4, 5, 6, 7, 8}))))
	require.NoError(t, vm.RunAll())
	require.Equal(t, []float64{3, -2, 9, -4, 15, -6, 21, -8}, y.Node().Value().Data())
	before := loss.Node().Value().Data().([]float64)[0]
	solver := gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(1e-3))
	for range 50 {
		require.NoError(t, vm.RunAll())
		require.NoError(t, solver.Step([]gorgonia.ValueGrad{w}))
		p.Changed()
	}
	require.Less(t, loss.Node().Value().Data().([]float64)[0], before/100)
	vm.Reset()
	require.NoError(t, vm.Close())
}

// Dot shows operations, shapes, parameters and layers.
func TestDot(t *testing.T) {
	p := NewParams(Float64, 1)
	g := New(p, Eval)
	var y Expr
	g.In("layer 1", func() { y = g.Rows("x", 2).Linear(g.Use(p.New("weights", 3, 2, nil)), Expr{}).Tanh() })
	var b strings.Builder
	require.NoError(t, y.Dot(&b))
	for _, w := range []string{"digraph", `label="layer 1"`, "weights", "(3, 2)", "(rows, 3)", "tanh", "linear"} {
		require.Contains(t, b.String(), w)
	}
	require.Error(t, Expr{}.Dot(&b))
}

// Values assigned at the end of a run are there for the next.
func TestAssign(t *testing.T) {
	p := NewParams(Float64, 1)
	total := p.State("total", 1, 1, nil)
	g := New(p, Train)
	g.Assign(total, g.Use(total).Add(g.Rows("x", 1).SumRows()))
	prog, err := g.Compile()
	require.NoError(t, err)
	r := prog.NewRun()
	require.NoError(t, r.Bind("x", Rows{Float64: []float64{1, 2, 3}}))
	for i := range 3 {
		require.NoError(t, r.Do(context.Background(), 3))
		require.Equal(t, 6*float64(i+1), total.Get()[0])
	}
	require.False(t, math.IsNaN(total.Get()[0]))
}

// One to four rows come out to the same bits as among many: the narrow form of a
// program does what the wide one does, on one core or, where there is much to read, several.
func TestNarrow(t *testing.T) {
	old := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(old)
	const hidden = 400
	require.Greater(t, 23*4*hidden, sharedWeights)
	for i, dt := range []DType{Float32, Float64, Float32, Float64} {
		runtime.GOMAXPROCS([]int{1, 3}[i/2])
		p := NewParams(dt, 3)
		w1, b1, w2 := p.New("w1", hidden, 5, FanIn(1)), p.New("b1", 1, hidden, Gaussian(0.1)), p.New("w2", 23*4, hidden, FanIn(1))
		reach := make(Reach, hidden)
		for j := range reach {
			reach[j] = int32(j * 6 / hidden)
		}
		g := New(p, Eval)
		x := g.Rows("x", 5)
		h := x.MaskedLinear(g.Use(w1), g.Use(b1), reach).Clamp(0, 1e6)
		s := Spline{Bins: 8, Bound: 3, MinWidth: 1e-3, MinHeight: 1e-3, MinSlope: 1e-3}
		in := x.Columns([]int{4, 0, 2, 1})
		y, l := in.Spline(h.Linear(g.Use(w2), Expr{}), s)
		z := y.Tanh().Add(x.Slice(0, 1)).Mul(g.Use(b1).Slice(0, 4)).Sub(in.Less(y).Where(in, y.Exp()))
		g.Output("z", z)
		g.Output("l", l.SumCols().Sub(y.Square().SumCols().Expand(l.SumCols())))
		prog, err := g.Compile()
		require.NoError(t, err)
		const rows = 100
		data := numbers(5*rows, 5)
		run := func(lo, hi int) (z, l []float64) {
			r := prog.NewRun()
			z, l = make([]float64, 4*(hi-lo)), make([]float64, hi-lo)
			require.NoError(t, r.Bind("x", Rows{Float64: data[5*lo:]}))
			require.NoError(t, r.Into("z", Rows{Float64: z}))
			require.NoError(t, r.Into("l", Rows{Float64: l}))
			require.NoError(t, r.Do(context.Background(), hi-lo))
			return z, l
		}
		wantZ, wantL := run(0, rows)
		for n := 1; n <= narrowRows+1; n++ {
			for lo := 0; lo+n <= rows; lo += n {
				z, l := run(lo, lo+n)
				require.Equal(t, wantZ[4*lo:4*(lo+n)], z)
				require.Equal(t, wantL[lo:lo+n], l)
			}
		}
	}
}

// A profile has every step, with the products' operations counted.
func TestProfile(t *testing.T) {
	_, prog := network(t, Float32)
	r := prog.NewRun()
	bindAll(t, r, 300)
	p, err := r.Profile(context.Background(), 300, 2)
	require.NoError(t, err)
	flops := 0.0
	stages := map[string]bool{}
	for _, s := range p {
		flops += s.Flops
		stages[s.Stage] = true
		require.Positive(t, s.Calls)
	}
	require.InEpsilon(t, 2*300*prog.Flops(), flops, 1e-12)
	require.True(t, stages["body"])
	require.Contains(t, p.String(), "layer 0")
	require.Contains(t, p.String(), "linear")
	require.Contains(t, p.String(), "program_test.go:")
	want := r.Number("loss")
	require.NoError(t, r.Do(context.Background(), 300))
	require.Equal(t, want, r.Number("loss"))
}

// The program can be looked at after each pass.
func TestPasses(t *testing.T) {
	p := NewParams(Float32, 1)
	g := New(p, Eval)
	g.Output("y", g.Rows("x", 3).Linear(g.Use(p.New("w", 4, 3, FanIn(1))), Expr{}).Clamp(0, 1))
	s, err := g.Passes()
	require.NoError(t, err)
	lowered, fused, ok := strings.Cut(s, "== fuse")
	require.True(t, ok)
	require.Contains(t, lowered, "clamp(0,1)")
	require.NotContains(t, fused, "clamp(0,1)")
	require.Contains(t, fused, "linear+clamp")
	for _, pass := range passes {
		require.Contains(t, s, "== "+pass.name)
	}
}

// Noise that shares its columns with what is computed, as it is read in one stage alone,
// is the same as noise that does not.
func TestNoiseSharesColumns(t *testing.T) {
	const rows, cols = 300, 40
	out := map[string][]float64{}
	columns := map[bool]int{}
	for _, late := range []bool{true, false} {
		g := New(NewParams(Float64, 1), Train)
		x := g.Rows("x", cols)
		y, noises := x, []Expr{}
		for i := range 4 {
			u := g.Uniform(cols)
			if i == 3 {
				u = g.Normal(cols)
			}
			noises = append(noises, u)
			y = y.Mul(u.Shift(-0.3).Step()).Add(x.Zeros(cols).Place(3, u.Slice(3, cols)))
		}
		y = y.Sub(y.SumRows().Scale(1.0 / rows)).Add(noises[2].Square())
		for _, u := range noises {
			if late {
				y = y.Add(u.Scale(0)) // in the second stage
			}
		}
		g.Output("y", y)
		prog, err := g.Compile()
		require.NoError(t, err)
		columns[late] = prog.machine.(*program[float64]).plan.bodyCols
		r := prog.NewRun()
		r.Seed, r.Step = 3, 7
		require.NoError(t, r.Bind("x", Rows{Float64: numbers(rows*cols, 1)}))
		v := make([]float64, rows*cols)
		require.NoError(t, r.Into("y", Rows{Float64: v}))
		require.NoError(t, r.Do(context.Background(), rows))
		out[fmt.Sprint(late)] = v
	}
	require.Equal(t, out["true"], out["false"])
	require.Less(t, columns[false], columns[true])
}
