package models

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/graph"
)

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
	if n < 0 {
		return nil, fmt.Errorf("models: sample: %d rows: must not be negative", n)
	}
	x := dense(n, m.spec.Dim, make([]float64, n*m.spec.Dim))
	if err := m.SampleTo(x, nil, context, opts); err != nil {
		return nil, err
	}
	return x, nil
}

// SampleLogProb returns n samples and what [Model.LogProb] says of them, in one pass
// if no column is discrete and log-probabilities are exact. The log-probability is the
// model's own, whatever the temperature.
func (m *Model) SampleLogProb(n int, context mat.Matrix, opts SampleOptions) (*mat.Dense, []float64, error) {
	if n < 0 {
		return nil, nil, fmt.Errorf("models: sample: %d rows: must not be negative", n)
	}
	x, lp := dense(n, m.spec.Dim, make([]float64, n*m.spec.Dim)), make([]float64, n)
	if err := m.SampleTo(x, lp, context, opts); err != nil {
		return nil, nil, err
	}
	return x, lp, nil
}

// SampleTo is [Model.Sample] into memory of the caller's: a sample for each row of x.
// With logProb, as long, it is [Model.SampleLogProb]. Once warm it allocates nothing if
// the context is nil or a *mat.Dense.
func (m *Model) SampleTo(x *mat.Dense, logProb []float64, context mat.Matrix, opts SampleOptions) error {
	if x == nil {
		return fmt.Errorf("models: sample: no room for rows is given")
	}
	rows, cols := x.Dims()
	switch {
	case logProb != nil && len(logProb) != rows:
		return fmt.Errorf("models: sample: room for %d log-probabilities of %d rows", len(logProb), rows)
	case rows > 0 && cols != m.spec.Dim:
		return fmt.Errorf("models: sample: room for %d columns, the model has %d", cols, m.spec.Dim)
	}
	if opts.Temperature == 0 {
		opts.Temperature = 1
	}
	if !(opts.Temperature > 0) || math.IsInf(opts.Temperature, 0) {
		return fmt.Errorf("models: sample: temperature %v: must be a positive number", opts.Temperature)
	}
	if err := m.checkContext("sample", context, rows); err != nil {
		return err
	}
	together := logProb != nil && m.points(0) == 1
	e, err := m.engine(task{name: "sample", temperature: opts.Temperature, logProb: together})
	if err != nil {
		return err
	}
	s := e.get(m)
	defer e.put(s)
	for lo := 0; lo < rows; lo += chunk {
		var lp []float64
		if together {
			lp = logProb[lo:min(lo+chunk, rows)]
		}
		if err := m.sampleChunk(s, x, lp, context, lo, min(lo+chunk, rows), opts); err != nil {
			return err
		}
	}
	if logProb == nil || together || rows == 0 {
		return nil
	}
	return m.logProbTo(logProb, x, context, BoundOptions{FirstRow: opts.FirstRow}) // of whole cells
}

// sampleChunk is rows lo … hi of x and, if there is room for them, their
// log-densities.
func (m *Model) sampleChunk(s *state, x *mat.Dense, lp []float64, context mat.Matrix, lo, hi int, opts SampleOptions) error {
	if err := m.load(s, nil, context, lo, hi, nil); err != nil {
		return err
	}
	d := m.spec.Dim
	v := s.buffer(0, d)
	if err := s.run.Into("x", graph.Rows{Float64: v}); err != nil {
		return err
	}
	if lp != nil {
		if err := s.run.Into("logprob", graph.Rows{Float64: lp}); err != nil {
			return err
		}
	}
	s.run.Seed, s.run.FirstRow = opts.Seed, opts.FirstRow+uint64(lo)
	if err := s.run.Do(background, hi-lo); err != nil {
		return err
	}
	originals(x, lo, v[:(hi-lo)*d], m.cols)
	addLogSlopes(lp, m.cols, x, lo, nil)
	return nil
}
