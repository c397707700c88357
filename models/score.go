package models

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
)

// LogProb returns log p(x) in nats, in the units of the data, for each row of x: the
// logarithm of a density in the columns that have one, of a probability in integer,
// ordinal and categorical ones, and of their product where there are both. A
// probability is the integral of the density over a cell, by the mean over 16 points of
// it for one such column, 32 for two, 64 for more. Where [Model.Bound] says so, it is a
// lower bound. A model with a context takes one row of it for each row of x; otherwise
// context is nil. Of a finite row so far out that the element type does not hold its
// latents the log-density is -Inf, and latents and scores are not finite.
func (m *Model) LogProb(x, context mat.Matrix) ([]float64, error) {
	out := make([]float64, rowsIn(x))
	if err := m.LogProbTo(out, x, context); err != nil {
		return nil, err
	}
	return out, nil
}

// LogProbTo is [Model.LogProb] into memory of the caller's, one element for each
// row. Once warm it allocates nothing if x is a *mat.Dense.
func (m *Model) LogProbTo(out []float64, x, context mat.Matrix) error {
	return m.logProbTo(out, x, context, BoundOptions{})
}

func (m *Model) logProbTo(out []float64, x, context mat.Matrix, opts BoundOptions) error {
	rows := rowsIn(x)
	if len(out) != rows {
		return fmt.Errorf("models: log prob: room for %d results of %d rows", len(out), rows)
	}
	if err := m.check("log prob", x, context); err != nil {
		return err
	}
	e, err := m.engine(task{name: "log prob"})
	if err != nil {
		return err
	}
	s := e.get(m)
	defer e.put(s)
	for lo := 0; lo < rows; lo += chunk {
		if err := m.logProbChunk(s, out[lo:min(lo+chunk, rows)], x, context, lo, opts); err != nil {
			return err
		}
	}
	return nil
}

// logProbChunk is the log-probability of the rows from lo on: the mean over the places
// in the cells of discrete columns, and over draws.
func (m *Model) logProbChunk(s *state, out []float64, x, context mat.Matrix, lo int, opts BoundOptions) error {
	n := m.points(opts.Draws)
	for k := range n {
		places, draw := m.point(k)
		to := out
		if k > 0 {
			to = s.buffer(0, 1)[:len(out)]
		}
		if err := m.load(s, x, context, lo, lo+len(out), places); err != nil {
			return err
		}
		if err := s.run.Into("logprob", graph.Rows{Float64: to}); err != nil {
			return err
		}
		s.run.Seed, s.run.Step, s.run.FirstRow = opts.Seed^boundSeed, draw, opts.FirstRow+uint64(lo)
		if err := s.run.Do(background, len(out)); err != nil {
			return err
		}
		addLogSlopes(to, m.cols, x, lo, places)
		for i := range to {
			if math.IsNaN(to[i]) && m.beyond(s.x[i*len(m.cols):(i+1)*len(m.cols)]) {
				to[i] = math.Inf(-1)
			}
			if k > 0 {
				out[i] = addLog(out[i], to[i])
			}
		}
	}
	if n > 1 {
		for i := range out {
			out[i] -= math.Log(float64(n))
		}
	}
	return nil
}

// beyond reports whether a row as the flow sees it is out of the range of the model's
// numbers: nothing can be said of it but that it has next to no density.
func (m *Model) beyond(row []float64) bool {
	most := math.MaxFloat64
	if m.dtype == graph.Float32 {
		most = math.MaxFloat32
	}
	return slices.ContainsFunc(row, func(v float64) bool { return !(math.Abs(v) <= most) })
}

// Inverse returns the latents u = T⁻¹(x) of each row, those of discrete columns at the
// middle of their cells; of an augmented model as many more columns, and where the
// model's log-probabilities are bounds those of one draw of noise.
func (m *Model) Inverse(x, context mat.Matrix) (*mat.Dense, error) {
	if err := m.check("inverse", x, context); err != nil {
		return nil, err
	}
	rows, _ := x.Dims()
	e, err := m.engine(task{name: "inverse"})
	if err != nil {
		return nil, err
	}
	cols := m.flow.Base().Dim()
	out := make([]float64, rows*cols)
	err = m.stream(e, pass{x: x, c: context, rows: rows, outs: []string{"u"}, widths: []int{cols}}, func(lo, hi int, b [2][]float64) {
		copy(out[lo*cols:hi*cols], b[0])
	})
	return dense(rows, cols, out), err
}

// Score returns ∇x log p(x), in the units of the data, for each row; it is zero in
// discrete columns.
func (m *Model) Score(x, context mat.Matrix) (*mat.Dense, error) {
	if err := m.check("score", x, context); err != nil {
		return nil, err
	}
	rows, cols := x.Dims()
	e, err := m.engine(task{name: "score"})
	if err != nil {
		return nil, err
	}
	out, total := make([]float64, rows*cols), slices.Repeat([]float64{math.Inf(-1)}, rows)
	for n := range m.points(0) { // the mean of gradients, weighted by the densities
		places, draw := m.point(n)
		p := pass{x: x, c: context, rows: rows, places: places, seed: boundSeed, draw: draw, outs: []string{"score", "logprob"}, widths: []int{cols, 1}}
		err := m.stream(e, p, func(lo, hi int, b [2][]float64) {
			addLogSlopes(b[1][:hi-lo], m.cols, x, lo, places)
			for i := lo; i < hi; i++ {
				lp := b[1][i-lo]
				sum := addLog(total[i], lp)
				old, own := math.Exp(total[i]-sum), math.Exp(lp-sum)
				if n == 0 { // also of a row whose density is too small for a number
					old, own = 0, 1
				} else if math.IsInf(sum, -1) {
					old, own = 1, 0
				}
				total[i] = sum
				for j := range cols {
					k := i*cols + j
					out[k] = out[k]*old + m.cols[j].gradient(b[0][k-lo*cols], x.At(i, j), at(places, j))*own
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return dense(rows, cols, out), nil
}

func dense(rows, cols int, v []float64) *mat.Dense {
	if rows == 0 {
		return &mat.Dense{}
	}
	return mat.NewDense(rows, cols, v)
}
