package models

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gorgeflow/gorge/graph"
)

// Why a fit stopped that can go on. In validation, it goes on with that validation; users
// are told that it was interrupted.
const (
	interrupted  = "interrupted"
	inValidation = "interrupted in validation"
)

// loop takes steps until something ends the fit.
func (f *fit) loop() error {
	f.start = time.Now().Add(-time.Duration(f.s.Elapsed * float64(time.Second)))
	validated := f.s.Done == inValidation // which is told with the next step
	if validated {
		f.s.Done = ""
		if err := f.judge(true); err != nil {
			return err
		}
	}
	for f.s.Done == "" || f.s.Done == interrupted {
		f.s.Done = ""
		if f.finished() {
			break
		}
		loss, norm, rate, n, err := f.step()
		if err != nil && f.ctx.Err() != nil { // a step that was taken counts
			f.s.Done = interrupted
			break
		}
		if err != nil {
			return err
		}
		if !finiteNumber(loss) || !finiteNumber(norm) {
			if err := f.rewind(n, loss); err != nil {
				return err
			}
			continue
		}
		f.advance(n, loss)
		due := f.valid != nil && (f.s.Step%f.opts.ValidEvery == 0 || f.ending())
		if err := f.judge(due); err != nil {
			return err
		}
		f.tell(loss, norm, rate, validated || due && f.s.Done == "")
		validated = false
		if f.s.Done == "" && f.opts.Checkpoint != "" && f.opts.CheckpointSteps > 0 && f.s.Step%f.opts.CheckpointSteps == 0 {
			if err := f.save(f.opts.Checkpoint); err != nil {
				return err
			}
		}
	}
	f.s.Elapsed = time.Since(f.start).Seconds()
	return nil
}

// judge validates the weights after a step, if that is due, and keeps the best so far: by
// the loss of the training batches until there is one of validation. Where the validation
// is cut short, nothing is kept.
func (f *fit) judge(due bool) error {
	if due {
		err := f.validate()
		if err != nil && errors.Is(err, f.ctx.Err()) {
			f.s.Done = inValidation
			return nil
		}
		if err != nil {
			return err
		}
	}
	if f.s.Step%keepSteps == 0 && f.s.Best == math.Inf(1) && !(f.s.Train > f.kept.at.Train) {
		return f.kept.keep(f.s)
	}
	return nil
}

func finiteNumber(v float64) bool { return v-v == 0 }

// step evaluates a batch and updates the parameters if all is finite.
func (f *fit) step() (loss, norm, rate float64, n int, err error) {
	if n, err = f.batch(); err != nil {
		return
	}
	f.run.Step = uint64(f.s.Step)
	if err = f.run.Do(f.ctx, n); err != nil {
		if f.ctx.Err() == nil {
			err = fmt.Errorf("models: fit: %w", err)
		}
		return
	}
	loss = f.run.Number("loss")
	norm = f.gradNorm()
	rate = f.rate()
	if !finiteNumber(loss) || !finiteNumber(norm) {
		return
	}
	scale := 1.0
	if f.opts.Clip > 0 && norm > f.opts.Clip {
		scale = f.opts.Clip / norm
	}
	if f.adam != nil {
		f.adam.LearnRate, f.adam.clip, f.adam.share = rate, scale, 1-f.decay()
	} else if scale != 1 {
		f.scaleGrads(scale)
	}
	if err = f.opts.Solver.Step(f.grads); err != nil {
		err = fmt.Errorf("models: fit: solver: %w", err)
		return
	}
	if f.adam != nil {
		f.m.params.Changed() // Adam keeps the limit itself
	} else {
		f.m.params.Clip()
	}
	if f.ema != nil {
		f.ema.average(f.decay(), f.adam != nil)
	}
	// What the batch lost, as a mean over its rows.
	sum := 0.0
	for _, w := range f.weights[:n] {
		sum += w
	}
	if sum > 0 {
		loss /= sum
	}
	return
}

// gradNorm is the norm of all gradients: sums of pieces, added in order.
func (f *fit) gradNorm() float64 {
	if f.norms == nil {
		var pieces []graph.Elements
		for _, p := range f.params {
			_, g := p.Elements()
			for at := 0; at < g.Len(); at += pieceSize {
				pieces = append(pieces, g.Slice(at, min(at+pieceSize, g.Len())))
			}
		}
		f.norms = make([]float64, len(pieces))
		f.normTask.Task = func(i int) { f.norms[i] = pieces[i].SumSquares() }
	}
	f.normTask.Do(len(f.norms))
	ss := 0.0
	for _, v := range f.norms {
		ss += v
	}
	return math.Sqrt(ss)
}

func (f *fit) scaleGrads(a float64) {
	for _, p := range f.params {
		_, g := p.Elements()
		for i := range g.F32 {
			g.F32[i] *= float32(a)
		}
		for i := range g.F64 {
			g.F64[i] *= a
		}
	}
}

// done is the part of the fit that lies behind, by steps or by time.
func (f *fit) done() float64 {
	d := 0.0
	if f.totalSteps > 0 {
		d = float64(f.s.Step) / float64(f.totalSteps)
	}
	if f.opts.Minutes > 0 {
		d = max(d, f.s.Elapsed/(60*f.opts.Minutes))
	}
	return min(d, 1)
}

func (f *fit) rate() float64 {
	r := f.opts.LearnRate * f.s.LRScale
	if f.opts.Schedule == "cosine" {
		r *= 0.5 * (1 + math.Cos(math.Pi*f.done()))
	}
	if n := f.s.Step - f.s.Fresh; n < f.opts.WarmUp {
		r *= float64(n+1) / float64(f.opts.WarmUp)
	}
	return r
}

// decay is that of the averaged weights: the initial ones would weigh 0.999^4000, a
// fiftieth, after 4,000 steps, so it is less while there are few steps to average.
func (f *fit) decay() float64 {
	t := float64(f.s.Step - f.s.Fresh)
	return min(f.opts.EMA, (1+t)/(10+t))
}

// advance counts a step over n rows.
func (f *fit) advance(n int, loss float64) {
	f.s.Elapsed = time.Since(f.start).Seconds()
	if math.IsNaN(f.s.Train) {
		f.s.Train = loss
	}
	f.s.Train += (loss - f.s.Train) * min(1, 1/float64(min(f.perEpoch, 100)))
	f.s.Step++
	f.s.Rows += n
	f.s.Pos += n
	if f.s.Pos >= f.train.rows {
		f.s.Pos = 0
		f.s.Epoch++
	}
}

// ending reports whether this was the last step.
func (f *fit) ending() bool {
	return f.totalSteps > 0 && f.s.Step >= f.totalSteps || f.opts.Minutes > 0 && f.s.Elapsed >= 60*f.opts.Minutes
}

func (f *fit) finished() bool {
	switch {
	case f.ctx.Err() != nil:
		f.s.Done = interrupted
	case f.opts.Epochs > 0 && f.s.Epoch >= f.opts.Epochs:
		f.s.Done = "epochs"
	case f.totalSteps > 0 && f.s.Step >= f.totalSteps:
		f.s.Done = "steps"
	case f.opts.Minutes > 0 && f.s.Elapsed >= 60*f.opts.Minutes:
		f.s.Done = "time"
	case f.opts.Patience > 0 && f.s.Bad >= f.opts.Patience:
		f.s.Done = "patience"
	}
	return f.s.Done != ""
}

// rewind goes back to the best weights so far, with half the learning rate, and
// warms up anew.
func (f *fit) rewind(n int, loss float64) error {
	where := f.run.Diagnose(n)
	if where == "" {
		where = "the gradients"
	}
	if err := f.kept.put(); err != nil {
		return err
	}
	if f.ema != nil {
		f.ema.take()
	}
	if f.adam != nil {
		f.adam.forget()
	}
	step, s := f.s.Step, f.s
	if step-f.kept.at.Step <= maxBack {
		s = f.kept.at
	}
	s.Rewinds, s.LRScale, s.Elapsed, s.Fresh = f.s.Rewinds+1, f.s.LRScale/2, f.s.Elapsed, s.Step
	f.s = s
	if s.Rewinds > maxRewinds {
		f.s.Done = "diverged"
		return fmt.Errorf("models: fit: %w at step %d, %d rewinds did not help: loss %v, first not finite: %s; try a smaller learning rate", ErrDiverged, step, maxRewinds, loss, where)
	}
	return nil
}

// validate measures the mean NLL of the validation rows, weighted, with the
// averaged weights if there are such, and keeps the best.
func (f *fit) validate() error {
	if f.ema != nil {
		f.ema.exchange()
		defer f.ema.exchange()
	}
	nll, err := f.mean(f.valid)
	if err != nil {
		return err
	}
	f.s.Valid = nll
	f.s.SinceDrop++
	if nll < f.s.Best {
		f.s.Best, f.s.BestStep, f.s.Bad, f.s.SinceDrop = nll, f.s.Step, 0, 0
		return f.kept.keep(f.s)
	}
	f.s.Bad++
	if f.opts.Schedule == "plateau" && f.s.SinceDrop >= max(f.opts.Patience/2, 3) {
		f.s.LRScale /= 2
		f.s.SinceDrop = 0
	}
	return nil
}

// mean is the weighted mean NLL of a table, standardised.
func (f *fit) mean(t *table) (float64, error) {
	if f.evalOut == nil {
		f.evalOut = make([]float64, t.rows)
	}
	if err := f.bind(f.eval, t, nil); err != nil {
		return 0, err
	}
	if err := f.eval.Into("logprob", graph.Rows{Float64: f.evalOut}); err != nil {
		return 0, err
	}
	if err := f.eval.Do(f.ctx, t.rows); err != nil {
		return 0, fmt.Errorf("models: fit: validation: %w", err)
	}
	sum := 0.0
	for i, lp := range f.evalOut[:t.rows] {
		if w := t.weight(i); w > 0 {
			sum -= w * lp
		}
	}
	if !finiteNumber(sum) {
		return math.Inf(1), nil
	}
	return sum / t.sumW, nil
}

func (f *fit) tell(loss, norm, rate float64, validated bool) {
	if f.opts.Progress == nil {
		return
	}
	left := time.Duration(-1)
	if d := f.done(); d > 0 {
		left = time.Duration(f.s.Elapsed * (1 - d) / d * float64(time.Second))
	}
	f.opts.Progress(Progress{
		Step: f.s.Step, Steps: f.totalSteps, Epoch: f.s.Epoch, Train: loss + f.train.shift, Valid: f.s.Valid + f.validShift(),
		BestValid: f.s.Best + f.validShift(), Validated: validated, GradNorm: norm, LearnRate: rate,
		RowsPerSecond: float64(f.s.Rows) / max(f.s.Elapsed, 1e-9), Left: left,
	})
}

// validShift brings a validation loss to the user's units.
func (f *fit) validShift() float64 {
	if f.valid == nil {
		return 0
	}
	return f.valid.shift
}

// finish leaves the best weights in the model; without validation, the last.
func (f *fit) finish() error {
	switch {
	case f.s.Best < math.Inf(1) || f.s.Done == "diverged":
		return f.kept.put()
	case f.ema != nil:
		f.ema.put()
	}
	return nil
}

func (f *fit) report() *Report {
	r := &Report{
		Steps: f.s.Step, Epochs: f.s.Epoch, Train: f.s.Train + f.train.shift, Valid: math.NaN(), BestStep: f.s.BestStep, Rows: f.train.rows,
		Seconds: f.s.Elapsed, Rewinds: f.s.Rewinds, Stopped: f.s.Done, RowsPerSecond: float64(f.s.Rows) / max(f.s.Elapsed, 1e-9),
	}
	if r.Stopped == inValidation {
		r.Stopped = interrupted
	}
	if f.valid != nil && !math.IsNaN(f.s.Valid) {
		r.Valid = f.s.Best + f.validShift()
	}
	return r
}
