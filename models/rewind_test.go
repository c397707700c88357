package models_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
)

// poison spoils a weight after a step, once.
func poison(m *models.Model, at int, then func(models.Progress)) func(models.Progress) {
	done := false
	return func(p models.Progress) {
		if p.Step == at && !done {
			done = true
			w := m.Params().Trainable()[0]
			v := w.Get()
			v[0] = math.NaN()
			_ = w.Set(v) // as many values as there were
		}
		then(p)
	}
}

func meanLogProb(t *testing.T, m *models.Model, x *mat.Dense) float64 {
	t.Helper()
	lp, err := m.LogProb(x, nil)
	require.NoError(t, err)
	mean := 0.0
	for _, v := range lp {
		mean += v / float64(len(lp))
	}
	return mean
}

// A fit whose weights stop being finite goes back to the best so far and ends about
// as well as one to which nothing happened: before the first validation, after it,
// without one, with averaged weights.
func TestRewind(t *testing.T) {
	x, entropy := banana(2000, 1)
	for name, c := range map[string]struct {
		o         models.FitOptions
		at, every int // it goes on after a multiple of so many steps
	}{
		"before the first step that is kept": {models.FitOptions{}, 20, 50},
		"before validation":                  {models.FitOptions{ValidEvery: 400}, 170, 50},
		"after validation":                   {models.FitOptions{ValidEvery: 40}, 170, 40},
		"without validation":                 {models.FitOptions{ValidFraction: -1}, 170, 50},
		"averaged":                           {models.FitOptions{EMA: 0.99, ValidEvery: 40}, 170, 40},
	} {
		m, err := models.New(models.Spec{Model: "maf", Dim: 2, Layers: 3, Hidden: []int{24, 24}})
		require.NoError(t, err)
		o := c.o
		o.Steps, o.LearnRate, o.Batch, o.WarmUp = 500, 5e-3, 256, 20
		last := 0
		o.Progress = poison(m, c.at, func(p models.Progress) {
			if p.Step <= last {
				require.Zero(t, (p.Step-1)%c.every, name)
				require.Less(t, p.LearnRate, 2.5e-3/10, "%s: warm-up begins anew", name)
			}
			last = p.Step
		})
		r, err := m.Fit(context.Background(), models.Data{X: x}, o)
		require.NoError(t, err)
		require.Equal(t, 1, r.Rewinds, name)
		require.Equal(t, 500, r.Steps, name)
		require.InDelta(t, -entropy, meanLogProb(t, m, x), 0.15, name)
	}
}

// bumpy is a fit that goes back once, from step 130; it is stopped after these steps
// and resumed, with the best weights in a file or in memory, as best says in turn.
type bumpy struct {
	path   string
	best   []string
	stops  []int
	killed bool // by the last stop: what is resumed is the checkpoint of step 100
}

func (b bumpy) run(t *testing.T) []float64 {
	t.Helper()
	x, _ := banana(700, 1)
	const at = 130
	spoilt := false
	var old []byte
	for i := 0; ; i++ {
		m, err := models.New(models.Spec{Model: "maf", Dim: 2, Layers: 2, Hidden: []int{16}, Norm: "batch"})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		o := models.FitOptions{Steps: 230, Batch: 64, EMA: 0.99, ValidEvery: 60, Seed: 4, LearnRate: 3e-3, Checkpoint: b.path, CheckpointSteps: 100, Resume: i > 0}
		o.Best = b.best[i%len(b.best)]
		then := func(p models.Progress) {
			if p.Step == 101 && old == nil {
				old, err = os.ReadFile(b.path)
				require.NoError(t, err)
			}
			if i < len(b.stops) && p.Step == b.stops[i] && (b.stops[i] < at || spoilt) {
				cancel()
			}
		}
		o.Progress = then
		if !spoilt {
			o.Progress = poison(m, at, func(p models.Progress) { spoilt = spoilt || p.Step == at; then(p) })
		}
		r, err := m.Fit(ctx, models.Data{X: x}, o)
		require.NoError(t, err)
		cancel()
		if i == len(b.stops) {
			require.Equal(t, 1, r.Rewinds)
			require.Equal(t, "steps", r.Stopped)
			lp, err := m.LogProb(x, nil)
			require.NoError(t, err)
			return lp
		}
		require.Equal(t, "interrupted", r.Stopped)
		if b.killed && i == len(b.stops)-1 {
			require.NoError(t, os.WriteFile(b.path, old, 0o644))
			spoilt = false
		}
	}
}

// Stopped before or after going back, and resumed, a fit ends in the same bits, wherever
// the best weights are; so it does when it was killed long after its last checkpoint.
func TestRewindResume(t *testing.T) {
	dir := t.TempDir()
	path, best := filepath.Join(dir, "checkpoint"), filepath.Join(dir, "best")
	memory, file, either := []string{""}, []string{best}, []string{best, ""}
	want := bumpy{path: path, best: memory}.run(t)
	for _, where := range [][]string{memory, file, either} {
		for _, stops := range [][]int{nil, {125}, {125, 126, 200}, {128, 190}} {
			require.Equal(t, want, bumpy{path: path, best: where, stops: stops}.run(t), "best in %q, stopped after %v", where, stops)
		}
		require.Equal(t, want, bumpy{path: path, best: where, stops: []int{200}, killed: true}.run(t), "best in %q, killed", where)
	}
	require.Equal(t, want, bumpy{path: path, best: file}.run(t))
	m, err := models.Load(best)
	require.NoError(t, err)
	x, _ := banana(700, 1)
	got, err := m.LogProb(x, nil)
	require.NoError(t, err)
	require.Equal(t, want, got, "the file is the model")
}

// After an error before the first step a model is as it was; after a later one it has
// the best weights so far.
func TestFitFails(t *testing.T) {
	m, x := fitted(t, models.Spec{Model: "maf"}, models.FitOptions{})
	schema, want := m.Schema(), meanLogProb(t, m, x)
	_, err := m.Fit(context.Background(), models.Data{X: x.Slice(0, 500, 0, 2)}, models.FitOptions{Resume: true, Checkpoint: "none"})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, schema, m.Schema())
	require.Equal(t, want, meanLogProb(t, m, x))

	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	require.NoError(t, os.Mkdir(sub, 0o755))
	fresh, err := models.New(models.Spec{Model: "maf", Dim: 2, Layers: 3, Hidden: []int{16, 16}})
	require.NoError(t, err)
	_, err = fresh.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: 200, LearnRate: 5e-3, WarmUp: 1, ValidEvery: 50,
		Checkpoint: filepath.Join(sub, "c"), CheckpointSteps: 120, Progress: func(p models.Progress) {
			if p.Step == 110 {
				require.NoError(t, os.RemoveAll(sub))
			}
		}})
	require.ErrorContains(t, err, "checkpoint")
	require.Greater(t, meanLogProb(t, fresh, x), want-0.5)
}
