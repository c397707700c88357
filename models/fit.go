package models

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"gorgonia.org/gorgonia"

	"github.com/gorgeflow/gorge/graph"
)

// maxRewinds is how often a fit goes back to earlier weights with half the
// learning rate before it gives up.
const maxRewinds = 8

// keepSteps is how often weights are kept by the loss of the training batches,
// until there is a loss of validation.
const keepSteps = 50

// maxBack is how many steps at most are taken again. From weights older than that
// a fit goes on where it is.
const maxBack = 1000

// ErrDiverged says that the loss or a gradient stopped being finite and going
// back did not help. The model then has the best weights so far.
var ErrDiverged = errors.New("diverged")

// fit is a fit under way. What a checkpoint must hold is in progress, in the
// parameters and in the solver.
type fit struct {
	m    *Model
	opts FitOptions
	ctx  context.Context

	train, valid *table
	run          *graph.Run
	eval         *graph.Run
	evalOut      []float64
	params       []*graph.Param // trainable
	grads        []gorgonia.ValueGrad
	adam         *Adam
	norms        []float64 // of the pieces of the gradients
	normTask     graph.Parallel
	weights      []float64
	order        []int
	index        []int
	orderEpoch   int
	start        time.Time
	totalSteps   int // 0 if unknown
	perEpoch     int

	s        progress
	kept     kept
	identity string // of data and settings, for checkpoints
	ema      *memory
}

// progress is the part of a fit's state that is a few numbers.
type progress struct {
	Step, Epoch, Pos       int
	Fresh                  int // the step at which Adam began anew
	LRScale                float64
	Best                   float64
	BestStep, Bad, Rewinds int
	SinceDrop              int
	Elapsed                float64
	Train                  float64
	Valid                  float64
	Rows                   int
	Done                   string
}

// Fit standardises the columns by the training rows and maximises the
// likelihood of the data. When ctx is cancelled it ends early, without error,
// with the best weights so far; Report.Stopped tells. The model has those after an
// error, too, but for one before the first step, after which it is as it was.
func (m *Model) Fit(ctx context.Context, data Data, opts FitOptions) (*Report, error) {
	if ctx == nil {
		return nil, errors.New("models: fit: the context.Context is nil: context.Background() is one without an end")
	}
	f := &fit{m: m, ctx: ctx, kept: kept{m: m, path: opts.Best}}
	cols := m.columns
	if err := f.begin(data, opts); err != nil {
		m.columns = cols
		return nil, err
	}
	err := f.loop()
	if f.opts.Checkpoint != "" && (err == nil || errors.Is(err, ErrDiverged)) {
		if e := f.save(f.opts.Checkpoint); e != nil {
			err = e
		}
	}
	if e := f.finish(); err == nil {
		err = e
	}
	if err != nil && !errors.Is(err, ErrDiverged) {
		return nil, err
	}
	return f.report(), err
}

// begin makes everything ready for the first step, or for the next one of a fit
// that was stopped.
func (f *fit) begin(data Data, opts FitOptions) error {
	if err := f.prepare(data, opts); err != nil {
		return err
	}
	if opts.Begin != nil {
		if err := opts.Begin(); err != nil {
			return err
		}
	}
	if err := f.initial(); err != nil {
		return err
	}
	if f.adam != nil {
		f.adam.begin(f.ema.of(f.params))
	}
	return nil
}

// initial finds the weights to start with.
func (f *fit) initial() error {
	if f.opts.Resume {
		return f.load(f.opts.Checkpoint)
	}
	if err := f.warmStart(); err != nil {
		return err
	}
	if f.opts.EMA > 0 {
		f.ema = newMemory(f.m.params.All())
	}
	return f.kept.keep(f.s)
}

// shuffled returns the order of the rows in an epoch, a function of the seed.
func (f *fit) shuffled(epoch int) []int {
	if f.orderEpoch != epoch {
		for i := range f.order {
			f.order[i] = i
		}
		rng := rand.New(rand.NewPCG(f.opts.Seed, uint64(epoch)+1))
		rng.Shuffle(len(f.order), func(i, j int) { f.order[i], f.order[j] = f.order[j], f.order[i] })
		f.orderEpoch = epoch
	}
	return f.order
}

// batch binds the rows of the next step and returns their number. Weights add up
// to the part of the whole that a batch is, so that the last, smaller one of an
// epoch counts for as much as its rows.
func (f *fit) batch() (int, error) {
	order := f.shuffled(f.s.Epoch)
	n := min(f.opts.Batch, len(order)-f.s.Pos)
	mean := f.train.sumW / float64(f.train.rows)
	for i := range n {
		row := order[f.s.Pos+i]
		f.index[i] = row
		f.weights[i] = f.train.weight(row) / mean / float64(f.opts.Batch)
	}
	if err := f.run.Bind("weight", graph.Rows{Float64: f.weights}); err != nil {
		return 0, err
	}
	if len(f.train.noisy) == 0 {
		return n, f.bind(f.run, f.train, f.index)
	}
	f.train.addNoise(f.index[:n], rand.New(rand.NewPCG(f.opts.Seed^0xdec0de, uint64(f.s.Step))))
	err := f.run.Bind("x", graph.Rows{Float64: f.train.batch})
	if err == nil && f.m.spec.Context > 0 {
		err = f.run.Bind("context", f.train.c.picked(f.index))
	}
	return n, err
}
