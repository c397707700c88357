package models

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Posterior returns the probabilities of hypotheses about the context, one in each row of
// contexts, given each row of x, by Bayes' rule:
//
//	p(c_k | x) = p(c_k) p(x | c_k) / Σ_l p(c_l) p(x | c_l)
//
// one row for each row of x, one column for each of contexts. The prior p(c_k) is in
// proportion to the given numbers; nil is all the same. A row that has no density under
// any is left with the prior. With classes as context it is a classifier:
//
//	classes := mat.NewDense(3, 1, []float64{0, 1, 2})
//	p, err := m.Posterior(x, classes, nil)
func (m *Model) Posterior(x, contexts mat.Matrix, prior []float64) (*mat.Dense, error) {
	if contexts == nil {
		return nil, fmt.Errorf("models: posterior: %w missing: want a row for each hypothesis", ErrContext)
	}
	rows := rowsIn(x)
	k, _ := contexts.Dims()
	if k == 0 {
		return nil, fmt.Errorf("models: posterior: no hypotheses: want a row of context for each")
	}
	logPrior, err := logPriors(prior, k)
	if err != nil {
		return nil, err
	}
	out := mat.NewDense(max(rows, 1), k, nil)
	same := make([]int, rows)
	for c := range k {
		for i := range same {
			same[i] = c
		}
		logp, err := m.LogProb(x, rowsOf{contexts, same})
		if err != nil {
			return nil, fmt.Errorf("models: posterior: hypothesis %d: %w", c+1, err)
		}
		for i, v := range logp {
			out.Set(i, c, v)
		}
	}
	for i := range rows {
		normalise(out.RawRowView(i), logPrior)
	}
	return dense(rows, k, out.RawMatrix().Data[:rows*k]), nil
}

func logPriors(prior []float64, k int) ([]float64, error) {
	if prior == nil {
		return make([]float64, k), nil
	}
	if len(prior) != k {
		return nil, fmt.Errorf("models: posterior: a prior of %d numbers for %d hypotheses", len(prior), k)
	}
	out, total := make([]float64, k), 0.0
	for i, v := range prior {
		if !(v >= 0) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("models: posterior: prior %d is %v: want a number, not negative", i+1, v)
		}
		out[i] = math.Log(v)
		total += v
	}
	if total == 0 {
		return nil, fmt.Errorf("models: posterior: the prior is zero everywhere")
	}
	return out, nil
}

// normalise turns log-densities into probabilities, in place.
func normalise(p, logPrior []float64) {
	top := math.Inf(-1)
	for c := range p {
		p[c] += logPrior[c]
		top = max(top, p[c])
	}
	if math.IsInf(top, -1) {
		copy(p, logPrior)
		for _, v := range p {
			top = max(top, v)
		}
	}
	total := 0.0
	for c, v := range p {
		p[c] = math.Exp(v - top)
		total += p[c]
	}
	for c := range p {
		p[c] /= total
	}
}
