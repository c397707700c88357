package graph

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// withoutRows compiles a graph with many steps without rows, before and after a sum over
// rows, of which some have many users, some join what is apart.
func withoutRows(t *testing.T, dt DType, seed uint64) (*Params, *Program) {
	t.Helper()
	old := strandWork
	strandWork = 1
	defer func() { strandWork = old }()
	rng := rand.New(rand.NewPCG(seed, 5))
	p := NewParams(dt, seed)
	g := New(p, Train)
	grow := func(pool []Expr, steps int) []Expr {
		reach := 1 + rng.IntN(len(pool)+10)
		for range steps {
			pick := func() Expr { return pool[max(0, len(pool)-1-rng.IntN(reach))] }
			e := pick()
			switch rng.IntN(5) {
			case 0:
				e = e.Tanh()
			case 1:
				e = e.Mul(pick())
			case 2:
				e = e.Add(pick()).Scale(0.5)
			case 3:
				e = e.Linear(pick(), Expr{}).Sigmoid()
			case 4:
				e = pool[rng.IntN(3)].Sub(e)
			}
			pool = append(pool, e)
		}
		return pool
	}
	var leaves []Expr
	for i := range 3 {
		leaves = append(leaves, g.Use(p.New(fmt.Sprint("w", i), 6, 6, FanIn(1))))
	}
	x := g.Rows("x", 6)
	first := grow(leaves, 5+rng.IntN(40))
	total := x.Linear(first[len(first)-1], Expr{}).Square().SumRows()
	second := grow([]Expr{leaves[2].Mul(total).Tanh(), leaves[0].Mul(total), leaves[1].Add(total)}, 5+rng.IntN(40))
	g.Output("value", second[len(second)-1].Tanh())
	loss := x.Mul(total.Tanh()).SumCols().SumRows().Add(second[len(second)-2].Tanh().SumCols().SumRows())
	g.Output("loss", loss)
	g.Minimize(loss)
	prog, err := g.Compile()
	require.NoError(t, err)
	return p, prog
}

// Strands have each step once, after what it reads, and results do not depend on who does which.
func TestStrands(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const rows = 200
	some, waiting := 0, 0
	for seed := range uint64(40) {
		dt := []DType{Float32, Float64}[seed%2]
		p, prog := withoutRows(t, dt, seed)
		for _, stage := range allStages(prog) {
			some += len(stage)
			waiting += checkStrands(t, stage)
		}
		r := prog.NewRun()
		require.NoError(t, r.Bind("x", Rows{Float64: numbers(6*rows, seed)}))
		evaluate := func() ([]float64, []float64) {
			p.Changed()
			require.NoError(t, r.Do(context.Background(), rows))
			value, err := r.Value("value")
			require.NoError(t, err)
			return append(value, r.Number("loss")), gradients(p)
		}
		want, grads := evaluate()
		runtime.GOMAXPROCS(8)
		for range 4 {
			again, same := evaluate()
			require.Equal(t, want, again, seed)
			require.Equal(t, grads, same, seed)
		}
		runtime.GOMAXPROCS(1)
	}
	require.Greater(t, some, 400)
	require.Greater(t, waiting, 200)
}

// strandSteps is what a strand does, and the strands that it waits for.
type strandSteps struct {
	steps []*value
	after []int
}

// allStages lists the strands of each stage that has any.
func allStages(p *Program) (all [][]strandSteps) {
	switch m := p.machine.(type) {
	case *program[float32]:
		all = stagesOf(m)
	case *program[float64]:
		all = stagesOf(m)
	}
	return all
}

func stagesOf[T float](p *program[T]) (all [][]strandSteps) {
	for _, s := range p.stages {
		var stage []strandSteps
		n := 0
		for _, x := range s.strands {
			var steps []*value
			for _, f := range x.steps {
				steps = append(steps, f.v)
			}
			n += len(steps)
			stage = append(stage, strandSteps{steps, x.after})
		}
		if stage != nil {
			if n != len(s.flat) {
				panic(fmt.Sprintf("%d of %d steps are in strands", n, len(s.flat)))
			}
			all = append(all, stage)
		}
	}
	return all
}

// checkStrands asks that what a step reads is before it, in its strand or in one that its
// strand is after, and counts how often the latter.
func checkStrands(t *testing.T, stage []strandSteps) (waiting int) {
	t.Helper()
	strand, place := map[*value]int{}, map[*value]int{}
	for i, s := range stage {
		require.NotEmpty(t, s.steps)
		for j, v := range s.steps {
			require.NotContains(t, strand, v)
			strand[v], place[v] = i, j
		}
		for _, a := range s.after {
			require.Less(t, a, i)
		}
	}
	for v, i := range strand {
		for _, a := range v.in {
			j, here := strand[a]
			switch {
			case !here:
			case i == j:
				require.Less(t, place[a], place[v])
			default:
				require.True(t, slices.Contains(stage[i].after, j))
				waiting++
			}
		}
	}
	return waiting
}
