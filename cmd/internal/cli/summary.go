package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
)

// summary is summary.json. Log-likelihoods are means in nats per row, in the
// units of the data.
type summary struct {
	Model             string   `json:"model"`
	Parameters        int      `json:"parameters"`
	TrainRows         int      `json:"train_rows"`
	TestRows          int      `json:"test_rows"`
	DroppedRows       int      `json:"dropped_rows,omitempty"` // of the table, for missing values
	LogProb           string   `json:"log_prob"`               // what a log-likelihood is the logarithm of
	Draws             int      `json:"draws,omitempty"`        // of noise for each row, where it is a lower bound
	TestLogLikelihood *float64 `json:"test_log_likelihood"`
	TestTwoSE         *float64 `json:"test_two_se"`
	WorstTestRow      int      `json:"worst_test_row,omitempty"` // from 1, in the test rows as they were shuffled
	WorstLogProb      *float64 `json:"worst_log_prob,omitempty"`
	WorstGaussian     *float64 `json:"worst_gaussian,omitempty"` // what a Gaussian fitted to the training rows gives that row
	ValidNLL          *float64 `json:"valid_nll"`
	BestStep          int      `json:"best_step"`
	Steps             int      `json:"steps"`
	Epochs            int      `json:"epochs"`
	RowsPerSecond     float64  `json:"rows_per_s"`
	Seconds           float64  `json:"seconds"`
	Rewinds           int      `json:"rewinds"`
	Stopped           string   `json:"stopped"`
}

func summarise(m *models.Model, d *dataset, r *models.Report) (*summary, error) {
	s := &summary{Model: m.Spec().Model, Parameters: m.Parameters(), TrainRows: r.Rows, DroppedRows: d.dropped, LogProb: m.LogProbOf(), ValidNLL: finite(r.Valid), BestStep: r.BestStep,
		Steps: r.Steps, Epochs: r.Epochs, RowsPerSecond: r.RowsPerSecond, Seconds: r.Seconds, Rewinds: r.Rewinds, Stopped: r.Stopped}
	if m.Bound() {
		s.Draws = models.Draws
	}
	if d.test.X == nil {
		return s, nil
	}
	lp, err := m.LogProb(d.test.X, d.test.Context)
	if err != nil {
		return nil, fmt.Errorf("test rows: %w", err)
	}
	mean, two := weightedMean(lp, d.test.Weights)
	s.TestRows, s.TestLogLikelihood, s.TestTwoSE = len(lp), finite(mean), finite(two)
	worst := 0
	for i, v := range lp {
		if v < lp[worst] || math.IsNaN(v) {
			worst = i
		}
	}
	s.WorstTestRow, s.WorstLogProb = worst+1, finite(lp[worst])
	if d.test.Context == nil && comparable(m.Schema()) {
		if g, ok := gaussian(d.train.X, d.test.X, worst); ok {
			s.WorstGaussian = finite(g)
		}
	}
	return s, nil
}

// comparable reports whether a Gaussian has a density of the columns too.
func comparable(s models.Schema) bool {
	for _, c := range s.Columns {
		if c.Discrete() || c.Period != 0 {
			return false
		}
	}
	return true
}

// weightedMean returns the mean and two standard errors of it, NaN for a single value.
func weightedMean(v, w []float64) (mean, two float64) {
	n, sw := 0.0, 0.0
	weight := func(i int) float64 {
		if w == nil {
			return 1
		}
		return w[i]
	}
	for i, x := range v {
		sw += weight(i)
		mean += weight(i) * x
		n++
	}
	mean /= sw
	ss := 0.0
	for i, x := range v {
		ss += weight(i) * weight(i) * (x - mean) * (x - mean)
	}
	return mean, 2 * math.Sqrt(ss*n/(n-1)) / sw
}

// gaussian is the log-density of a row of x under a Gaussian fitted to train.
func gaussian(train, x mat.Matrix, row int) (float64, bool) {
	n, d := train.Dims()
	mean := make([]float64, d)
	cov := mat.NewSymDense(d, nil)
	for i := range n {
		for j := range d {
			mean[j] += train.At(i, j) / float64(n)
		}
	}
	for i := range n {
		for j := range d {
			for k := j; k < d; k++ {
				cov.SetSym(j, k, cov.At(j, k)+(train.At(i, j)-mean[j])*(train.At(i, k)-mean[k])/float64(n))
			}
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(cov) {
		return 0, false
	}
	diff, sol := mat.NewVecDense(d, nil), mat.NewVecDense(d, nil)
	for j := range d {
		diff.SetVec(j, x.At(row, j)-mean[j])
	}
	if err := chol.SolveVecTo(sol, diff); err != nil {
		return 0, false
	}
	return -0.5 * (mat.Dot(diff, sol) + chol.LogDet() + float64(d)*math.Log(2*math.Pi)), true
}

func writeSummary(path string, s *summary) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("summary: %w", err)
	}
	return writeFile(path, append(b, '\n'))
}

func (s *summary) print(w io.Writer, dir string) {
	if s.TestLogLikelihood != nil {
		atLeast := ""
		if s.Draws > 0 {
			atLeast = "at least "
		}
		if s.TestTwoSE != nil {
			fmt.Fprintf(w, "test log-likelihood  %s%.4f ± %.4f nats (2 s.e., %d rows)\n", atLeast, *s.TestLogLikelihood, *s.TestTwoSE, s.TestRows)
		} else {
			fmt.Fprintf(w, "test log-likelihood  %s%.4f nats (%d rows)\n", atLeast, *s.TestLogLikelihood, s.TestRows)
		}
		fmt.Fprintf(w, "                     %s\n", s.LogProb)
	} else if s.TestRows > 0 {
		fmt.Fprintf(w, "test log-likelihood  not finite (%d rows): test row %d is the worst\n", s.TestRows, s.WorstTestRow)
	}
	if s.WorstLogProb != nil && s.WorstGaussian != nil {
		fmt.Fprintf(w, "worst test row       %s nats (test row %d; a Gaussian gives it %s)\n", nats(*s.WorstLogProb), s.WorstTestRow, nats(*s.WorstGaussian))
	}
	fmt.Fprintf(w, "steps                %d (%d epochs; stopped by %s; best at step %d)\n", s.Steps, s.Epochs, s.Stopped, s.BestStep)
	fmt.Fprintf(w, "speed                %.0f rows/s, %.1f seconds\n", s.RowsPerSecond, s.Seconds)
	fmt.Fprintf(w, "model                %s, %d parameters: %s\n", s.Model, s.Parameters, filepath.Join(dir, "model.safetensors"))
}

// nats has a digit after the point, or few in all if there are many before it.
func nats(v float64) string {
	if math.Abs(v) >= 1e7 {
		return fmt.Sprintf("%.3g", v)
	}
	return fmt.Sprintf("%.1f", v)
}
