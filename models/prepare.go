package models

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/graph"
)

// prepare checks the data, splits and standardises it, and compiles programs.
func (f *fit) prepare(data Data, opts FitOptions) error {
	m := f.m
	if err := checkData(m, data, "training"); err != nil {
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
	schema, err := m.fitted(data, trainRows, o.Dequantise)
	if err != nil {
		return err
	}
	if err := m.setSchema(schema); err != nil {
		return fmt.Errorf("models: fit: %w", err)
	}
	if m.spec.Dequantise == "variational" && m.made.noise == nil {
		return fmt.Errorf("models: fit: %w", errNoInteger)
	}
	f.train = f.newTable(pick(data.X, trainRows), pick(data.Context, trainRows), pickWeights(data.Weights, trainRows), nil)
	if !(f.train.sumW > 0) {
		return fmt.Errorf("models: fit: the weights of the training rows add up to %v: want more than 0", f.train.sumW)
	}
	noise := rand.New(rand.NewPCG(o.Seed, 0xce11))
	switch {
	case o.Valid.rows() > 0:
		if err := checkData(m, o.Valid, "validation"); err != nil {
			return err
		}
		if err := m.check("fit: validation", o.Valid.X, o.Valid.Context); err != nil {
			return err
		}
		f.valid = f.newTable(o.Valid.X, o.Valid.Context, o.Valid.Weights, noise)
	case len(validRows) > 0:
		f.valid = f.newTable(pick(data.X, validRows), pick(data.Context, validRows), pickWeights(data.Weights, validRows), noise)
	}
	if f.valid != nil && !(f.valid.sumW > 0) {
		f.valid = nil
	}
	return f.compile()
}

// fitted is the model's schema with names and scaling by the data, all of which is
// held against it first.
func (m *Model) fitted(data Data, trainRows []int, dequantise bool) (s Schema, err error) {
	s.Ignored = m.schema.Ignored
	if s.Columns, err = m.renamed(m.schema.Columns, data.Names, ""); err != nil {
		return s, err
	}
	if s.Context, err = m.renamed(m.schema.Context, data.ContextNames, " of the context"); err != nil {
		return s, err
	}
	if data.Names != nil || data.ContextNames != nil {
		if err := ownNames(s.Columns, s.Context); err != nil {
			return s, fmt.Errorf("models: fit: %w", err)
		}
	}
	for _, part := range []struct {
		x    mat.Matrix
		cols []Column
	}{{data.X, s.Columns}, {data.Context, s.Context}} {
		ls, err := lines(part.cols)
		if err != nil {
			return s, fmt.Errorf("models: fit: %w", err)
		}
		if part.x == nil {
			continue
		}
		if err := holds("fit", part.x, ls); err != nil {
			return s, err
		}
	}
	if m.inRadians() {
		if err := checkRadians(s.Columns, data.X); err != nil {
			return s, err
		}
	}
	if s.Columns, err = scaled(rowsOf{data.X, trainRows}, s.Columns, m.circle, dequantise); err == nil && data.Context != nil {
		err = scaledContext(rowsOf{data.Context, trainRows}, s.Context)
	}
	return s, err
}

// checkRadians checks that numbers that are taken for angles can be such.
func checkRadians(cols []Column, x mat.Matrix) error {
	rows, _ := x.Dims()
	for j := range cols {
		for i := range rows {
			if v := x.At(i, j); !(math.Abs(v) <= math.Pi*(1+1e-6)) {
				return fmt.Errorf("models: row %d, column %q: %v is no angle from -π to π in radians, which this model wants unless a schema gives the column's period", i+1, cols[j].Name, v)
			}
		}
	}
	return nil
}

func checkData(m *Model, d Data, what string) error {
	s := m.spec
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
		return fmt.Errorf("models: fit: %s data: %w: the model is conditioned on %d columns", what, ErrContext, len(m.ctx))
	}
	if d.Context != nil {
		if r, k := d.Context.Dims(); r != n || k != len(m.ctx) {
			return fmt.Errorf("models: fit: %s %w of (%d, %d), want (%d, %d)", what, ErrContext, r, k, n, len(m.ctx))
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

// compile makes the programs of a step and of validation.
func (f *fit) compile() error {
	m := f.m
	m.mu.Lock()
	m.engines = map[task]*engine{}
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
	g.RunOnce()
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
	f.train.batch = make([]float64, f.opts.Batch*m.spec.Dim)
	f.perEpoch = (f.train.rows + f.opts.Batch - 1) / f.opts.Batch
	f.totalSteps = f.opts.Steps
	if e := f.opts.Epochs * f.perEpoch; e > 0 && (f.totalSteps == 0 || e < f.totalSteps) {
		f.totalSteps = e
	}
	f.s = progress{LRScale: 1, Best: math.Inf(1), Valid: math.NaN(), Train: math.NaN()}
	return nil
}

// startRows is how many rows at most data-dependent starts see: the first of the first
// epoch.
const startRows = 4096

// warmStart runs the data-dependent starts of layers, and of the base, to which layers
// have mapped the rows.
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
	base, starts := m.flow.Base().(flows.Starter)
	if g.Assigns() == 0 && !starts {
		return g.Err()
	}
	prog, err := g.Compile()
	if err != nil {
		return fmt.Errorf("models: fit: %w", err)
	}
	run := prog.NewRun()
	index := slices.Clone(f.shuffled(0)[:min(f.train.rows, startRows)])
	if err := f.bind(run, f.train, index); err != nil {
		return err
	}
	noise := mat.NewDense(len(index), m.flow.Base().Dim(), nil)
	if err := run.Into("u", graph.Rows{Float64: noise.RawMatrix().Data}); err != nil {
		return err
	}
	if err := run.Do(background, len(index)); err != nil {
		return fmt.Errorf("models: fit: start: %w", err)
	}
	if starts {
		if err := base.Start(noise, f.contextOf(index), rand.New(rand.NewPCG(f.opts.Seed, 0x57a27))); err != nil {
			return fmt.Errorf("models: fit: %w", err)
		}
	}
	return nil
}

// contextOf is the context of training rows as networks see it, nil if there is none.
func (f *fit) contextOf(index []int) mat.Matrix {
	if f.m.spec.Context == 0 {
		return nil
	}
	out := mat.NewDense(len(index), f.m.spec.Context, nil)
	for i, row := range index {
		f.train.c.get(row, out.RawRowView(i))
	}
	return out
}

func (f *fit) bind(run *graph.Run, t *table, index []int) error {
	err := run.Bind("x", t.x.picked(index))
	if err == nil && f.m.spec.Context > 0 {
		err = run.Bind("context", t.c.picked(index))
	}
	return err
}
