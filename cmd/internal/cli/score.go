package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/cmd/internal/table"
	"github.com/gorgeflow/gorge/models"
)

// chunkRows is how many rows are scored or sampled at a time.
const chunkRows = 16384

func scoreCommand(streams IO) *cobra.Command {
	var out, missing string
	var draws int
	c := &cobra.Command{
		Use:   "score MODEL DATA",
		Short: "Write the log-density of each row of a table",
		Long: `Writes log p(row) in nats, in the units of the data, for each row: of the density in
columns that have one, of the probability of integers, levels and categories. The table
has the model's columns by name, or, without a header, in the model's order: the
context first where there is one. It is streamed: any size, constant memory. Models
with learnt noise (train --augment, --dequantise variational) give lower bounds.`,
		Example: `  gorge score runs/moons/model.safetensors new.csv -o scores.csv
  cat new.csv | gorge score model.safetensors - > scores.csv`,
		Args: exactly(2, "MODEL and DATA"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkMissing(missing, missingError, missingDrop, missingKeep); err != nil {
				return err
			}
			if draws < 1 {
				return usagef("--draws %d: want at least 1", draws)
			}
			if err := table.CheckOut(out); err != nil {
				return usagef("--out %w", err)
			}
			return score(c.Context(), args[0], args[1], out, missing, draws, streams)
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "-", "table to write: .csv, .tsv, .npy, .parquet, or - for standard output")
	c.Flags().StringVar(&missing, "missing", missingError, "rows with missing values: error, drop to leave them out, or keep to give them NaN")
	c.Flags().IntVar(&draws, "draws", models.Draws, "draws of noise for each row where the model gives lower bounds, at least 1: the more, the nearer")
	return c
}

// errInterrupted is the end of what is of no use in part.
var errInterrupted = errors.New("interrupted: nothing is written")

// logProbName is the name of a column of log-probabilities.
func logProbName(m *models.Model) string {
	if m.Bound() {
		return "log_prob_bound"
	}
	return "log_prob"
}

// freeName is a name that none of the columns has, made of this one.
func freeName(name string, columns []models.Column) string {
	for slices.Contains(names(columns), name) {
		name = "model_" + name
	}
	return name
}

func score(ctx context.Context, path, data, out, missing string, draws int, streams IO) (err error) {
	m, err := models.Load(path)
	if err != nil {
		return err
	}
	r, err := table.Open(data, streams.In)
	if err != nil {
		return err
	}
	defer r.Close()
	s := m.Schema()
	if err := match(r, s.Columns, s.Context); err != nil {
		return err
	}
	switch missing {
	case missingDrop:
		r.DropMissing()
	case missingKeep:
		r.MarkMissing()
	}
	w, err := table.Create(out, []table.Field{{Name: logProbName(m)}}, streams.Out, true)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			w.Abort()
		}
	}()
	k := len(s.Columns) + len(s.Context)
	ahead := r.Ahead(chunkRows)
	defer ahead.Close()
	rows, sum := 0, 0.0
	for {
		if ctx.Err() != nil {
			return errInterrupted
		}
		buf, err := ahead.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		lp, whole, err := scoreRows(m, buf, k, models.BoundOptions{Draws: draws, FirstRow: uint64(rows)})
		if err != nil {
			return err
		}
		if err := w.Write(lp); err != nil {
			return err
		}
		for i, v := range lp {
			if !isMissing(buf[i*k]) {
				sum += v
			}
		}
		rows += whole
	}
	if rows == 0 && r.Missing() > 0 && missing != missingKeep {
		return fmt.Errorf("%s: each of the %d rows has a missing value", r.Name(), r.Missing())
	}
	if rows+r.Missing() == 0 {
		return fmt.Errorf("%s: no rows of data", data)
	}
	if err := w.Close(); err != nil {
		return err
	}
	if r.Missing() > 0 {
		how := "left out"
		if missing == missingKeep {
			how = "NaN"
		}
		fmt.Fprintf(streams.Err, "%s: %d rows have missing values and are %s\n", r.Name(), r.Missing(), how)
	}
	if rows == 0 {
		return nil
	}
	fmt.Fprintf(streams.Err, "%d rows, mean %s %.4f: %s\n", rows, logProbName(m), sum/float64(rows), m.LogProbOf())
	return nil
}

// isMissing reports whether the number that begins a row says that one is missing there.
func isMissing(first float64) bool { return math.IsNaN(first) }

// scoreRows returns the log-densities of rows of k numbers, the model's columns and its
// context; rows of NaN, which have missing values, get NaN. It counts the others.
func scoreRows(m *models.Model, v []float64, k int, o models.BoundOptions) (lp []float64, whole int, err error) {
	n, nx := len(v)/k, len(m.Schema().Columns)
	rows := make([]int, 0, n)
	lp = make([]float64, n)
	for i := range n {
		if isMissing(v[i*k]) {
			lp[i] = math.NaN()
		} else {
			rows = append(rows, i)
		}
	}
	if whole = len(rows); whole == 0 {
		return lp, 0, nil
	}
	x := block{v, k, 0, nx, whole, rows}
	if whole == n {
		x.rows = nil
	}
	var c mat.Matrix
	if k > nx {
		given := x
		given.lo, given.hi = nx, k
		c = given
	}
	found, err := m.LogProbBound(x, c, o)
	for i, f := range found {
		lp[rows[i]] = f
	}
	return lp, whole, err
}

func sampleCommand(streams IO) *cobra.Command {
	var out, given string
	var n int
	var o models.SampleOptions
	c := &cobra.Command{
		Use:   "sample MODEL",
		Short: "Draw rows from a model, with their log-densities",
		Example: `  gorge sample runs/moons/model.safetensors -n 1000 -o samples.csv
  gorge sample model.safetensors --context given.csv --temperature 0.8`,
		Args: exactly(1, "MODEL"),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case n < 0:
				return usagef("--rows %d: want 0 or more", n)
			case !(o.Temperature > 0) || math.IsInf(o.Temperature, 0):
				return usagef("--temperature %v: want a number above 0", o.Temperature)
			}
			if err := table.CheckOut(out); err != nil {
				return usagef("--out %w", err)
			}
			return sample(c.Context(), args[0], n, given, out, o, streams)
		},
	}
	c.Flags().IntVarP(&n, "rows", "n", 1000, "rows to draw; with --context, one for each of its rows")
	c.Flags().StringVarP(&out, "out", "o", "-", "table to write: .csv, .tsv, .npy, .parquet, or - for standard output")
	c.Flags().StringVar(&given, "context", "", "table with the context of each row")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "decides the rows")
	c.Flags().Float64Var(&o.Temperature, "temperature", 1, "scales the noise, above 0")
	return c
}

func sample(ctx context.Context, path string, n int, given, out string, o models.SampleOptions, streams IO) (err error) {
	m, err := models.Load(path)
	if err != nil {
		return err
	}
	s := m.Schema()
	var conditions *table.Table
	if given != "" {
		if conditions, err = readContext(given, s, streams.In); err != nil {
			return err
		}
		n = conditions.Rows
	} else if len(s.Context) > 0 {
		return usagef("the model is conditioned on %s: give them by --context", strings.Join(names(s.Context), ", "))
	}
	var header []table.Field
	for _, c := range s.Columns {
		header = append(header, table.Field{Name: c.Name, Kind: c.Kind})
	}
	w, err := table.Create(out, append(header, table.Field{Name: freeName(logProbName(m), s.Columns)}), streams.Out, m.Spec().DType == "float32")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			w.Abort()
		}
	}()
	for lo := 0; lo < n; lo += chunkRows {
		if ctx.Err() != nil {
			return errInterrupted
		}
		k := min(chunkRows, n-lo)
		o.FirstRow = uint64(lo)
		var c mat.Matrix
		if conditions != nil {
			c = mat.NewDense(k, conditions.Cols, conditions.Data[lo*conditions.Cols:(lo+k)*conditions.Cols])
		}
		x, lp, err := m.SampleLogProb(k, c, o)
		if err != nil {
			return err
		}
		row := make([]float64, 0, k*(len(header)+1))
		for i := range k {
			row = append(append(row, x.RawRowView(i)...), lp[i])
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	return w.Close()
}

// readContext reads the context of each row to draw.
func readContext(path string, s models.Schema, stdin io.Reader) (*table.Table, error) {
	if len(s.Context) == 0 {
		return nil, usagef("--context %s: the model has no context", path)
	}
	r, err := table.Open(path, stdin)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := match(r, nil, s.Context); err != nil {
		return nil, err
	}
	return r.All()
}
