package models

import (
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// Bound reports whether log-probabilities are lower bounds: the flow draws noise to
// evaluate them, because it is augmented or because its dequantisation is learnt. The
// noise of a row is chosen by its number in the call, so that its bits are the same in
// any call in which it has that number.
func (m *Model) Bound() bool { return m.flow.Bound() }

// LogProbOf says what the model's log-probabilities of rows are.
func (m *Model) LogProbOf() string {
	s := m.schema.LogProbOf()
	if m.Bound() {
		return fmt.Sprintf("lower bound on the %s", s)
	}
	return s
}

// Draws is how many draws of noise [Model.LogProb] takes where it is a bound.
const Draws = 16

// boundSeed keeps the noise of bounds apart from that of samples of the same seed.
const boundSeed = 0xb0017d

// BoundOptions are the settings of a lower bound.
type BoundOptions struct {
	// Draws of noise for each row: the bound is the logarithm of the mean of what they
	// give, nearer the log-probability the more there are (Burda et al. 2016,
	// arXiv:1509.00519). Default [Draws].
	Draws int
	// Seed chooses the noise.
	Seed uint64
	// FirstRow is the number of the first row, for scoring in pieces.
	FirstRow uint64
}

// LogProbBound is [Model.LogProb] with a say in the noise; the same as it where that is
// no bound.
func (m *Model) LogProbBound(x, context mat.Matrix, opts BoundOptions) ([]float64, error) {
	if opts.Draws < 0 {
		return nil, fmt.Errorf("models: log prob: %d draws: must not be negative", opts.Draws)
	}
	out := make([]float64, rowsIn(x))
	return out, m.logProbTo(out, x, context, opts)
}

// points is what log-probabilities are means over: the points in the cells of discrete
// columns, with draws of noise for each.
func (m *Model) points(draws int) int {
	if !m.Bound() {
		return len(m.places)
	}
	if draws == 0 {
		draws = Draws
	}
	return len(m.places) * draws
}

// point is the k-th of them: the places in the cells and the number of the draw.
func (m *Model) point(k int) (places []float64, draw uint64) {
	return m.places[k%len(m.places)], uint64(k / len(m.places))
}
