package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/cmd/internal/picture"
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
Ctrl-C ends a fit early and keeps the best model; --resume goes on with it.

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
			if o.config != "" {
				if err := readConfig(c, o.config); err != nil {
					return err
				}
			}
			o.complete(c.Flags().Changed)
			run := o
			if o.resume != "" {
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
	if err != nil {
		return err
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
	if o.resume == "" {
		if err := clearRun(dir); err != nil {
			return fmt.Errorf("run folder: %w", err)
		}
		if err := o.write(dir); err != nil {
			return fmt.Errorf("run folder: %w", err)
		}
		if err := d.writeSchema(o, dir, streams.Out); err != nil {
			return fmt.Errorf("run folder: %w", err)
		}
	}
	return fitAndReport(ctx, o, m, d, dir, streams)
}

func fitAndReport(ctx context.Context, o *trainOptions, m *models.Model, d *dataset, dir string, streams IO) error {
	log, err := newLog(dir, o, m, streams.Err)
	if err != nil {
		return err
	}
	checkpoint := filepath.Join(dir, "checkpoint.safetensors")
	opts := models.FitOptions{Epochs: o.Epochs, Steps: o.Steps, Minutes: o.Minutes, Batch: o.Batch, LearnRate: o.LearnRate, WeightDecay: o.WeightDecay,
		Schedule: o.Schedule, WarmUp: o.WarmUp, Clip: o.Clip, EMA: o.EMA, Patience: o.Patience, Seed: o.Seed, Dequantise: o.Dequantise != "",
		Checkpoint: checkpoint, CheckpointSteps: o.Checkpoint, Valid: d.valid, Progress: holdingStill(log.step)}
	opts.Best = filepath.Join(dir, "best.safetensors") // until the fit ends
	opts.Resume = o.resume != "" && fileExists(checkpoint)
	if f, ok := fraction(o.Valid); ok {
		opts.ValidFraction = f
	}
	if opts.WarmUp == 0 {
		opts.WarmUp = 1
	}
	report, fitErr := m.Fit(ctx, d.train, opts)
	log.close()
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
	s, err := summarise(m, d, report)
	if err != nil {
		return err
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
			tidy(3)
		}
		first = false
		step(p)
	}
}

// draw makes the pictures of the run.
func draw(dir string, o *trainOptions, m *models.Model, d *dataset) error {
	ref := d.test
	if ref.X == nil {
		ref = d.train
	}
	rows, cols := ref.X.Dims()
	n := min(rows, 5000)
	data := flatten(ref.X, n)
	var c mat.Matrix
	if ref.Context != nil {
		c = firstRows{ref.Context, n}
	}
	x, err := m.Sample(n, c, models.SampleOptions{Seed: o.Seed})
	if err != nil {
		return err
	}
	samples := flatten(x, n)
	if err := drawLoss(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, "samples.png")
	labels := ref.Names
	if cols != 2 || c != nil {
		return picture.Corner(path, data, samples, pictured(labels, m.Schema()))
	}
	names := [2]string{labels[0], labels[1]}
	if err := picture.Samples(path, data, samples, names); err != nil {
		return err
	}
	for _, col := range m.Schema().Columns {
		if col.Discrete() {
			return nil // there is no density between whole numbers
		}
	}
	return picture.Density(filepath.Join(dir, "density.png"), func(points []float64) ([]float64, error) {
		return logProbWhere(m, points)
	}, data, names)
}

// pictured names columns and those of their levels that numbers stand for by place.
func pictured(labels []string, s models.Schema) []picture.Column {
	out := make([]picture.Column, len(labels))
	for j := range out {
		out[j].Name = labels[j]
		k := s.Columns[j].Kind
		if v, err := k.Values(); err == nil && len(k.Levels) > 0 && v.Format(0) == k.Levels[0] {
			out[j].Levels = k.Levels
		}
	}
	return out
}

// logProbWhere is the log-density at points of two columns, -Inf at those that are none
// by the kinds of the columns.
func logProbWhere(m *models.Model, points []float64) ([]float64, error) {
	out := slices.Repeat([]float64{math.Inf(-1)}, len(points)/2)
	var kinds [2]*models.Values
	for j, c := range m.Schema().Columns {
		v, err := c.Values()
		if err != nil {
			return nil, err
		}
		kinds[j] = v
	}
	var at []int
	var rows []float64
	for i := range out {
		if x, y := points[2*i], points[2*i+1]; kinds[0].Check(x) == nil && kinds[1].Check(y) == nil {
			at, rows = append(at, i), append(rows, x, y)
		}
	}
	if len(at) == 0 {
		return out, nil
	}
	lp, err := m.LogProb(mat.NewDense(len(at), 2, rows), nil)
	for i, v := range lp {
		out[at[i]] = v
	}
	return out, err
}

// firstRows is the first n rows of a matrix.
type firstRows struct {
	mat.Matrix
	n int
}

func (f firstRows) Dims() (int, int) { _, c := f.Matrix.Dims(); return f.n, c }
func (f firstRows) T() mat.Matrix    { return mat.Transpose{Matrix: f} }

func flatten(x mat.Matrix, n int) []float64 {
	_, cols := x.Dims()
	out := make([]float64, 0, n*cols)
	for i := range n {
		for j := range cols {
			out = append(out, x.At(i, j))
		}
	}
	return out
}

// drawLoss draws the curves of the whole run, resumed or not, from its metrics.
func drawLoss(dir string) error {
	points, err := readMetrics(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		return err
	}
	train, valid := picture.Series{Name: "training batches"}, picture.Series{Name: "validation"}
	for _, p := range points {
		train.Step, train.Value = append(train.Step, float64(p.Step)), append(train.Value, p.Train)
		if p.Valid != nil {
			valid.Step, valid.Value = append(valid.Step, float64(p.Step)), append(valid.Value, *p.Valid)
		}
	}
	series := []picture.Series{train}
	if len(valid.Step) > 0 {
		series = append(series, valid)
	}
	if len(train.Step) == 0 {
		return nil
	}
	return picture.Loss(filepath.Join(dir, "loss.png"), series)
}

// clearRun removes what a run before left in the folder, which would be taken for this
// one's; its model stays until there is another.
func clearRun(dir string) error {
	for _, pattern := range []string{"summary.json", "checkpoint.safetensors", "best.safetensors", "density.png", "samples.png", "loss.png", "events.out.tfevents.*"} {
		old, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range old {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func finished(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "summary.json"))
	var s struct {
		Stopped string `json:"stopped"`
	}
	return err == nil && json.Unmarshal(b, &s) == nil && s.Stopped != "" && s.Stopped != "interrupted"
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
