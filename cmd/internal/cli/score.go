package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/cmd/internal/table"
	"github.com/gorgeflow/gorge/models"
)

// chunkRows is how many rows are scored or sampled at a time.
const chunkRows = 16384

func scoreCommand(streams IO) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "score MODEL DATA",
		Short: "Write the log-density of each row of a table",
		Long: `Writes log p(row) in nats, in the units of the data, for each row. The table
has the model's columns by name, or, without a header, in the model's order: the
context first where there is one. It is streamed: any size, constant memory.`,
		Example: `  gorge score runs/moons/model.safetensors new.csv -o scores.csv
  cat new.csv | gorge score model.safetensors - > scores.csv`,
		Args: exactly(2, "MODEL and DATA"),
		RunE: func(_ *cobra.Command, args []string) error { return score(args[0], args[1], out, streams) },
	}
	c.Flags().StringVarP(&out, "out", "o", "-", "table to write: .csv, .npy, .parquet, or - for standard output")
	return c
}

func score(path, data, out string, streams IO) (err error) {
	m, err := models.Load(path)
	if err != nil {
		return err
	}
	r, err := table.Open(data, streams.In)
	if err != nil {
		return err
	}
	defer r.Close()
	cols, ctx, err := match(m.Schema(), r)
	if err != nil {
		return err
	}
	w, err := table.Create(out, []string{"log_prob"}, streams.Out, true)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			w.Abort()
		}
	}()
	k := len(r.Columns())
	buf := make([]float64, chunkRows*k)
	rows := 0
	for {
		n, err := r.Next(buf)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		lp, err := m.LogProb(view{buf, n, k, cols}, orNil(view{buf, n, k, ctx}))
		if err != nil {
			return err
		}
		if err := w.Write(lp); err != nil {
			return err
		}
		rows += n
	}
	if rows == 0 {
		return fmt.Errorf("%s: no rows of data", data)
	}
	return w.Close()
}

// view is some columns of rows in a buffer.
type view struct {
	v    []float64
	n, k int
	cols []int
}

func (v view) Dims() (int, int)    { return v.n, len(v.cols) }
func (v view) At(i, j int) float64 { return v.v[i*v.k+v.cols[j]] }
func (v view) T() mat.Matrix       { return mat.Transpose{Matrix: v} }

func orNil(v view) mat.Matrix {
	if len(v.cols) == 0 {
		return nil
	}
	return v
}

// match finds the model's columns in a table: by name, else by place.
func match(s models.Schema, r *table.Reader) (cols, context []int, err error) {
	at := map[string]int{}
	for i, c := range r.Columns() {
		at[c] = i
	}
	byName := true
	find := func(want []models.Column) []int {
		out := make([]int, len(want))
		for i, c := range want {
			j, ok := at[c.Name]
			byName = byName && ok
			out[i] = j
		}
		return out
	}
	cols, context = find(s.Columns), find(s.Context)
	if byName {
		return cols, context, nil
	}
	if want := len(s.Columns) + len(s.Context); len(r.Columns()) != want {
		return nil, nil, fmt.Errorf("%s: %d columns, the model has %d (%s)%s; columns of other names are taken by place", r.Name(), len(r.Columns()), want, names(s), contextNote(s))
	}
	for i := range context {
		context[i] = i
	}
	for i := range cols {
		cols[i] = len(context) + i
	}
	return cols, context, nil
}

func names(s models.Schema) string {
	out := ""
	for _, c := range append(append([]models.Column(nil), s.Context...), s.Columns...) {
		if out != "" {
			out += ", "
		}
		out += c.Name
	}
	return out
}

func contextNote(s models.Schema) string {
	if len(s.Context) == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them context", len(s.Context))
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
		RunE: func(_ *cobra.Command, args []string) error { return sample(args[0], n, given, out, o, streams) },
	}
	c.Flags().IntVarP(&n, "rows", "n", 1000, "rows to draw; with --context, one for each of its rows")
	c.Flags().StringVarP(&out, "out", "o", "-", "table to write: .csv, .npy, .parquet, or - for standard output")
	c.Flags().StringVar(&given, "context", "", "table with the context of each row")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "decides the rows")
	c.Flags().Float64Var(&o.Temperature, "temperature", 1, "scales the noise")
	return c
}

func sample(path string, n int, given, out string, o models.SampleOptions, streams IO) (err error) {
	m, err := models.Load(path)
	if err != nil {
		return err
	}
	if n < 0 || !(o.Temperature > 0) {
		return usagef("%d rows at temperature %v: want 0 or more rows, a temperature above 0", n, o.Temperature)
	}
	s := m.Schema()
	var ctx *table.Table
	if given != "" {
		if ctx, err = table.Read(given, streams.In); err != nil {
			return err
		}
		if ctx.Cols != len(s.Context) {
			return fmt.Errorf("%s: %d columns, the model's context has %d", given, ctx.Cols, len(s.Context))
		}
		n = ctx.Rows
	} else if len(s.Context) > 0 {
		return usagef("the model is conditioned on %s: give them by --context", names(models.Schema{Columns: s.Context}))
	}
	var header []string
	for _, c := range s.Columns {
		header = append(header, c.Name)
	}
	w, err := table.Create(out, append(header, "log_prob"), streams.Out, m.Spec().DType == "float32")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			w.Abort()
		}
	}()
	for lo := 0; lo < n; lo += chunkRows {
		k := min(chunkRows, n-lo)
		o.FirstRow = uint64(lo)
		var c mat.Matrix
		if ctx != nil {
			c = mat.NewDense(k, ctx.Cols, ctx.Data[lo*ctx.Cols:(lo+k)*ctx.Cols])
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

func inspectCommand(streams IO) *cobra.Command {
	return &cobra.Command{
		Use: "inspect MODEL", Short: "Show what a model file holds",
		Example: "  gorge inspect runs/moons/model.safetensors",
		Args:    exactly(1, "MODEL"),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := models.Load(args[0])
			if err != nil {
				return err
			}
			return inspect(m, streams.Out)
		},
	}
}

func inspect(m *models.Model, w io.Writer) error {
	s := m.Spec()
	paper, _ := models.Describe(s.Model)
	p := printer{w: w}
	p.f("model       %s (%s)\n", s.Model, paper)
	p.f("layers      %d, hidden %v, blocks %d, mixing %s, norm %s, base %s\n", s.Layers, s.Hidden, max(s.Blocks, 0), s.Mixing, s.Norm, s.Base)
	if s.Bins > 0 {
		p.f("spline      %d bins on ±%v\n", s.Bins, s.Bound)
	}
	p.f("parameters  %d, %s\n", m.Parameters(), s.DType)
	for _, kind := range []struct {
		name string
		cols []models.Column
	}{{"columns", m.Schema().Columns}, {"context", m.Schema().Context}} {
		for i, c := range kind.cols {
			label := ""
			if i == 0 {
				label = kind.name
			}
			p.f("%-11s %-20s mean %-12.6g scale %-12.6g", label, c.Name, c.Mean, c.Scale)
			switch c.Of {
			case "":
			case models.KindBounded:
				p.f(" bounded by %g and %g", c.Lo, c.Hi)
			default:
				p.f(" %s", c.Of)
			}
			if c.Step > 0 {
				p.f(" dequantised, step %g", c.Step)
			}
			p.f("\n")
		}
	}
	for i, t := range m.Params().All() {
		label := ""
		if i == 0 {
			label = "tensors"
		}
		r, k := t.Shape()
		p.f("%-11s %-44s %d × %d\n", label, t.Name(), r, k)
	}
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
