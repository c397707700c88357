package models_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
	"github.com/gorgeflow/gorge/models/internal/store"
)

// patient is a context that is cancelled once it has been asked so many times.
type patient struct {
	context.Context
	left atomic.Int64
}

func (p *patient) Err() error {
	if p.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Wherever a fit is stopped, in its start, within a step, between steps or in a
// validation, it goes on to the same bits, and has validated as often.
func TestResumeAnywhere(t *testing.T) {
	x, _ := banana(300, 1)
	valid, _ := banana(1000, 2)
	opts := models.FitOptions{Steps: 9, ValidEvery: 3, Batch: 64, EMA: 0.9, Seed: 4, LearnRate: 3e-3, Valid: models.Data{X: valid}}
	steps, validations := 0, 0
	opts.Progress = func(p models.Progress) {
		steps++
		if p.Validated {
			validations++
		}
	}
	fit := func(ctx context.Context, o models.FitOptions) (*models.Report, []float64) {
		m, err := models.New(models.Spec{Model: "maf", Dim: 2, Layers: 2, Hidden: []int{16}, Norm: "act"})
		require.NoError(t, err)
		r, err := m.Fit(ctx, models.Data{X: x}, o)
		require.NoError(t, err)
		lp, err := m.LogProb(x, nil)
		require.NoError(t, err)
		return r, lp
	}
	whole, want := fit(context.Background(), opts)
	opts.Checkpoint = filepath.Join(t.TempDir(), "checkpoint")
	stopped, within := true, 0
	for asked := int64(0); stopped; asked++ {
		ctx := &patient{Context: context.Background()}
		ctx.left.Store(asked)
		opts.Resume = false
		steps, validations = 0, 0
		part, _ := fit(ctx, opts)
		stopped = part.Stopped == "interrupted"
		cut := part.Steps/opts.ValidEvery > validations
		if cut {
			within++
		}
		opts.Resume = true
		r, got := fit(context.Background(), opts)
		require.Equal(t, want, got, "stopped when asked %d times, after %d steps", asked, r.Steps)
		require.Equal(t, []any{whole.Valid, whole.BestStep}, []any{r.Valid, r.BestStep})
		require.Equal(t, 9, steps)
		if !cut || part.Steps < 9 { // no step is left to tell the last one with
			require.Equal(t, 3, validations)
		}
	}
	require.GreaterOrEqual(t, within, 3*8, "validations that are stopped within their eight shards")
}

// A negative number of steps between checkpoints is none but the last, from which a fit
// goes on.
func TestCheckpointAtTheEndAlone(t *testing.T) {
	x, _ := banana(300, 1)
	path := filepath.Join(t.TempDir(), "checkpoint")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	opts := models.FitOptions{Steps: 600, Batch: 32, Checkpoint: path, CheckpointSteps: -1}
	opts.Progress = func(p models.Progress) {
		require.NoFileExists(t, path)
		if p.Step == 510 {
			cancel()
		}
	}
	for _, want := range []int{510, 600} {
		m, err := models.New(models.Spec{Model: "maf", Dim: 2, Layers: 1, Hidden: []int{8}})
		require.NoError(t, err)
		r, err := m.Fit(ctx, models.Data{X: x}, opts)
		require.NoError(t, err)
		require.Equal(t, want, r.Steps)
		require.FileExists(t, path)
		ctx, opts.Resume, opts.Progress = context.Background(), true, nil
	}
}

// A fit that does not go on from a checkpoint says what is different, and counters that no
// fit has are refused by the name of their tensor.
func TestResumeRefused(t *testing.T) {
	x, _ := banana(300, 1)
	path := filepath.Join(t.TempDir(), "checkpoint")
	spec := models.Spec{Model: "maf", Dim: 2, Layers: 1, Hidden: []int{8}}
	opts := models.FitOptions{Steps: 5, Batch: 32, Checkpoint: path}
	fit := func(x *mat.Dense, s models.Spec, o models.FitOptions) error {
		m, err := models.New(s)
		require.NoError(t, err)
		_, err = m.Fit(context.Background(), models.Data{X: x}, o)
		return err
	}
	require.NoError(t, fit(x, spec, opts))
	opts.Resume = true
	require.NoError(t, fit(x, spec, opts))
	other := mat.DenseCopyOf(x)
	other.Set(7, 1, 0.25)
	require.ErrorContains(t, fit(other, spec, opts), "of another fit, by the rows of data; a fit goes on")
	o := opts
	o.LearnRate, o.EMA = 0.5, 0.9
	require.ErrorContains(t, fit(x, spec, o), "by ema: 0 there, 0.9 here, learn rate: 0.001 there, 0.5 here;")
	s := spec
	s.Hidden, s.Dropout = []int{16}, 0.1
	require.ErrorContains(t, fit(x, s, opts), "of another model, by dropout: none there, 0.1 here, hidden: [8] there, [16] here")
	for i, v := range map[int]int64{0: -1, 1: -5, 2: 270, 4: -1} {
		f, err := store.Read(path)
		require.NoError(t, err)
		f.Tensor("progress/counters").I64[i] = v
		o := opts
		o.Checkpoint = filepath.Join(t.TempDir(), "forged")
		require.NoError(t, store.Write(o.Checkpoint, f))
		require.ErrorContains(t, fit(x, spec, o), `tensor "progress/counters"`)
	}
}
