package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/cmd/internal/picture"
	"github.com/gorgeflow/gorge/cmd/internal/table"
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
Ctrl-C ends a fit early and keeps the best model; --resume goes on with it.`,
		Example: `  gorge train
  gorge train --shape checkerboard --model nsf-ar
  gorge train --data rows.csv --columns a,b,5-8 --model maf --epochs 50
  gorge train --data rows.npy --test test.npy --minutes 4 --out runs/rows
  gorge train --data houses.csv --columns price --context 1-8
  gorge train --resume runs/rows`,
		Args: exactly(0, "none: the table is given by --data"),
		RunE: func(c *cobra.Command, _ []string) error {
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(20) // a fit lives in memory that it keeps: what is beside it may go soon
			}
			if o.config != "" {
				if err := readConfig(c, o.config); err != nil {
					return err
				}
			}
			run := o
			if o.resume != "" {
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

// dataset is what a run is fitted to and judged by.
type dataset struct {
	name                   string
	train, valid, test     models.Data
	columns, context       []int
	names                  []string
	selected, contextNames []string
}

func train(ctx context.Context, o *trainOptions, streams IO) error {
	if o.Data == "" && o.Epochs == 0 && o.Steps == 0 && o.Minutes == 0 {
		o.Minutes = 0.4
	}
	d, err := loadData(o, streams.In)
	if err != nil {
		return err
	}
	if o.Schema != "" {
		if o.kinds, err = readSchema(o.Schema); err != nil {
			return err
		}
	}
	spec := models.Spec{Model: o.Model, Layers: o.Layers, Hidden: o.Hidden, Blocks: o.Blocks,
		Bins: o.Bins, Bound: o.Bound, Activation: layers.Activation(o.Activation), Dropout: o.Dropout, Mixing: o.Mixing, Norm: o.Norm,
		Base: o.Base, Tails: o.Tails, Embed: o.Embed, DType: o.DType, Seed: o.Seed}
	schema, err := d.schema(o)
	if err != nil {
		return err
	}
	m, err := models.NewFor(schema, spec)
	if err != nil {
		return usageError{err}
	}
	dir := o.Out
	if dir == "" {
		dir = filepath.Join("runs", d.name)
	}
	if o.resume != "" {
		if _, err := os.Stat(filepath.Join(dir, "summary.json")); err == nil && finished(dir) {
			_, err := fmt.Fprintf(streams.Out, "%s: the run is finished; see %s\n", dir, filepath.Join(dir, "summary.json"))
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if o.resume == "" {
		if err := o.write(dir); err != nil {
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
		Schedule: o.Schedule, WarmUp: o.WarmUp, Clip: o.Clip, EMA: o.EMA, Patience: o.Patience, Seed: o.Seed, Dequantise: o.Dequantise,
		Checkpoint: checkpoint, CheckpointSteps: o.Checkpoint, Valid: d.valid, Progress: log.step}
	if _, err := os.Stat(checkpoint); err == nil && o.resume != "" {
		opts.Resume = true
	}
	if f, ok := fraction(o.Valid); ok {
		opts.ValidFraction = f
	}
	if opts.WarmUp == 0 {
		opts.WarmUp = 1
	}
	report, fitErr := m.Fit(ctx, d.train, opts)
	log.close()
	if report == nil {
		return fitErr
	}
	if err := m.Save(filepath.Join(dir, "model.safetensors")); err != nil {
		return err
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

// schema is the kinds that the schema file gives, real numbers for the other columns
// or, in a model of angles, radians.
func (d *dataset) schema(o *trainOptions) (models.Schema, error) {
	kinds := map[string]models.Kind{}
	for _, n := range append(slices.Clone(d.selected), d.contextNames...) {
		kinds[n] = models.Kind{}
	}
	if o.Model == "ncsf" {
		for _, n := range d.selected {
			kinds[n] = models.Radians()
		}
	}
	maps.Copy(kinds, o.kinds)
	return models.Infer(d.train, kinds)
}

// fraction reads a number between 0 and 1.
func fraction(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func loadData(o *trainOptions, stdin io.Reader) (*dataset, error) {
	if o.Data == "" {
		return loadShape(o)
	}
	t, err := table.Read(o.Data, stdin)
	if err != nil {
		return nil, err
	}
	base := filepath.Base(o.Data)
	d := &dataset{name: strings.TrimSuffix(base, filepath.Ext(base)), names: t.Columns}
	if o.Data == "-" {
		d.name = "stdin"
	}
	weight := -1
	if o.Weights != "" {
		w, err := table.Select(t.Columns, o.Weights)
		if err != nil || len(w) != 1 {
			return nil, usagef("--weights: want one column: %w", err)
		}
		weight = w[0]
	}
	if o.Context != "" {
		if d.context, err = table.Select(t.Columns, o.Context); err != nil {
			return nil, usagef("--context: %w", err)
		}
	}
	if o.Columns != "" {
		if d.columns, err = table.Select(t.Columns, o.Columns); err != nil {
			return nil, usagef("--columns: %w", err)
		}
	} else {
		for i := range t.Columns {
			if i != weight && !contains(d.context, i) {
				d.columns = append(d.columns, i)
			}
		}
	}
	for _, c := range d.columns {
		if c == weight || contains(d.context, c) {
			return nil, usagef("column %q is modelled and also context or weight", t.Columns[c])
		}
	}
	if len(d.columns) == 0 {
		return nil, usagef("no columns are left to model")
	}
	return d, d.split(o, t, weight)
}

func contains(list []int, i int) bool {
	for _, v := range list {
		if v == i {
			return true
		}
	}
	return false
}

func pick(t *table.Table, cols []int) *mat.Dense {
	if len(cols) == 0 {
		return nil
	}
	out := mat.NewDense(t.Rows, len(cols), nil)
	for i := range t.Rows {
		for j, c := range cols {
			out.Set(i, j, t.Data[i*t.Cols+c])
		}
	}
	return out
}

func (d *dataset) data(t *table.Table, weight int) models.Data {
	out := models.Data{X: pick(t, d.columns)}
	for _, c := range d.columns {
		out.Names = append(out.Names, t.Columns[c])
	}
	if c := pick(t, d.context); c != nil {
		out.Context = c
		for _, j := range d.context {
			out.ContextNames = append(out.ContextNames, t.Columns[j])
		}
	}
	if weight >= 0 {
		out.Weights = pick(t, []int{weight}).RawMatrix().Data
	}
	return out
}

// split sets the test rows aside, by the seed, or reads them from a table.
func (d *dataset) split(o *trainOptions, t *table.Table, weight int) error {
	d.selected, d.contextNames = d.data(t, weight).Names, d.data(t, weight).ContextNames
	read := func(path string) (models.Data, error) {
		other, err := table.Read(path, nil)
		if err != nil {
			return models.Data{}, err
		}
		if other.Cols != t.Cols {
			return models.Data{}, fmt.Errorf("%s: %d columns, %s has %d", path, other.Cols, t.Name, t.Cols)
		}
		return d.data(other, weight), nil
	}
	var err error
	if _, isNumber := fraction(o.Valid); o.Valid != "" && !isNumber {
		if d.valid, err = read(o.Valid); err != nil {
			return err
		}
	}
	f, isNumber := fraction(o.Test)
	if o.Test != "" && !isNumber {
		d.test, err = read(o.Test)
		d.train = d.data(t, weight)
		return err
	}
	if o.Test == "" {
		f = 0.1
	}
	if f < 0 || f >= 1 {
		return usagef("--test %v: want a fraction of the rows, 0 ≤ f < 1, or a table", f)
	}
	k := int(f * float64(t.Rows))
	if t.Rows-k < 2 {
		k = 0
	}
	perm := rand.New(rand.NewPCG(o.Seed, 0x7e57)).Perm(t.Rows)
	part := func(rows []int) *table.Table {
		p := &table.Table{Name: t.Name, Columns: t.Columns, Rows: len(rows), Cols: t.Cols}
		for _, r := range rows {
			p.Data = append(p.Data, t.Data[r*t.Cols:(r+1)*t.Cols]...)
		}
		return p
	}
	d.train = d.data(part(perm[k:]), weight)
	if k > 0 {
		d.test = d.data(part(perm[:k]), weight)
	}
	return nil
}

func loadShape(o *trainOptions) (*dataset, error) {
	names := []string{"x", "y"}
	d := &dataset{name: o.Shape, columns: []int{0, 1}, names: names, selected: names}
	n := max(o.Rows, 2)
	x, err := toy.Sample(o.Shape, n, o.Seed)
	if err != nil {
		return nil, usageError{err}
	}
	test, err := toy.Sample(o.Shape, max(n/2, 2), o.Seed+1)
	if err != nil {
		return nil, err
	}
	d.train, d.test = models.Data{X: x, Names: names}, models.Data{X: test, Names: names}
	return d, nil
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
		c = mat.DenseCopyOf(ref.Context).Slice(0, n, 0, len(d.context))
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
	if cols != 2 || c != nil {
		return picture.Corner(path, data, samples, d.selected)
	}
	names := [2]string{d.selected[0], d.selected[1]}
	if err := picture.Samples(path, data, samples, names); err != nil {
		return err
	}
	return picture.Density(filepath.Join(dir, "density.png"), func(points []float64) ([]float64, error) {
		return m.LogProb(mat.NewDense(len(points)/2, 2, points), nil)
	}, data, names)
}

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
