package cli

import (
	"math"
	"path/filepath"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/cmd/internal/picture"
	"github.com/gorgeflow/gorge/models"
)

// lastPicture is there when all pictures are.
const lastPicture = "samples.png"

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
	path := filepath.Join(dir, lastPicture)
	labels := ref.Names
	columns := pictured(labels, m.Schema())
	if cols != 2 || c != nil {
		return picture.Corner(path, data, samples, columns)
	}
	discrete := func(c models.Column) bool { return c.Discrete() }
	if !slices.ContainsFunc(m.Schema().Columns, discrete) { // there is no density between whole numbers
		err := picture.Density(filepath.Join(dir, "density.png"), func(points []float64) ([]float64, error) {
			return logProbWhere(m, points)
		}, data, [2]string{labels[0], labels[1]})
		if err != nil {
			return err
		}
	}
	return picture.Samples(path, data, samples, [2]picture.Column(columns))
}

// pictured names columns and those of their levels that numbers stand for by place.
func pictured(labels []string, s models.Schema) []picture.Column {
	out := make([]picture.Column, len(labels))
	for j := range out {
		out[j].Name = labels[j]
		k := s.Columns[j].Kind
		if v, err := k.Values(); err == nil && len(k.Levels) > 0 && v.Format(0) == k.Levels[0] {
			out[j].Levels, out[j].Step = k.Levels, 1
		} else if k.Of == models.KindInteger {
			out[j].Step = 1
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
