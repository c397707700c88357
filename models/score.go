package models

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
)

// LogProb returns log p(x) in nats, in the units of the data, for each row of x.
// A model with a context takes one row of it for each row of x; otherwise context
// is nil.
func (m *Model) LogProb(x, context mat.Matrix) ([]float64, error) {
	rows, _ := x.Dims()
	out := make([]float64, rows)
	if err := m.LogProbTo(out, x, context); err != nil {
		return nil, err
	}
	return out, nil
}

// LogProbTo is [Model.LogProb] into memory of the caller's, one element for each
// row. Once warm it allocates nothing if x is a *mat.Dense.
func (m *Model) LogProbTo(out []float64, x, context mat.Matrix) error {
	rows, _ := x.Dims()
	if len(out) != rows {
		return fmt.Errorf("models: log prob: room for %d results of %d rows", len(out), rows)
	}
	if err := m.check("log prob", x, context, rows); err != nil {
		return err
	}
	e, err := m.engine("log prob", m.buildLogProb)
	if err != nil {
		return err
	}
	s := e.get(m)
	defer e.pool.Put(s)
	for lo := 0; lo < rows; lo += chunk {
		hi := min(lo+chunk, rows)
		if err := m.load(s, x, context, lo, hi); err != nil {
			return err
		}
		if err := s.run.Into("logprob", graph.Rows{Float64: out[lo:hi]}); err != nil {
			return err
		}
		if err := s.run.Do(background, hi-lo); err != nil {
			return err
		}
		for i := lo; i < hi; i++ {
			out[i] += m.schema.logSlope(x, i)
		}
	}
	return nil
}

func (m *Model) buildLogProb(g *graph.Graph, x, c graph.Expr) {
	g.Output("logprob", m.flow.LogProb(x, c))
}

// Inverse returns the latents u = T⁻¹(x) of each row.
func (m *Model) Inverse(x, context mat.Matrix) (*mat.Dense, error) {
	rows, cols := x.Dims()
	if err := m.check("inverse", x, context, rows); err != nil {
		return nil, err
	}
	e, err := m.engine("inverse", func(g *graph.Graph, x, c graph.Expr) {
		u, _ := m.flow.Inverse(x, c)
		g.Output("u", u)
	})
	if err != nil {
		return nil, err
	}
	out := make([]float64, rows*cols)
	err = m.stream(e, x, context, rows, 0, 0, []string{"u"}, []int{cols}, func(lo, hi int, b [2][]float64) {
		copy(out[lo*cols:hi*cols], b[0])
	})
	return dense(rows, cols, out), err
}

// Score returns ∇x log p(x), in the units of the data, for each row.
func (m *Model) Score(x, context mat.Matrix) (*mat.Dense, error) {
	rows, cols := x.Dims()
	if err := m.check("score", x, context, rows); err != nil {
		return nil, err
	}
	e, err := m.engine("score", func(g *graph.Graph, x, c graph.Expr) {
		lp := m.flow.LogProb(x, c)
		g.Output("score", graph.VJP(lp, lp.Zeros(1).Shift(1), x)[0])
	})
	if err != nil {
		return nil, err
	}
	out := make([]float64, rows*cols)
	err = m.stream(e, x, context, rows, 0, 0, []string{"score"}, []int{cols}, func(lo, hi int, b [2][]float64) {
		for i, v := range b[0][:(hi-lo)*cols] {
			c := m.schema.Columns[i%cols]
			_, slope, more := c.slopes(x.At(lo+i/cols, i%cols))
			out[lo*cols+i] = v/c.Scale*slope + more
		}
	})
	return dense(rows, cols, out), err
}

func dense(rows, cols int, v []float64) *mat.Dense {
	if rows == 0 {
		return &mat.Dense{}
	}
	return mat.NewDense(rows, cols, v)
}

// SampleOptions are the settings of sampling.
type SampleOptions struct {
	// Seed chooses the samples: row i of a seed is the same in every call.
	Seed uint64
	// FirstRow is the number of the first row, for sampling in pieces.
	FirstRow uint64
	// Temperature scales the noise; 0 means 1, the density itself.
	Temperature float64
}

// Sample returns n samples, one for each row of context if the model has one.
func (m *Model) Sample(n int, context mat.Matrix, opts SampleOptions) (*mat.Dense, error) {
	x, _, err := m.sample(n, context, opts, false)
	return x, err
}

// SampleLogProb returns n samples and their log-densities in one pass. The
// log-density is the model's own, whatever the temperature.
func (m *Model) SampleLogProb(n int, context mat.Matrix, opts SampleOptions) (*mat.Dense, []float64, error) {
	return m.sample(n, context, opts, true)
}

func (m *Model) sample(n int, context mat.Matrix, opts SampleOptions, withLogProb bool) (*mat.Dense, []float64, error) {
	if n < 0 {
		return nil, nil, fmt.Errorf("models: sample: %d rows: must not be negative", n)
	}
	if opts.Temperature == 0 {
		opts.Temperature = 1
	}
	if !(opts.Temperature > 0) {
		return nil, nil, fmt.Errorf("models: sample: temperature %v: must be positive", opts.Temperature)
	}
	if err := m.check("sample", nil, context, n); err != nil {
		return nil, nil, err
	}
	e, err := m.engine(fmt.Sprintf("sample at temperature %v, %t", opts.Temperature, withLogProb), func(g *graph.Graph, _, c graph.Expr) {
		if !withLogProb {
			g.Output("x", m.flow.Sample(g, c, opts.Temperature))
			return
		}
		x, lp := m.flow.SampleLogProb(g, c, opts.Temperature)
		g.Output("x", x)
		g.Output("logprob", lp)
	})
	if err != nil {
		return nil, nil, err
	}
	d := m.spec.Dim
	out := make([]float64, n*d)
	var logp []float64
	outs, widths := []string{"x"}, []int{d}
	if withLogProb {
		logp = make([]float64, n)
		outs, widths = append(outs, "logprob"), append(widths, 1)
	}
	res := dense(n, d, out)
	err = m.stream(e, nil, context, n, opts.Seed, opts.FirstRow, outs, widths, func(lo, hi int, b [2][]float64) {
		for i, v := range b[0][:(hi-lo)*d] {
			c := m.schema.Columns[i%d]
			out[lo*d+i] = c.fromLine(v*c.Scale + c.Mean)
		}
		for i := range logp[min(lo, len(logp)):min(hi, len(logp))] {
			logp[lo+i] = b[1][i] + m.schema.logSlope(res, lo+i)
		}
	})
	return res, logp, err
}
