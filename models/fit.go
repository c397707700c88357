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

// snapshotSteps is how far at most it goes back.
const snapshotSteps = 50

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
	snapshot *memory
	snapAt   progress
	best     *memory
	ema      *memory
	swap     *memory

	resumedSnapshot bool
}

// progress is the part of a fit's state that is a few numbers.
type progress struct {
	Step, Epoch, Pos       int
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
// with the best weights so far; Report.Stopped tells. After an error other than
// ErrDiverged the model is as it was before.
func (m *Model) Fit(ctx context.Context, data Data, opts FitOptions) (*Report, error) {
	f := &fit{m: m, ctx: ctx}
	cols, before := m.columns, newMemory(m.params.All())
	before.take(m.params.All())
	report, err := f.whole(data, opts)
	if report == nil {
		m.columns = cols
		before.put(m.params.All())
	}
	return report, err
}

// whole is the fit from end to end; without a report it failed.
func (f *fit) whole(data Data, opts FitOptions) (*Report, error) {
	if err := f.prepare(data, opts); err != nil {
		return nil, err
	}
	if f.opts.Resume {
		if err := f.load(f.opts.Checkpoint); err != nil {
			return nil, err
		}
	} else if err := f.warmStart(); err != nil {
		return nil, err
	}
	err := f.loop()
	if err != nil && !errors.Is(err, ErrDiverged) {
		return nil, err
	}
	if f.opts.Checkpoint != "" {
		if err := f.save(f.opts.Checkpoint); err != nil {
			return nil, err
		}
	}
	f.keepBest()
	return f.report(), err
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
	if err == nil && f.train.c != nil {
		err = f.run.Bind("context", graph.Rows{Float64: f.train.c, Index: f.index})
	}
	return n, err
}
