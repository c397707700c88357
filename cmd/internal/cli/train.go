package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gorgeflow/gorge/layers"
	"github.com/gorgeflow/gorge/models"
	"github.com/gorgeflow/gorge/models/toy"
)

func trainCommand(streams IO) *cobra.Command {
	o := &trainOptions{}
	c := &cobra.Command{
		Use:   "train",
		Short: "Fit a flow to a table, or to a built-in shape",
		Long: `Fits a normalizing flow to the rows of a table and leaves in the run folder the
model, pictures, metrics and a summary with the test log-likelihood. Without
--data it fits a built-in shape: ` + strings.Join(toy.Names(), ", ") + `.
Ctrl-C ends a fit early and keeps the best model, a second one leaves out the test
rows and pictures; --resume goes on with the fit.

What columns hold is inferred, printed, and written to schema.yaml in the run folder;
--schema takes such a file, with all columns or those that are to be changed:

  price: positive
  share: {kind: bounded, lo: 0, hi: 1}
  direction: {kind: periodic, period: 360}
  month: {kind: integer, period: 12, origin: 1}
  rooms: integer
  grade: {kind: ordinal, levels: [low, middle, high]}
  colour: {kind: categorical, levels: [blue, red]}
  city: {kind: categorical, encode: context}
  altitude: real
  id: ignored

Log-likelihoods are of a density in real, positive, bounded and periodic columns, of a
probability in integer, ordinal and categorical ones. Rows with missing values are an
error unless --missing drop leaves them out.`,
		Example: `  gorge train
  gorge train --shape checkerboard --model nsf-ar
  gorge train --data rows.csv --columns a,b,5-8 --model maf --epochs 50
  gorge train --data rows.npy --test test.npy --minutes 4 --out runs/rows
  gorge train --data houses.csv --columns price --context 1-8
  gorge train --data houses.csv --schema houses.yaml --missing drop
  gorge train --data counts.csv --dequantise variational --augment 2
  gorge train --resume runs/rows`,
		Args: exactly(0, "none: the table is given by --data"),
		RunE: func(c *cobra.Command, _ []string) error {
			tidy(20)
			slack = make([]byte, slackBytes)
			if o.config != "" {
				if err := o.readConfig(c, o.config); err != nil {
					return err
				}
			}
			run := o
			if o.resume == "" {
				if err := o.checkTable(); err != nil {
					return err
				}
				if err := o.complete(c.Flags().Changed); err != nil {
					return err
				}
			} else {
				if err := resumesAlone(c); err != nil {
					return err
				}
				old, err := readOptions(o.resume)
				if err != nil {
					return err
				}
				old.Quiet, old.resume = o.Quiet, o.resume
				run = old
			}
			return train(c.Context(), run, streams)
		},
	}
	o.flags(c)
	return c
}

func train(ctx context.Context, o *trainOptions, streams IO) error {
	d, err := loadData(o, streams)
	if o.resume != "" && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: the run began with it: bring it back, or say where it is in %s", err, filepath.Join(o.resume, optionsFile))
	}
	if err != nil {
		return err
	}
	if o.Embed > 0 && len(d.schema.Context) == 0 && o.resume == "" {
		return usagef("%s %d: there is no context to embed", o.name("embed"), o.Embed)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	spec := models.Spec{Model: o.Model, Layers: o.Layers, Hidden: o.Hidden, Blocks: o.Blocks,
		Bins: o.Bins, Bound: o.Bound, Activation: layers.Activation(o.Activation), Dropout: o.Dropout, Mixing: o.Mixing, Norm: o.Norm,
		Base: o.Base, Components: o.Components, Tails: o.Tails, Embed: o.Embed, Augment: o.Augment, Dequantise: o.Dequantise, DType: o.DType, Seed: o.Seed}
	m, err := models.NewFor(d.schema, spec)
	if err != nil {
		return usageError{err}
	}
	dir := o.Out
	if dir == "" {
		dir = filepath.Join("runs", d.name)
	}
	if o.resume != "" {
		if finished(dir) {
			_, err := fmt.Fprintf(streams.Out, "%s: the run is finished; see %s\n", dir, filepath.Join(dir, "summary.json"))
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	defer unlock()
	if err := clearTemporary(dir); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if o.resume == "" {
		if err := checkFree(dir); err != nil {
			return fmt.Errorf("run folder: %w", err)
		}
	}
	return fitAndReport(ctx, o, m, d, dir, streams)
}

// beginRun makes the folder that of this run, once it is sure that there will be one.
func beginRun(dir string, o *trainOptions, d *dataset, streams IO) error {
	if o.resume != "" {
		return nil
	}
	if err := clearRun(dir); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if err := d.writeSchema(o, dir, streams.Out); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if err := o.write(dir); err != nil { // the run can be resumed from here on
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}

func fitAndReport(ctx context.Context, o *trainOptions, m *models.Model, d *dataset, dir string, streams IO) error {
	var log *trainLog
	checkpoint := filepath.Join(dir, "checkpoint.safetensors")
	opts := models.FitOptions{Epochs: o.Epochs, Steps: o.Steps, Minutes: o.Minutes, Batch: o.Batch, LearnRate: o.LearnRate, WeightDecay: o.WeightDecay,
		Schedule: o.Schedule, WarmUp: o.WarmUp, Clip: o.Clip, EMA: o.EMA, Patience: o.Patience, Seed: o.Seed, Dequantise: o.Dequantise != "",
		Checkpoint: checkpoint, CheckpointSteps: o.Checkpoint, Valid: d.valid, Progress: holdingStill(func(p models.Progress) { log.step(p) })}
	opts.Begin = func() (err error) {
		if err = beginRun(dir, o, d, streams); err == nil {
			log, err = newLog(dir, o, m, streams.Err)
		}
		return err
	}
	opts.Best = filepath.Join(dir, "best.safetensors") // until the fit ends
	opts.Resume = o.resume != "" && fileExists(checkpoint)
	if f, ok := fraction(o.Valid); ok {
		opts.ValidFraction = f
		if f == 0 {
			opts.ValidFraction = -1
		}
	}
	if opts.WarmUp == 0 {
		opts.WarmUp = 1
	}
	report, fitErr := m.Fit(ctx, d.train, opts)
	if log != nil {
		log.close()
	}
	tidy(20)
	debug.FreeOSMemory() // of the fit
	if report == nil {
		return fitErr
	}
	if err := m.Save(filepath.Join(dir, "model.safetensors")); err != nil {
		return err
	}
	if err := os.Remove(opts.Best); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if report.Stopped == interrupted && !o.Quiet {
		fmt.Fprintln(streams.Err, "interrupted: the model is saved; test rows are scored and pictures drawn, unless it is interrupted again")
	}
	s, err := summarise(m, d, report)
	if err != nil {
		return err
	}
	// An interrupted fit has left pictures of other weights.
	if err := os.Remove(filepath.Join(dir, lastPicture)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("run folder: %w", err)
	}
	if err := writeSummary(filepath.Join(dir, "summary.json"), s); err != nil {
		return err
	}
	if err := draw(dir, o, m, d); err != nil {
		return err
	}
	if !o.Quiet {
		s.print(streams.Out, dir)
	}
	return fitErr
}

// slack is memory that counts as in use and is never touched, so that the garbage of reading
// a small table and of compiling a small model is not collected every few milliseconds.
var slack []byte

// slackBytes leaves room for 5 MB of garbage until the first step of a fit.
const slackBytes = 24 << 20

// tidy has garbage collected when it is this percentage of what is in use, unless the
// user says otherwise. A fit lives in memory that it keeps.
func tidy(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// holdingStill is for the steps of a fit, which leave next to no garbage.
func holdingStill(step func(models.Progress)) func(models.Progress) {
	first := true
	return func(p models.Progress) {
		if first {
			runtime.KeepAlive(slack)
			slack = nil
			tidy(3)
		}
		first = false
		step(p)
	}
}

// checkFree checks that no run is in the folder that can go on: one that was killed has a
// checkpoint but no summary, that of one that was interrupted says so.
func checkFree(dir string) error {
	if !fileExists(filepath.Join(dir, "checkpoint.safetensors")) {
		return nil
	}
	if how, ok := stopped(dir); ok && how != interrupted {
		return nil
	}
	return fmt.Errorf("%s: a run that was not finished is there: --resume %[1]s goes on with it; or take another folder by --out, or remove this one", dir)
}

// clearRun removes what a finished run left in the folder, which would be taken for this
// one's; its model stays until there is another. Its options go first: with them the rest
// could be resumed.
func clearRun(dir string) error {
	if err := os.Remove(filepath.Join(dir, optionsFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range there {
		switch name := e.Name(); {
		case slices.Contains([]string{"summary.json", "checkpoint.safetensors", "best.safetensors", "density.png", "samples.png", "loss.png"}, name),
			strings.HasPrefix(name, "events.out.tfevents."):
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// temporary are the names under which the files of a run are written at first: those of the
// file, or of any picture, with digits.
var temporary = regexp.MustCompile(`^\.((checkpoint|best|model)\.safetensors|summary\.json|train\.yaml|schema\.yaml|picture)\.[0-9]+$`)

// clearTemporary removes what runs that were killed while they wrote have left.
func clearTemporary(dir string) error {
	there, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range there {
		if temporary.MatchString(e.Name()) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// finished reports whether a run needs nothing more: it has a summary and, unless they
// cannot be drawn anew for want of a checkpoint, its pictures.
func finished(dir string) bool {
	if how, ok := stopped(dir); !ok || how == interrupted {
		return false
	}
	return fileExists(filepath.Join(dir, lastPicture)) || !fileExists(filepath.Join(dir, "checkpoint.safetensors"))
}

// interrupted is what ended a run that may go on.
const interrupted = "interrupted"

// stopped returns what ended a run, if its summary says so.
func stopped(dir string) (how string, ok bool) {
	b, err := os.ReadFile(filepath.Join(dir, "summary.json"))
	var s struct {
		Stopped string `json:"stopped"`
	}
	if err != nil || json.Unmarshal(b, &s) != nil {
		return "", false
	}
	return s.Stopped, s.Stopped != ""
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
