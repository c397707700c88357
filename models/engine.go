package models

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
)

// engine is a compiled program and its idle run states, at most one for each core.
type engine struct {
	prog *graph.Program
	idle chan *state
}

// maxEngines is how many engines a model keeps: there is one for each temperature of
// samples, of which a caller may have any number.
const maxEngines = 16

// chunk is how many rows are standardised and run at a time.
const chunk = 4096

// state is one goroutine's run and buffers.
type state struct {
	run  *graph.Run
	x, c []float64
	out  [2][]float64
}

// task is what an engine is for: "log prob", "inverse", "score" or "sample", and how
// the latter is to be.
type task struct {
	name        string
	temperature float64
	logProb     bool
}

// build makes the outputs of the task.
func (m *Model) build(t task, g *graph.Graph, x, c graph.Expr) {
	switch {
	case t.name == "log prob":
		g.Output("logprob", m.flow.LogProb(x, c))
	case t.name == "inverse":
		u, _ := m.flow.Inverse(x, c)
		g.Output("u", u)
	case t.name == "score":
		lp := m.flow.LogProb(x, c)
		g.Output("logprob", lp)
		g.Output("score", graph.VJP(lp, lp.Zeros(1).Shift(1), x)[0])
	case t.logProb:
		y, lp := m.flow.SampleLogProb(g, c, t.temperature)
		g.Output("x", y)
		g.Output("logprob", lp)
	default:
		g.Output("x", m.flow.Sample(g, c, t.temperature))
	}
}

// engine returns the engine of a task, compiled at its first or if it was not kept.
func (m *Model) engine(t task) (*engine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.engines[t]; ok {
		return e, nil
	}
	g := graph.New(m.params, graph.Eval)
	x := g.Rows("x", m.spec.Dim)
	var c graph.Expr
	if m.spec.Context > 0 {
		c = g.Rows("context", m.spec.Context)
	}
	m.build(t, g, x, c)
	prog, err := g.Compile()
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", t.name, err)
	}
	e := &engine{prog: prog, idle: make(chan *state, runtime.GOMAXPROCS(0))}
	for old := range m.engines { // any one, which those who have it may still use
		if len(m.engines) < maxEngines {
			break
		}
		delete(m.engines, old)
	}
	m.engines[t] = e
	return e, nil
}

func (e *engine) get(m *Model) *state {
	select {
	case s := <-e.idle:
		return s
	default:
	}
	return &state{run: e.prog.NewRun(), x: make([]float64, chunk*m.spec.Dim), c: make([]float64, chunk*m.spec.Context)}
}

// put keeps a run state for the next call, if there is room.
func (e *engine) put(s *state) {
	select {
	case e.idle <- s:
	default:
	}
}

// buffer returns output buffer i for cols columns of a chunk.
func (s *state) buffer(i, cols int) []float64 {
	if len(s.out[i]) < chunk*cols {
		s.out[i] = make([]float64, chunk*cols)
	}
	return s.out[i]
}

// ErrContext says that a context is missing, or given where there is none.
var ErrContext = errors.New("context")

// rowsIn is the number of rows of x, 0 for nil.
func rowsIn(x mat.Matrix) int {
	if isNil(x) {
		return 0
	}
	rows, _ := x.Dims()
	return rows
}

// isNil reports whether no matrix is given, nor one behind a nil pointer.
func isNil(x mat.Matrix) bool {
	d, ok := x.(*mat.Dense)
	return x == nil || ok && d == nil
}

// check verifies shapes and finiteness of what is scored.
func (m *Model) check(task string, x, c mat.Matrix) error {
	if isNil(x) {
		return fmt.Errorf("models: %s: no rows are given", task)
	}
	rows, cols := x.Dims()
	if cols != m.spec.Dim {
		return fmt.Errorf("models: %s: %d columns, the model has %d", task, cols, m.spec.Dim)
	}
	if err := holds(task, x, m.cols); err != nil {
		return err
	}
	return m.checkContext(task, c, rows)
}

// checkContext is check for the context of so many rows.
func (m *Model) checkContext(task string, c mat.Matrix, rows int) error {
	want := len(m.ctx)
	switch {
	case want == 0 && c != nil:
		return fmt.Errorf("models: %s: %w given, the model has none", task, ErrContext)
	case want == 0:
		return nil
	case c == nil:
		return fmt.Errorf("models: %s: %w missing: the model is conditioned on %d columns", task, ErrContext, want)
	}
	r, k := c.Dims()
	if k != want || r != rows {
		return fmt.Errorf("models: %s: %w of (%d, %d), want (%d, %d)", task, ErrContext, r, k, rows, want)
	}
	return holds(task, c, m.ctx)
}

// pass is what a program is run over: the rows of x and c, at these places in the cells
// of discrete columns, or rows of noise of this seed; and which outputs it gives.
type pass struct {
	x, c        mat.Matrix
	rows        int
	places      []float64
	seed, first uint64
	draw        uint64 // of noise in evaluating densities
	outs        []string
	widths      []int
}

// stream runs the engine in chunks of rows; done receives each chunk.
func (m *Model) stream(e *engine, p pass, done func(lo, hi int, out [2][]float64)) error {
	s := e.get(m)
	defer e.put(s)
	for i, o := range p.outs {
		if err := s.run.Into(o, graph.Rows{Float64: s.buffer(i, p.widths[i])}); err != nil {
			return err
		}
	}
	for lo := 0; lo < p.rows; lo += chunk {
		hi := min(lo+chunk, p.rows)
		if err := m.load(s, p.x, p.c, lo, hi, p.places); err != nil {
			return err
		}
		s.run.Seed, s.run.Step, s.run.FirstRow = p.seed, p.draw, p.first+uint64(lo)
		if err := s.run.Do(background, hi-lo); err != nil {
			return err
		}
		done(lo, hi, s.out)
	}
	return nil
}

// load standardises rows lo … hi, at these places in cells, and binds them.
func (m *Model) load(s *state, x, c mat.Matrix, lo, hi int, places []float64) error {
	if x != nil {
		standardise(s.x, x, lo, hi, m.cols, places)
	}
	if c != nil {
		encode(s.c, c, lo, hi, m.ctx)
	}
	if err := s.run.Bind("x", graph.Rows{Float64: s.x}); err != nil {
		return err
	}
	if m.spec.Context > 0 {
		return s.run.Bind("context", graph.Rows{Float64: s.c})
	}
	return nil
}

// background is the context of what is not cancelled.
var background = context.Background()
