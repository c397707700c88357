package graph

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/gorgeflow/gorge/graph/internal/kernel"
	"github.com/gorgeflow/gorge/graph/internal/largepage"
)

// Rows is a block of the caller's memory with one row per sample, row by row.
// One of Float32 and Float64 is set, whatever the element type of the program.
// With Index, row i of the run is row Index[i] of the block.
type Rows struct {
	Float32 []float32
	Float64 []float64
	Index   []int
}

// Run is the state of one evaluation at a time of a Program. It is not safe for
// concurrent use; a program may have many.
type Run struct {
	// Seed, Step and FirstRow choose the noise: each entry is a function of them,
	// of the row's number (FirstRow + its place in the run) and of its column.
	Seed, Step uint64
	FirstRow   uint64

	p *Program
	r runner
}

type runner interface {
	bind(name string, rows Rows) error
	into(name string, rows Rows) error
	run(ctx context.Context, rows int, seed, step, first uint64) error
	flatOutput(name string) ([]float64, error)
	number(name string) float64
	diagnose(rows int, seed, step, first uint64) string
	profile(ctx context.Context, rows, repeats int, seed, step, first uint64) (Profile, error)
}

// NewRun returns a fresh run state. Memory is taken at the first run.
func (p *Program) NewRun() *Run { return &Run{p: p, r: p.machine.newRun()} }

// Bind gives the rows of an input, to be read by the next runs.
func (r *Run) Bind(input string, rows Rows) error { return r.r.bind(input, rows) }

// Into says where the rows of an output are to be written by the next runs.
func (r *Run) Into(output string, rows Rows) error { return r.r.into(output, rows) }

// Do evaluates the program on n rows. Outputs with rows are written where Into
// said; parameters named by Assign and gradients asked for by Minimize are set.
// A cancelled context ends it between shards, with nothing assigned.
func (r *Run) Do(ctx context.Context, n int) error {
	return r.r.run(ctx, n, r.Seed, r.Step, r.FirstRow)
}

// Value returns an output without rows, row by row.
func (r *Run) Value(output string) ([]float64, error) { return r.r.flatOutput(output) }

// Number returns an output of one element, NaN if there is none of that name.
func (r *Run) Number(output string) float64 {
	return r.r.number(output)
}

// Diagnose repeats the last run step by step and names the first step whose
// result is not finite: its layer, operation and line. It is empty if there is
// none.
func (r *Run) Diagnose(n int) string { return r.r.diagnose(n, r.Seed, r.Step, r.FirstRow) }

type run[T float] struct {
	pr        *program[T]
	epilogue  []T
	turns     []atomic.Int64 // of each part of a sum: how many shards it has
	kept      []T
	keptStep  int
	workers   []*worker[T]
	cores     int // that may work
	team      int // of workers, those for whom there is work
	inputs    []Rows
	outputs   []Rows
	scratch   []flatScratch[T] // of each core that does steps without rows
	strands   strands[T]
	rows      int
	shards    int
	shardRows int
	seed      uint64
	step      uint64
	first     uint64
	job       job
	lane      *lane[T]
	timing    map[*value]*StepTime // while profiling
	check     func(v *value, w *worker[T]) bool
	halted    bool // by check
	ctx       context.Context
	now       *stage[T]

	finished atomic.Int64 // shards of the stage
	waiting  atomic.Int64 // workers that would help

	unsolved   atomic.Int64 // elements of numeric inverses without a solution
	unsolvedAt atomic.Pointer[value]
}

// worker is one core's tile.
type worker[T float] struct {
	r       *run[T]
	body    []T // taken by those that may have a shard
	scratch []T
	line    [3][]T
	shard   int
	part    int // of the sum being added to
	outer   kernel.OuterSum[T]
	n       int // rows of the shard
	panels  int
	first   int // panel of the shard, if it works on some of them
	knots   knots
	solvers []*solver[T]
	offer   offer[T]
	away    *worker[T] // itself at the tile of another
}

func (pr *program[T]) newRun() runner {
	return &run[T]{pr: pr, inputs: make([]Rows, len(pr.inputs)), outputs: make([]Rows, len(pr.plan.g.outputs)),
		scratch: []flatScratch[T]{pr.newFlatScratch()}, turns: make([]atomic.Int64, pr.plan.sums)}
}

func (r *run[T]) bind(name string, rows Rows) error {
	for i, v := range r.pr.inputs {
		if v.leaf.kind == dataInput && v.leaf.name == name {
			r.inputs[i] = rows
			return nil
		}
	}
	for _, in := range r.pr.plan.g.inputs {
		if in.kind == dataInput && in.name == name {
			return nil // pruned: nothing reads it
		}
	}
	return fmt.Errorf("graph: no input %q", name)
}

func (r *run[T]) into(name string, rows Rows) error {
	for i, o := range r.pr.plan.g.outputs {
		if o.name == name {
			if !o.e.HasRows() {
				return fmt.Errorf("graph: output %q has no rows: read it with Value", name)
			}
			r.outputs[i] = rows
			return nil
		}
	}
	return fmt.Errorf("graph: no output %q", name)
}

func (r *run[T]) flatOutput(name string) ([]float64, error) {
	flat, err := r.flatValue(name)
	var out []float64
	for _, x := range flat {
		out = append(out, float64(x))
	}
	return out, err
}

func (r *run[T]) number(name string) float64 {
	flat, err := r.flatValue(name)
	if err != nil || len(flat) != 1 {
		return math.NaN()
	}
	return float64(flat[0])
}

// flatValue is the memory of an output without rows.
func (r *run[T]) flatValue(name string) ([]T, error) {
	for _, v := range r.pr.plan.values {
		for _, o := range v.outs {
			if r.pr.plan.g.outputs[o].name != name || v.body {
				continue
			}
			if r.epilogue == nil {
				return nil, fmt.Errorf("graph: output %q: the program has not run", name)
			}
			return r.pr.ref(v).get(r), nil
		}
	}
	return nil, fmt.Errorf("graph: no output %q without rows", name)
}

// prepare checks that every input is there and takes memory.
func (r *run[T]) prepare(rows int) error {
	if rows < 0 {
		return fmt.Errorf("graph: run: %d rows", rows)
	}
	for i, v := range r.pr.inputs {
		if v.leaf.kind != dataInput {
			continue
		}
		if err := checkRows(r.inputs[i], rows, v.d.c); err != nil {
			return fmt.Errorf("graph: run: input %q: %w", v.leaf.name, err)
		}
	}
	p := r.pr.plan
	r.cores = runtime.GOMAXPROCS(0)
	r.rows, r.shardRows = rows, p.shard(rows, r.cores)
	r.shards = (rows + r.shardRows - 1) / r.shardRows
	if r.epilogue == nil {
		r.epilogue = make([]T, p.epilogue+1)
	}
	r.keptStep = p.keepCols * r.pr.panels * kernel.PanelRows[T]()
	if need := r.keptStep * r.shards; len(r.kept) < need {
		r.kept = make([]T, need)
	}
	n, most := kernel.PanelRows[T](), r.shards
	if r.pr.shares {
		most = (rows + n - 1) / n
	}
	r.team = max(1, min(r.cores, most))
	for len(r.workers) < r.team {
		r.workers = append(r.workers, r.newWorker())
	}
	for _, w := range r.workers[:max(1, min(r.cores, r.shards))] {
		if w.body == nil {
			w.body = largepage.Make[T](p.bodyCols * r.pr.panels * n)
		}
	}
	return nil
}

// newWorker returns a worker that has no tile yet.
func (r *run[T]) newWorker() *worker[T] {
	n := kernel.PanelRows[T]()
	w := &worker[T]{r: r, scratch: make([]T, r.pr.scratch), solvers: make([]*solver[T], r.pr.solves), line: [3][]T{make([]T, n), make([]T, n), make([]T, n)}}
	if r.pr.shares {
		w.away = &worker[T]{r: r, scratch: w.scratch, line: w.line, solvers: w.solvers}
	}
	w.offer.of = w
	return w
}

func checkRows(b Rows, rows, cols int) error {
	n := len(b.Float32) + len(b.Float64)
	if b.Index == nil {
		if n < rows*cols {
			return fmt.Errorf("%d values for %d rows of %d", n, rows, cols)
		}
		return nil
	}
	if len(b.Index) < rows {
		return fmt.Errorf("%d row numbers for %d rows", len(b.Index), rows)
	}
	for _, i := range b.Index[:rows] {
		if i < 0 || (i+1)*cols > n {
			return fmt.Errorf("row %d of %d", i, n/cols)
		}
	}
	return nil
}

func (r *run[T]) run(ctx context.Context, rows int, seed, step, first uint64) error {
	if err := r.prepare(rows); err != nil {
		return err
	}
	r.seed, r.step, r.first, r.ctx = seed, step, first, ctx
	r.pr.refresh(r)
	if rows > 0 && rows <= narrowRows {
		r.pr.narrowOnce.Do(func() { r.pr.narrow = r.pr.bindNarrow() })
		if n := r.pr.narrow; n != nil && len(r.pr.assigns) == 0 {
			r.pr.mu.RLock()
			r.runNarrow(n)
			r.pr.mu.RUnlock()
			if err := r.solved(); err != nil {
				return err
			}
			return ctx.Err()
		}
	}
	r.pr.layOut(r)
	r.pr.mu.RLock()
	err := r.stages()
	r.pr.mu.RUnlock()
	if err != nil {
		return err
	}
	if err := r.solved(); err != nil {
		return err
	}
	r.assign()
	return nil
}

// asOf is the version of the parameters that something was made of.
type asOf struct {
	version uint64
	ready   bool
}

// refresh makes it anew if parameters changed since; mu guards both.
func (a *asOf) refresh(mu *sync.RWMutex, p *Params, fill func()) {
	v := p.owner.version.Load()
	mu.RLock()
	ok := a.ready && a.version == v
	mu.RUnlock()
	if ok {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	if a.ready && a.version == v {
		return
	}
	fill()
	a.version, a.ready = v, true
}

// refresh fills the prologue anew if parameters changed since.
func (pr *program[T]) refresh(r *run[T]) {
	pr.of.refresh(&pr.mu, pr.plan.g.params, func() { r.flats(&pr.stages[0]) })
}

func (r *run[T]) stages() error {
	for i := range r.pr.stages {
		s := &r.pr.stages[i]
		switch {
		case i == 0:
		case r.timing != nil:
			r.timedFlats("epilogue", s)
		default:
			r.flats(s)
		}
		if !s.needs {
			continue
		}
		r.now, r.halted = s, false
		r.beginSums(s)
		r.finished.Store(0)
		team := r.team
		if !s.shares {
			team = min(team, r.shards)
		}
		r.job.do(r, r.shards, team)
		if err := r.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// task runs one shard of a stage.
func (r *run[T]) task(i, slot int) {
	defer r.finished.Add(1)
	if r.ctx.Err() != nil || r.halted {
		return
	}
	w := r.workers[slot]
	w.shard = i
	w.n = min(r.shardRows, r.rows-w.row())
	n := kernel.PanelRows[T]()
	w.panels = (w.n + n - 1) / n
	for j := range r.now.body {
		s := &r.now.body[j]
		if !w.do(s) {
			return
		}
		if r.check != nil && r.check(s.v, w) {
			r.halted = true
			return
		}
	}
}

// row is the first row of the worker's shard.
func (w *worker[T]) row() int { return w.shard * w.r.shardRows }

// do runs a step on the worker's shard; false means that the run was cancelled.
func (w *worker[T]) do(s *bodyStep[T]) bool {
	share := s.shares && w.r.waiting.Load() > 0
	switch {
	case s.parts > 0:
		return w.addUp(s, share)
	case share && w.panels > 1:
		w.share(s)
	default:
		w.once(s)
	}
	return true
}

// addUp adds the shard to a sum, part by part.
func (w *worker[T]) addUp(s *bodyStep[T], share bool) bool {
	for w.part = range s.parts {
		if !w.await(s.v) {
			return false
		}
		w.once(s)
		w.pass(s.v)
		if share && w.part == 0 && w.hasTurns(s) {
			w.shareSum(s)
			break
		}
	}
	return true
}

// once runs a step, or a part of it.
func (w *worker[T]) once(s *bodyStep[T]) {
	if w.r.timing != nil {
		w.r.timed("body", s.v, w.n, func() { s.run(w) })
		return
	}
	s.run(w)
}

func (r *run[T]) assign() {
	changed := false
	for _, b := range r.pr.assigns {
		if from := b.from.get(r); &from[0] != &b.to[0] {
			copy(b.to, from)
		}
		changed = changed || !b.grad
	}
	if changed {
		r.pr.plan.g.params.Changed()
	}
}

// tile finds a value with rows in the worker's memory.
func (w *worker[T]) tile(v *value) kernel.Tile[T] {
	s := &v.spot
	at, from := s.at, w.body
	if s.keep {
		at, from = at+w.shard*w.r.keptStep, w.r.kept
	}
	t := kernel.Tile[T]{Data: from[at:], Stride: s.stride, ByRows: s.byRows}
	if w.first > 0 {
		t.Data, t.Whole = t.Data[w.first*t.Stride:], t.Data
	}
	return t
}

// zeroTail clears the rows of the last panel that are no data, so that sums over
// rows do not see them.
func (w *worker[T]) zeroTail(t kernel.Tile[T], cols int) {
	n := kernel.PanelRows[T]()
	used := w.n % n
	if used == 0 {
		return
	}
	p := t.Panel(w.panels-1, cols)
	if t.ByRows {
		clear(p[used*cols:])
		return
	}
	for f := range cols {
		clear(p[f*n+used : (f+1)*n])
	}
}
