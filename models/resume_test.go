package models_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/models"
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
	opts := models.FitOptions{Steps: 9, ValidEvery: 3, Batch: 64, EMA: 0.9, Seed: 4, LearnRate: 3e-3}
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
	stopped := true
	for asked := int64(0); stopped; asked++ {
		ctx := &patient{Context: context.Background()}
		ctx.left.Store(asked)
		opts.Resume = false
		r, _ := fit(ctx, opts)
		stopped = r.Stopped == "interrupted"
		opts.Resume = true
		r, got := fit(context.Background(), opts)
		require.Equal(t, want, got, "stopped when asked %d times, after %d steps", asked, r.Steps)
		require.Equal(t, []any{whole.Valid, whole.BestStep}, []any{r.Valid, r.BestStep})
	}
}
