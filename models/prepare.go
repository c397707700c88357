package models

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
)

// prepare checks the data, splits and standardises it, and compiles programs.
func (f *fit) prepare(data Data, opts FitOptions) error {
	m := f.m
	if err := checkData(m.spec, data, "training"); err != nil {
		return err
	}
	trainRows, validRows := splitRows(data.rows(), opts)
	o, err := opts.complete(len(trainRows))
	if err != nil {
		return err
	}
	f.opts = o
	pick := func(x mat.Matrix, rows []int) mat.Matrix {
		if x == nil {
			return nil
		}
		return rowsOf{x, rows}
	}
	kinds, err := fitKinds(data.X, data.Names, o.Kinds)
	if err != nil {
		return err
	}
	cols, err := fitColumns(pick(data.X, trainRows), data.Names, kinds, o.Dequantise, false)
	if err != nil {
		return err
	}
	if m.angles() {
		if err := asAngles(cols, data.X); err != nil {
			return err
		}
	}
	schema := Schema{Columns: cols}
	if m.spec.Context > 0 {
		if schema.Context, err = fitColumns(pick(data.Context, trainRows), data.ContextNames, nil, false, true); err != nil {
			return err
		}
	}
	m.schema = schema
	f.train = newTable(schema, pick(data.X, trainRows), pick(data.Context, trainRows), pickWeights(data.Weights, trainRows))
	if !(f.train.sumW > 0) {
		return fmt.Errorf("models: fit: the weights of the training rows add up to %v: want more than 0", f.train.sumW)
	}
	switch {
	case o.Valid.rows() > 0:
		if err := checkData(m.spec, o.Valid, "validation"); err != nil {
			return err
		}
		if err := finite("fit: validation", o.Valid.X, schema.Columns); err != nil {
			return err
		}
		f.valid = newTable(schema, o.Valid.X, o.Valid.Context, o.Valid.Weights)
	case len(validRows) > 0:
		if err := finite("fit", data.X, schema.Columns); err != nil {
			return err
		}
		f.valid = newTable(schema, pick(data.X, validRows), pick(data.Context, validRows), pickWeights(data.Weights, validRows))
	}
	if f.valid != nil && !(f.valid.sumW > 0) {
		f.valid = nil
	}
	return f.compile()
}

func checkData(s Spec, d Data, what string) error {
	n := d.rows()
	if n == 0 {
		return fmt.Errorf("models: fit: no %s rows", what)
	}
	if _, k := d.X.Dims(); k != s.Dim {
		return fmt.Errorf("models: fit: %s data of %d columns, the model has %d", what, k, s.Dim)
	}
	if n < 2 && what == "training" {
		return fmt.Errorf("models: fit: %d training row: need at least two", n)
	}
	if (s.Context > 0) != (d.Context != nil) {
		return fmt.Errorf("models: fit: %s data: %w: the model is conditioned on %d columns", what, ErrContext, s.Context)
	}
	if d.Context != nil {
		if r, k := d.Context.Dims(); r != n || k != s.Context {
			return fmt.Errorf("models: fit: %s %w of (%d, %d), want (%d, %d)", what, ErrContext, r, k, n, s.Context)
		}
	}
	if d.Weights != nil && len(d.Weights) != n {
		return fmt.Errorf("models: fit: %d weights for %d %s rows", len(d.Weights), n, what)
	}
	for i, w := range d.Weights {
		if !(w >= 0) || math.IsInf(w, 0) {
			return fmt.Errorf("models: fit: %s row %d: weight %v: want a number, not negative", what, i+1, w)
		}
	}
	return nil
}

// splitRows sets rows aside for validation, by the seed.
func splitRows(n int, opts FitOptions) (train, valid []int) {
	frac := opts.ValidFraction
	if frac == 0 {
		frac = 0.1
	}
	k := int(frac * float64(n))
	if opts.Valid.rows() > 0 || k < 1 || n-k < 2 {
		train = make([]int, n)
		for i := range train {
			train[i] = i
		}
		return train, nil
	}
	perm := rand.New(rand.NewPCG(opts.Seed, 0x5eed)).Perm(n)
	return perm[k:], perm[:k]
}

// rowsOf is some rows of a matrix.
type rowsOf struct {
	m    mat.Matrix
	rows []int
}

func (r rowsOf) Dims() (int, int)    { _, c := r.m.Dims(); return len(r.rows), c }
func (r rowsOf) At(i, j int) float64 { return r.m.At(r.rows[i], j) }
func (r rowsOf) T() mat.Matrix       { return mat.Transpose{Matrix: r} }

func pickWeights(w []float64, rows []int) []float64 {
	if w == nil {
		return nil
	}
	out := make([]float64, len(rows))
	for i, r := range rows {
		out[i] = w[r]
	}
	return out
}

func newTable(s Schema, x, c mat.Matrix, w []float64) *table {
	n, _ := x.Dims()
	t := &table{rows: n, x: make([]float64, n*len(s.Columns)), w: w, sumW: float64(n), columns: s.Columns, dim: len(s.Columns)}
	standardise(t.x, x, 0, n, s.Columns)
	for i := range n {
		wi := 1.0
		if w != nil {
			wi = w[i]
		}
		t.shift -= wi * s.logSlope(x, i)
	}
	if c != nil {
		t.c = make([]float64, n*len(s.Context))
		standardise(t.c, c, 0, n, s.Context)
	}
	if w != nil {
		t.sumW = 0
		for _, v := range w {
			t.sumW += v
		}
	}
	t.shift /= max(t.sumW, math.SmallestNonzeroFloat64)
	return t
}

func (t *table) weight(i int) float64 {
	if t.w == nil {
		return 1
	}
	return t.w[i]
}

// compile makes the programs of a step and of validation.
func (f *fit) compile() error {
	m := f.m
	m.mu.Lock()
	m.engines = map[string]*engine{}
	m.mu.Unlock()
	inputs := func(g *graph.Graph) (x, c graph.Expr) {
		x = g.Rows("x", m.spec.Dim)
		if m.spec.Context > 0 {
			c = g.Rows("context", m.spec.Context)
		}
		return x, c
	}
	g := graph.New(m.params, graph.Train)
	x, c := inputs(g)
	loss := m.flow.LogProb(x, c).Mul(g.Rows("weight", 1)).SumRows().Neg()
	g.Output("loss", loss)
	g.Minimize(loss)
	prog, err := g.Compile()
	if err != nil {
		return fmt.Errorf("models: fit: %w", err)
	}
	f.run = prog.NewRun()
	f.run.Seed = f.opts.Seed

	g = graph.New(m.params, graph.Eval)
	x, c = inputs(g)
	g.Output("logprob", m.flow.LogProb(x, c))
	if prog, err = g.Compile(); err != nil {
		return fmt.Errorf("models: fit: %w", err)
	}
	f.eval = prog.NewRun()

	f.params = m.params.Trainable()
	for _, p := range f.params {
		f.grads = append(f.grads, p)
	}
	if f.opts.Solver == nil {
		f.adam = &Adam{}
		f.opts.Solver = f.adam
	} else if a, ok := f.opts.Solver.(*Adam); ok {
		f.adam = a
	}
	if f.adam != nil {
		f.adam.WeightDecay = max(f.adam.WeightDecay, f.opts.WeightDecay)
		f.adam.defaults()
	}
	f.weights, f.index = make([]float64, f.opts.Batch), make([]int, f.opts.Batch)
	f.order = make([]int, f.train.rows)
	f.orderEpoch = -1
	f.train.noisy = make([]float64, f.opts.Batch*m.spec.Dim)
	f.perEpoch = (f.train.rows + f.opts.Batch - 1) / f.opts.Batch
	f.totalSteps = f.opts.Steps
	if e := f.opts.Epochs * f.perEpoch; e > 0 && (f.totalSteps == 0 || e < f.totalSteps) {
		f.totalSteps = e
	}
	f.s = progress{LRScale: 1, Best: math.Inf(1), Valid: math.NaN(), Train: math.NaN()}
	all := m.params.All()
	f.snapshot, f.best, f.swap = newMemory(all), newMemory(all), newMemory(all)
	f.best.take(all)
	if f.opts.EMA > 0 {
		f.ema = newMemory(all)
		f.ema.take(all)
	}
	return nil
}

// warmStart runs the data-dependent starts of layers on the first rows.
func (f *fit) warmStart() error {
	m := f.m
	g := graph.New(m.params, graph.Start)
	x := g.Rows("x", m.spec.Dim)
	var c graph.Expr
	if m.spec.Context > 0 {
		c = g.Rows("context", m.spec.Context)
	}
	u, _ := m.flow.Inverse(x, c)
	g.Output("u", u)
	if g.Assigns() == 0 {
		return g.Err()
	}
	prog, err := g.Compile()
	if err != nil {
		return fmt.Errorf("models: fit: %w", err)
	}
	run := prog.NewRun()
	if err := f.bind(run, f.train, nil); err != nil {
		return err
	}
	if err := run.Do(f.ctx, min(f.train.rows, 4096)); err != nil && f.ctx.Err() == nil {
		return fmt.Errorf("models: fit: start: %w", err)
	}
	f.best.take(m.params.All())
	if f.ema != nil {
		f.ema.take(m.params.All())
	}
	return nil
}

func (f *fit) bind(run *graph.Run, t *table, index []int) error {
	err := run.Bind("x", graph.Rows{Float64: t.x, Index: index})
	if err == nil && t.c != nil {
		err = run.Bind("context", graph.Rows{Float64: t.c, Index: index})
	}
	return err
}
