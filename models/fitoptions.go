package models

import (
	"fmt"
	"math"
	"path/filepath"
	"time"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/gorgonia"
)

// Data is what a model is fitted to.
type Data struct {
	X       mat.Matrix // one row per sample
	Context mat.Matrix // as many rows, if the model has a context
	Weights []float64  // one per row, not negative; nil is equal weights
	// Names of the columns of X and Context, for messages and the model file. A model
	// made for a schema wants its names, in its order.
	Names, ContextNames []string
}

func (d Data) rows() int { return rowsIn(d.X) }

// FitOptions are the settings of a fit. The zero value fits for 100 epochs, or
// until the validation loss has not improved for 10 validations.
type FitOptions struct {
	// Epochs, Steps and Minutes end the fit, whichever comes first; 0 is no limit.
	// The learning-rate schedule is fitted to them.
	Epochs  int
	Steps   int
	Minutes float64
	Batch   int // rows a step; default 256
	// Solver updates the parameters; default Adam. The schedule and the weight
	// decay are Adam's alone: another solver keeps its own learning rate.
	Solver      gorgonia.Solver
	LearnRate   float64 // default 1e-3
	WeightDecay float64
	// Schedule of the learning rate: "cosine" (default, to zero at the end of the
	// fit), "constant", or "plateau" (halved when validation has not improved for
	// Patience/2 validations).
	Schedule string
	WarmUp   int // steps over which the learning rate rises; default 100, negative is none
	// Clip limits the norm of all gradients together; default 5, negative never.
	Clip float64
	// EMA is the decay of a moving average of the weights, which is then what is
	// validated and kept; 0 is none, 0.999 is usual. At step t it is at most
	// (1+t)/(10+t), so that the average forgets the initial weights.
	EMA float64
	// Valid is the data on which the fit is judged; if it has no rows, ValidFraction
	// of the rows, default 0.1, is set aside. Negative is none: the last weights
	// are kept.
	Valid         Data
	ValidFraction float64
	// ValidEvery is the number of steps between validations; default an epoch, but
	// 50 to 1000.
	ValidEvery int
	// Patience is how many validations without improvement end the fit; default 10
	// if neither Steps nor Minutes is given, else never. Negative is never.
	Patience int
	Seed     uint64
	// Dequantise adds uniform noise to columns of few distinct values that have a
	// density by their kind, instead of refusing them.
	Dequantise bool
	// Checkpoint is a file from which a fit that was stopped goes on, written every
	// CheckpointSteps (default 500, negative never) and when the fit ends.
	Checkpoint      string
	CheckpointSteps int
	// Best is a model file for the best weights so far, which are then there and not in
	// memory too. It is written when they get better, for the first time before the first
	// step, without waiting for the disk, and stays when the fit ends.
	Best string
	// Resume goes on from Checkpoint; it must exist and be of the same data and
	// settings.
	Resume bool
	// Begin, if set, is called once, when the data and the options are found good and
	// before anything is written; its error ends the fit.
	Begin func() error
	// Progress, if set, is called after each step.
	Progress func(Progress)
}

// Progress is the state of a fit after a step.
type Progress struct {
	Step, Steps int // Steps is 0 if unknown
	Epoch       int
	Train       float64 // NLL of the batch, nats per row in the units of the data
	Valid       float64 // last validation NLL, NaN before the first
	BestValid   float64
	// Validated says that Valid is new. If the fit was stopped in a validation, that is told
	// with the next step; if there is none, in the report alone.
	Validated     bool
	GradNorm      float64
	LearnRate     float64
	RowsPerSecond float64
	Left          time.Duration // estimated; negative if unknown
}

// Report is what a fit came to.
type Report struct {
	Steps, Epochs int
	Train         float64 // NLL of the last epoch's batches, running mean
	// Valid is the NLL of the weights that were kept, NaN before the first validation or
	// without any. Rows with
	// discrete columns are taken at one random place in their cells each, and a lower
	// bound ([Model.Bound]) at one draw of noise.
	Valid         float64
	BestStep      int
	Rows          int
	RowsPerSecond float64
	Seconds       float64
	Rewinds       int
	// Stopped says why: "epochs", "steps", "time", "patience", "interrupted",
	// "diverged".
	Stopped string
}

func (o FitOptions) complete(rows int) (FitOptions, error) {
	bad := func(what string, v any, want string) error {
		return fmt.Errorf("models: fit: %s %v: want %s", what, v, want)
	}
	switch {
	case o.Epochs < 0 || o.Steps < 0 || !(o.Minutes >= 0) || math.IsInf(o.Minutes, 0):
		return o, bad("epochs, steps, minutes", fmt.Sprint(o.Epochs, ", ", o.Steps, ", ", o.Minutes), "none negative, all finite")
	case o.Batch < 0:
		return o, bad("batch", o.Batch, "a positive number of rows")
	case !(o.LearnRate >= 0) || math.IsInf(o.LearnRate, 0):
		return o, bad("learning rate", o.LearnRate, "a positive number")
	case !(o.WeightDecay >= 0) || math.IsInf(o.WeightDecay, 0):
		return o, bad("weight decay", o.WeightDecay, "a number, 0 or more")
	case !finiteNumber(o.Clip):
		return o, bad("clip", o.Clip, "a number, negative for never")
	case !(o.EMA >= 0 && o.EMA < 1):
		return o, bad("ema", o.EMA, "0 ≤ decay < 1")
	case o.ValidFraction >= 1 || math.IsNaN(o.ValidFraction):
		return o, bad("validation fraction", o.ValidFraction, "less than 1")
	case o.Resume && o.Checkpoint == "":
		return o, bad("checkpoint", `""`, "the file to resume from")
	case o.Best != "" && filepath.Clean(o.Best) == filepath.Clean(o.Checkpoint):
		return o, bad("best weights and checkpoint in", o.Best, "a file for each")
	}
	if o.Schedule == "" {
		o.Schedule = "cosine"
	}
	if o.Schedule != "cosine" && o.Schedule != "constant" && o.Schedule != "plateau" {
		return o, bad("schedule", fmt.Sprintf("%q", o.Schedule), "cosine, constant or plateau")
	}
	if o.Patience == 0 {
		o.Patience = -1
		if o.Steps == 0 && o.Minutes == 0 {
			o.Patience = 10
		}
	}
	if o.Epochs == 0 && o.Steps == 0 && o.Minutes == 0 {
		o.Epochs = 100
	}
	if o.Batch == 0 {
		o.Batch = 256
	}
	o.Batch = min(o.Batch, rows)
	if o.LearnRate == 0 {
		o.LearnRate = 1e-3
	}
	if o.WarmUp == 0 {
		o.WarmUp = 100
	}
	if o.Clip == 0 {
		o.Clip = 5
	}
	if o.ValidEvery <= 0 {
		o.ValidEvery = min(max((rows+o.Batch-1)/o.Batch, 50), 1000)
	}
	if o.CheckpointSteps == 0 {
		o.CheckpointSteps = 500
	}
	return o, nil
}
