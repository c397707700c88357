package graph

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
)

// sharing compiles a network whose products and splines are all worth sharing.
func sharing(t *testing.T, dt DType, seed uint64) (*Params, *Program) {
	t.Helper()
	old := sharedWork
	sharedWork = 1
	defer func() { sharedWork = old }()
	rng := rand.New(rand.NewPCG(seed, 21))
	p := NewParams(dt, seed)
	g := New(p, Train)
	x := g.Rows("x", 6)
	e := wideGraph(g, rng, x, 2+rng.IntN(6))
	reach := make(Reach, 200)
	for j := range reach {
		reach[j] = int32(1 + j*(e.Cols()-1)/(len(reach)-1))
	}
	s := Spline{Bins: 4, Bound: 2, MinWidth: 1e-3, MinHeight: 1e-3, MinSlope: 1e-3}
	h := e.MaskedLinear(g.Use(p.New("masked", len(reach), e.Cols(), FanIn(1))), Expr{}, reach).ReLU()
	h = h.Linear(g.Use(p.New("bins", 6*s.Params(), h.Cols(), FanIn(1))), Expr{})
	y, slope := x.Spline(h, s)
	z, _ := y.SplineInverse(h.Scale(0.5), s)
	loss := Concat(y, slope, z).Square().SumCols().SumRows()
	g.Output("loss", loss)
	g.Minimize(loss)
	prog, err := g.Compile()
	require.NoError(t, err)
	return p, prog
}

// offers counts the steps that workers handed out parts of.
func offers(r *Run) (n uint64) {
	switch r := r.r.(type) {
	case *run[float32]:
		for _, w := range r.workers {
			n += w.offer.state.Load() >> 16
		}
	case *run[float64]:
		for _, w := range r.workers {
			n += w.offer.state.Load() >> 16
		}
	}
	return n
}

// expect makes a run believe that so many workers wait.
func expect(r *Run, workers int64) {
	switch r := r.r.(type) {
	case *run[float32]:
		r.waiting.Store(workers)
	case *run[float64]:
		r.waiting.Store(workers)
	}
}

// Steps that are done in parts, by one worker or by many, give the same bits.
func TestSharedSteps(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	seeds, crowds := uint64(6), []int64{1, 2, 3, 8}
	if testing.Short() {
		seeds, crowds = 2, []int64{1, 3}
	}
	for seed := range seeds {
		for _, dt := range []DType{Float32, Float64} {
			for _, rows := range []int{1 + int(seed)*36, 128 + int(seed)*58} {
				t.Run(fmt.Sprint(seed, dt, rows), func(t *testing.T) {
					p, prog := sharing(t, dt, seed)
					r := prog.NewRun()
					require.NoError(t, r.Bind("x", Rows{Float64: numbers(6*rows, seed)}))
					evaluate := func() (float64, []float64) {
						require.NoError(t, r.Do(context.Background(), rows))
						return r.Number("loss"), gradients(p)
					}
					loss, grads := evaluate()
					require.Zero(t, offers(r))
					for _, waiting := range crowds { // none comes
						expect(r, waiting)
						again, same := evaluate()
						require.Equal(t, loss, again)
						require.Equal(t, grads, same)
					}
					require.NotZero(t, offers(r))
					expect(r, 0)
					runtime.GOMAXPROCS(8)
					defer runtime.GOMAXPROCS(1)
					for range 2 {
						again, same := evaluate()
						require.Equal(t, loss, again)
						require.Equal(t, grads, same)
					}
				})
			}
		}
	}
}

// Parts done by another worker, with its own scratch, give the same bits.
func TestHelp(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	const rows = 128
	p, prog := sharing(t, Float32, 3)
	do := prog.NewRun()
	require.NoError(t, do.Bind("x", Rows{Float64: numbers(6*rows, 1)}))
	require.NoError(t, do.Do(context.Background(), rows))
	want := gradients(p)
	for _, q := range p.Trainable() {
		clear(q.gradients.F32)
	}
	r := do.r.(*run[float32])
	owner, other := r.workers[0], r.workers[1]
	helped := map[bool]int{}
	for i := range r.pr.stages {
		s := &r.pr.stages[i]
		for _, f := range s.flat {
			f.run(r, &r.scratch[0])
		}
		r.now = s
		r.beginSums(s)
		owner.shard, owner.n, owner.panels = 0, rows, rows/kernel.PanelRows[float32]()
		for j := range s.body {
			step := &s.body[j]
			if step.shares && !step.v.reduce {
				owner.offer.make(step, false, 3)
				for other.help() {
					helped[false]++
				}
				continue
			}
			for owner.part = range step.v.parts() {
				step.run(owner)
				if !step.v.reduce {
					continue
				}
				owner.pass(step.v)
				if step.shares {
					owner.offer.make(step, true, step.v.parts()-1)
					for other.help() {
						helped[true]++
					}
					break
				}
			}
		}
	}
	r.assign()
	require.Equal(t, want, gradients(p))
	require.NotZero(t, helped[false])
	require.NotZero(t, helped[true])
}

// Whether zeros are left out does not depend on parts: with weights that are not finite, it
// can be seen.
func TestPartsLeaveOutTheSame(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	old := sharedWork
	sharedWork = 1
	defer func() { sharedWork = old }()
	const rows, width = 128, 256
	p := NewParams(Float32, 1)
	w := p.New("w", width, width, FanIn(1))
	g := New(p, Eval)
	g.Output("y", g.Rows("x", width).ReLU().Linear(g.Use(w), Expr{}))
	prog, err := g.Compile()
	require.NoError(t, err)
	w.elements.F32[0] = float32(math.Inf(1))
	w.Touch()
	x := numbers(rows*width, 5)
	for i := 64 * width; i < len(x); i++ { // few zeros in the later rows, but in the first column
		x[i] = math.Abs(x[i])
		if i%width == 0 {
			x[i] = -1
		}
	}
	r := prog.NewRun()
	require.NoError(t, r.Bind("x", Rows{Float64: x}))
	evaluate := func() []uint32 {
		y := make([]float32, rows*width)
		require.NoError(t, r.Into("y", Rows{Float32: y}))
		require.NoError(t, r.Do(context.Background(), rows))
		bits := make([]uint32, len(y))
		for i, v := range y {
			bits[i] = math.Float32bits(v)
		}
		return bits
	}
	want := evaluate()
	expect(r, 3)
	require.Equal(t, want, evaluate())
	require.NotZero(t, offers(r))
}
