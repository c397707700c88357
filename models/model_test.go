package models_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"gorgonia.org/gorgonia"

	"github.com/gorgeflow/gorge/models"
	"github.com/gorgeflow/gorge/models/internal/store"
)

func fitted(t testing.TB, spec models.Spec, opts models.FitOptions) (*models.Model, *mat.Dense) {
	t.Helper()
	x, _ := banana(1000, 1)
	if spec.Model == "ncsf" {
		x = turned(x)
	}
	spec.Dim, spec.Layers, spec.Hidden = 2, 3, []int{16, 16}
	if strings.HasPrefix(spec.Model, "made") { // a base alone
		spec.Layers, spec.Base = 0, ""
	}
	m, err := models.New(spec)
	require.NoError(t, err)
	if opts.Steps == 0 {
		opts.Steps = 60
	}
	_, err = m.Fit(context.Background(), models.Data{X: x, Names: []string{"a", "b"}}, opts)
	require.NoError(t, err)
	return m, x
}

// A model that was saved and loaded scores to the same bits and knows its
// columns; every ready model, both element types.
func TestSaveLoad(t *testing.T) {
	for _, name := range models.Names() {
		for _, dt := range []string{"float32", "float64"} {
			spec := models.Spec{Model: name, DType: dt, Norm: "batch", Base: "mixture"}
			if name == "ncsf" {
				spec.Norm, spec.Base = "", ""
			}
			m, x := fitted(t, spec, models.FitOptions{Steps: 15})
			path := filepath.Join(t.TempDir(), "m.safetensors")
			require.NoError(t, m.Save(path))
			got, err := models.Load(path)
			require.NoError(t, err)
			require.Equal(t, m.Spec(), got.Spec())
			require.Equal(t, m.Schema(), got.Schema())
			a, err := m.LogProb(x, nil)
			require.NoError(t, err)
			b, err := got.LogProb(x, nil)
			require.NoError(t, err)
			require.Equal(t, a, b)
			again := filepath.Join(t.TempDir(), "m.safetensors")
			require.NoError(t, got.Save(again))
			one, err := os.ReadFile(path)
			require.NoError(t, err)
			two, err := os.ReadFile(again)
			require.NoError(t, err)
			require.Equal(t, one, two)
		}
	}
}

// A model file with weights that are not finite is refused, by the name of the tensor; all
// its log-densities would be NaN.
func TestLoadNotFinite(t *testing.T) {
	for _, dtype := range []string{"float32", "float64"} {
		m, err := models.New(models.Spec{Model: "nsf", Dim: 2, Layers: 1, Hidden: []int{8}, DType: dtype})
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "m.safetensors")
		require.NoError(t, m.Save(path))
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			f, err := store.Read(path)
			require.NoError(t, err)
			w := f.Tensor("layer0.output.weight")
			if w.F32 != nil {
				w.F32[3] = float32(v)
			} else {
				w.F64[3] = v
			}
			bad := filepath.Join(t.TempDir(), "bad.safetensors")
			require.NoError(t, store.Write(bad, f))
			_, err = models.Load(bad)
			require.ErrorContains(t, err, fmt.Sprintf(`bad.safetensors: tensor "layer0.output.weight": element 3 is %v`, v))
		}
	}
}

// Rows have the same bits in any batch and from any goroutine; samples depend on
// seed and row alone; the two passes of sampling agree.
func TestRowsAreIndependent(t *testing.T) {
	m, x := fitted(t, models.Spec{Model: "maf"}, models.FitOptions{})
	all, err := m.LogProb(x, nil)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := g; i < 200; i += 4 {
				one, err := m.LogProb(x.Slice(i, i+1, 0, 2), nil)
				if err != nil || one[0] != all[i] {
					t.Errorf("row %d: %v alone (%v), %v among all", i, one, err, all[i])
				}
			}
		})
	}
	wg.Wait()
	s, lp, err := m.SampleLogProb(5000, nil, models.SampleOptions{Seed: 3})
	require.NoError(t, err)
	part, err := m.Sample(300, nil, models.SampleOptions{Seed: 3, FirstRow: 4200})
	require.NoError(t, err)
	require.Equal(t, mat.DenseCopyOf(s.Slice(4200, 4500, 0, 2)), part)
	scored, err := m.LogProb(s, nil)
	require.NoError(t, err)
	for i := range lp {
		require.InDelta(t, scored[i], lp[i], 2e-3)
	}
	cool, err := m.Sample(5000, nil, models.SampleOptions{Seed: 3, Temperature: 0.1})
	require.NoError(t, err)
	require.Less(t, spread(cool), 0.5*spread(s))
}

func spread(x *mat.Dense) float64 {
	n, _ := x.Dims()
	m, s := 0.0, 0.0
	for i := range n {
		m += x.At(i, 0) / float64(n)
	}
	for i := range n {
		s += (x.At(i, 0) - m) * (x.At(i, 0) - m) / float64(n)
	}
	return math.Sqrt(s)
}

// Score is the gradient of LogProb, in the units of the data; the latents of
// data are about standard normal; log-densities integrate to one.
func TestUnits(t *testing.T) {
	m, x := fitted(t, models.Spec{Model: "nsf", DType: "float64"}, models.FitOptions{Steps: 150})
	rows := mat.DenseCopyOf(x.Slice(0, 5, 0, 2))
	score, err := m.Score(rows, nil)
	require.NoError(t, err)
	for i := range 5 {
		for j := range 2 {
			const h = 1e-4
			up, down := mat.DenseCopyOf(rows), mat.DenseCopyOf(rows)
			up.Set(i, j, rows.At(i, j)+h)
			down.Set(i, j, rows.At(i, j)-h)
			a, err := m.LogProb(up, nil)
			require.NoError(t, err)
			b, err := m.LogProb(down, nil)
			require.NoError(t, err)
			num := (a[i] - b[i]) / (2 * h)
			require.InDelta(t, num, score.At(i, j), 1e-4*(1+math.Abs(num)))
		}
	}
	u, err := m.Inverse(x, nil)
	require.NoError(t, err)
	require.InDelta(t, 1, spread(u), 0.15)
	const n = 400
	grid := mat.NewDense(n*n, 2, nil)
	for i := range n {
		for j := range n {
			grid.SetRow(i*n+j, []float64{-80 + 360*(float64(i)+0.5)/n, -20 + 80*(float64(j)+0.5)/n})
		}
	}
	lp, err := m.LogProb(grid, nil)
	require.NoError(t, err)
	total := 0.0
	for _, v := range lp {
		total += math.Exp(v) * 360 / n * 80 / n
	}
	require.InDelta(t, 1, total, 0.02)
}

// A conditional model learns y | x; weights count rows.
func TestContextAndWeights(t *testing.T) {
	x, _ := banana(3000, 1)
	y, c := mat.DenseCopyOf(x.Slice(0, 3000, 1, 2)), mat.DenseCopyOf(x.Slice(0, 3000, 0, 1))
	for _, name := range []string{"realnvp", "maf", "nsf"} {
		m, err := models.New(models.Spec{Model: name, Dim: 1, Context: 1, Layers: 3, Hidden: []int{32, 32}, Embed: 4, Base: "diagonal"})
		require.NoError(t, err)
		_, err = m.Fit(context.Background(), models.Data{X: y, Context: c}, models.FitOptions{Steps: 400, LearnRate: 3e-3})
		require.NoError(t, err)
		lp, err := m.LogProb(y, c)
		require.NoError(t, err)
		mean := 0.0
		for _, v := range lp {
			mean += v / 3000
		}
		want := -0.5*math.Log(2*math.Pi*math.E) - math.Log(0.5*7) // N(a²/2, 0.5²) times 7
		require.InDelta(t, want, mean, 0.1, name)
		_, err = m.LogProb(y, nil)
		require.ErrorIs(t, err, models.ErrContext)
		s, err := m.Sample(3000, c, models.SampleOptions{})
		require.NoError(t, err)
		require.InDelta(t, spread(y), spread(s), 0.15*spread(y))
	}
	// Half of the rows at weight zero are as good as absent.
	two := mat.NewDense(2000, 1, nil)
	w := make([]float64, 2000)
	for i := range 2000 {
		two.Set(i, 0, math.Sin(float64(i*i)))
		if i%2 == 0 {
			w[i] = 1
		} else {
			two.Set(i, 0, 5+math.Sin(float64(3*i*i)))
		}
	}
	m, err := models.New(models.Spec{Model: "nsf", Dim: 1, Layers: 3, Hidden: []int{16}})
	require.NoError(t, err)
	_, err = m.Fit(context.Background(), models.Data{X: two, Weights: w}, models.FitOptions{Steps: 300, LearnRate: 3e-3})
	require.NoError(t, err)
	s, err := m.Sample(2000, nil, models.SampleOptions{})
	require.NoError(t, err)
	far := 0
	for i := range 2000 {
		if s.At(i, 0) > 3 {
			far++
		}
	}
	require.Less(t, far, 60)
}

// A fit that is stopped at some step and resumed ends in the same bits.
func TestResume(t *testing.T) {
	x, _ := banana(700, 1)
	spec := models.Spec{Model: "maf", Dim: 2, Layers: 2, Hidden: []int{16}, Norm: "batch", Dropout: 0.1}
	opts := models.FitOptions{Steps: 230, Batch: 64, EMA: 0.99, ValidEvery: 20, Seed: 4}
	fit := func(ctx context.Context, o models.FitOptions) (*models.Model, *models.Report) {
		m, err := models.New(spec)
		require.NoError(t, err)
		r, err := m.Fit(ctx, models.Data{X: x}, o)
		require.NoError(t, err)
		return m, r
	}
	whole, _ := fit(context.Background(), opts)
	want, err := whole.LogProb(x, nil)
	require.NoError(t, err)
	for _, stop := range []int{1, 37, 100, 229} {
		path := filepath.Join(t.TempDir(), "checkpoint")
		o := opts
		o.Checkpoint = path
		ctx, cancel := context.WithCancel(context.Background())
		o.Progress = func(p models.Progress) {
			if p.Step == stop {
				cancel()
			}
		}
		_, r := fit(ctx, o)
		require.Equal(t, "interrupted", r.Stopped)
		o.Progress, o.Resume = nil, true
		m, r := fit(context.Background(), o)
		require.Equal(t, "steps", r.Stopped)
		got, err := m.LogProb(x, nil)
		require.NoError(t, err)
		require.Equal(t, want, got, "stopped at %d", stop)
		_, r = fit(context.Background(), o) // a finished fit is loaded
		require.Equal(t, 230, r.Steps)
	}
}

// Bad input is refused with what is wrong and where.
func TestErrors(t *testing.T) {
	_, err := models.New(models.Spec{Model: "realnpv", Dim: 2})
	require.ErrorContains(t, err, `did you mean "realnvp"`)
	for _, c := range []struct {
		spec models.Spec
		want string
	}{
		{models.Spec{Dim: 0}, "need at least one"},
		{models.Spec{Dim: 2, Mixing: "lo"}, `did you mean "lu"`},
		{models.Spec{Dim: 2, Activation: "rely"}, "activation"},
		{models.Spec{Dim: 2, Hidden: []int{0}}, "hidden width 0"},
		{models.Spec{Dim: 2, Hidden: []int{8, -1}, Blocks: -1}, "hidden width -1"},
		{models.Spec{Dim: 2, Model: "nsf", Hidden: []int{0}}, "hidden width 0"},
		{models.Spec{Dim: 2, Dropout: 1}, "dropout 1"},
		{models.Spec{Dim: 2, DType: "float16"}, "float16"},
		{models.Spec{Dim: 2, Bins: -1}, "bins"},
		{models.Spec{Dim: 2, Bound: math.NaN()}, "bound NaN"},
		{models.Spec{Dim: 2, Tails: math.Inf(1)}, "tails +Inf"},
		{models.Spec{Dim: 2, Dropout: math.NaN()}, "dropout NaN"},
		{models.Spec{Dim: 2, Hidden: []int{1 << 40}}, "at most 65536"},
		{models.Spec{Dim: 1 << 40}, "at most 65536"},
		{models.Spec{Dim: 2, Blocks: 1 << 40}, "1000 blocks"},
	} {
		m, err := models.New(c.spec)
		if err == nil { // some mistakes show when the graph is built
			_, err = m.LogProb(mat.NewDense(1, 2, nil), nil)
		}
		require.ErrorContains(t, err, c.want)
	}
	x, _ := banana(100, 1)
	with := func(i, j int, v float64) *mat.Dense {
		y := mat.DenseCopyOf(x)
		y.Set(i, j, v)
		return y
	}
	constant, few, wide := mat.DenseCopyOf(x), mat.DenseCopyOf(x), mat.DenseCopyOf(x)
	for i := range 100 {
		wide.Set(i, 0, math.Copysign(1.7e308, float64(i)-1.5))
		constant.Set(i, 1, 3)
		few.Set(i, 0, float64(i%3))
	}
	for _, c := range []struct {
		data models.Data
		opts models.FitOptions
		want string
	}{
		{models.Data{}, models.FitOptions{}, "no training rows"},
		{models.Data{X: x.Slice(0, 1, 0, 2)}, models.FitOptions{}, "at least two"},
		{models.Data{X: with(7, 1, math.NaN()), Names: []string{"a", "b"}}, models.FitOptions{ValidFraction: -1}, `row 8, column "b": NaN`},
		{models.Data{X: constant, Names: []string{"a", "b"}}, models.FitOptions{}, `column "b" is constant (3 in all`},
		{models.Data{X: few, Names: []string{"a", "b"}}, models.FitOptions{}, `column "a" has only 3 distinct values`},
		{models.Data{X: wide}, models.FitOptions{ValidFraction: -1}, "change the column's unit"},
		{models.Data{X: x, Names: []string{"a", "a"}}, models.FitOptions{}, `column 2 is named "a": want a name of its own`},
		{models.Data{X: x, Names: []string{"a", ""}}, models.FitOptions{}, `column 2 is named ""`},
		{models.Data{X: x, Names: []string{"a", "b\xff"}}, models.FitOptions{}, "not UTF-8"},
		{models.Data{X: x}, models.FitOptions{Resume: true}, "checkpoint"},
		{models.Data{X: x}, models.FitOptions{Best: "one", Checkpoint: "./one"}, "a file for each"},
		{models.Data{X: x, Weights: []float64{1}}, models.FitOptions{}, "1 weights for 100"},
		{models.Data{X: x, Context: x}, models.FitOptions{}, "context"},
		{models.Data{X: x}, models.FitOptions{Schedule: "cosin"}, "schedule"},
		{models.Data{X: x}, models.FitOptions{Minutes: math.Inf(1)}, "minutes"},
		{models.Data{X: x}, models.FitOptions{WeightDecay: math.Inf(1)}, "weight decay"},
		{models.Data{X: x}, models.FitOptions{Clip: math.NaN()}, "clip"},
		{models.Data{X: x}, models.FitOptions{Resume: true, Checkpoint: "none"}, "none"},
		{models.Data{X: x}, models.FitOptions{Valid: models.Data{X: mat.NewDense(3, 3, nil)}}, "validation data of 3 columns"},
	} {
		m, err := models.New(models.Spec{Dim: 2, Layers: 1, Hidden: []int{4}})
		require.NoError(t, err)
		_, err = m.Fit(context.Background(), c.data, c.opts)
		require.ErrorContains(t, err, c.want)
	}
	m, err := models.New(models.Spec{Dim: 2, Layers: 1, Hidden: []int{4}})
	require.NoError(t, err)
	_, err = m.LogProb(mat.NewDense(1, 3, nil), nil)
	require.ErrorContains(t, err, "3 columns, the model has 2")
	_, err = m.LogProb(with(4, 0, math.Inf(1)), nil)
	require.ErrorContains(t, err, "row 5")
	_, err = m.LogProb(nil, nil)
	require.ErrorContains(t, err, "no rows are given")
	_, err = m.Inverse(nil, nil)
	require.ErrorContains(t, err, "no rows are given")
	_, err = m.Score(nil, nil)
	require.ErrorContains(t, err, "no rows are given")
	require.ErrorContains(t, m.SampleTo(nil, nil, nil, models.SampleOptions{}), "no room")
	_, err = m.Sample(-1, nil, models.SampleOptions{})
	require.ErrorContains(t, err, "-1 rows")
	_, err = m.Sample(1, nil, models.SampleOptions{Temperature: math.Inf(1)})
	require.ErrorContains(t, err, "temperature +Inf")
	// With leave to add noise a column of few values is fine, and two rows are.
	_, err = m.Fit(context.Background(), models.Data{X: few}, models.FitOptions{Steps: 5, Dequantise: true})
	require.NoError(t, err)
	require.Equal(t, 1.0, m.Schema().Columns[0].Step)
	_, err = m.Fit(context.Background(), models.Data{X: x.Slice(0, 2, 0, 2)}, models.FitOptions{Steps: 5})
	require.NoError(t, err)
}

// Rows that no arithmetic can follow have next to no density, which is a number or -Inf
// but not NaN; where the density is too small for a number its gradient still may be one.
func TestFarRows(t *testing.T) {
	x, _ := banana(200, 1)
	far := mat.NewDense(5, 2, []float64{1e300, 0, -1e300, 0, 0, 1e300, 1e39, -1e39, 1e30, 1e30})
	for _, name := range models.Names() {
		for _, dt := range []string{"float32", "float64"} {
			if name == "ncsf" {
				continue // whose columns are angles
			}
			m, err := models.New(models.Spec{Model: name, Dim: 2, DType: dt})
			require.NoError(t, err)
			_, err = m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: 2})
			require.NoError(t, err)
			lp, err := m.LogProb(far, nil)
			require.NoError(t, err)
			for i, v := range lp {
				require.Less(t, v, -100.0, "%s, %s, row %d", name, dt, i)
			}
		}
	}
	m, err := models.New(models.Spec{Model: "maf", Dim: 2, Tails: -1})
	require.NoError(t, err)
	lp, err := m.LogProb(far.Slice(4, 5, 0, 2), nil)
	require.NoError(t, err)
	require.Equal(t, []float64{math.Inf(-1)}, lp)
	score, err := m.Score(far.Slice(4, 5, 0, 2), nil)
	require.NoError(t, err)
	for j := range 2 {
		require.Less(t, score.At(0, j), -1e29, "towards the noise's middle")
		require.Greater(t, score.At(0, j), math.Inf(-1))
	}
}

// A fit that stops being finite goes back with a smaller learning rate, and says
// where it broke if that does not help.
func TestDiverged(t *testing.T) {
	x, _ := banana(500, 1)
	m, err := models.New(models.Spec{Model: "realnvp", Dim: 2, Layers: 2, Hidden: []int{8}, Tails: -1})
	require.NoError(t, err)
	r, err := m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: 300, LearnRate: 1e30, Clip: -1, WarmUp: 1, Schedule: "constant"})
	if err != nil {
		require.True(t, errors.Is(err, models.ErrDiverged))
		require.Contains(t, err.Error(), "square of base at base.go")
	}
	require.Positive(t, r.Rewinds)
	lp, err := m.LogProb(x, nil)
	require.NoError(t, err)
	for _, v := range lp {
		require.False(t, math.IsNaN(v), "the best weights so far are kept")
	}
}

// Any gorgonia solver fits; schedules, clipping, averages and time limits work.
func TestFitOptions(t *testing.T) {
	x, _ := banana(600, 1)
	for name, o := range map[string]models.FitOptions{
		"gorgonia's Adam":  {Steps: 60, Solver: gorgonia.NewAdamSolver(gorgonia.WithLearnRate(3e-3))},
		"plateau":          {Steps: 60, Schedule: "plateau", ValidEvery: 5, Patience: 40, LearnRate: 3e-3},
		"constant and ema": {Steps: 60, Schedule: "constant", EMA: 0.9, LearnRate: 3e-3, WeightDecay: 1e-3},
		"minutes":          {Minutes: 0.01, LearnRate: 3e-3},
		"epochs":           {Epochs: 20, LearnRate: 3e-3, Batch: 128},
		"patience":         {Epochs: 5000, Patience: 1, ValidEvery: 1, LearnRate: 3e-3},
		"no validation":    {Steps: 60, ValidFraction: -1, LearnRate: 3e-3},
	} {
		m, err := models.New(models.Spec{Model: "maf", Dim: 2, Layers: 2, Hidden: []int{16}, Norm: "act"})
		require.NoError(t, err)
		steps := 0
		o.Progress = func(p models.Progress) {
			steps++
			require.Equal(t, steps, p.Step)
			require.False(t, math.IsNaN(p.Train))
		}
		r, err := m.Fit(context.Background(), models.Data{X: x}, o)
		require.NoError(t, err, name)
		require.Equal(t, steps, r.Steps, name)
		want := map[string]string{"minutes": "time", "epochs": "epochs", "patience": "patience"}[name]
		if want == "" {
			want = "steps"
		}
		require.Equal(t, want, r.Stopped, name)
		lp, err := m.LogProb(x, nil)
		require.NoError(t, err)
		mean := 0.0
		for _, v := range lp {
			mean += v / 600
		}
		require.Greater(t, mean, -9.5, name)
	}
}

// Model files that are not, or not any more, are refused by name.
func TestLoadErrors(t *testing.T) {
	m, _ := fitted(t, models.Spec{Model: "nice"}, models.FitOptions{Steps: 5})
	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, m.Save(path))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := 0; n < len(b); n += 1 + len(b)/97 {
		require.NoError(t, os.WriteFile(path, b[:n], 0o644))
		_, err := models.Load(path)
		require.Error(t, err)
		require.True(t, strings.Contains(err.Error(), path))
	}
	_, err = models.Load(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Error(t, m.Save(filepath.Join(path, "below-a-file")))
}

// A nil matrix behind a pointer is no rows, and a nil context of cancellation an error.
func TestNil(t *testing.T) {
	m, err := models.New(models.Spec{Model: "realnvp", Dim: 2})
	require.NoError(t, err)
	var none *mat.Dense
	_, err = m.LogProb(none, nil)
	require.ErrorContains(t, err, "no rows are given")
	_, err = m.Fit(context.Background(), models.Data{X: none}, models.FitOptions{Steps: 1})
	require.ErrorContains(t, err, "rows")
	//lint:ignore SA1012 it is what is tested
	_, err = m.Fit(nil, models.Data{X: mat.NewDense(4, 2, []float64{1, 2, 3, 4, 5, 6, 7, 9})}, models.FitOptions{Steps: 1})
	require.ErrorContains(t, err, "context.Context is nil")
}

// A model that no memory is large enough for is an error, not the end of the process.
func TestTooLarge(t *testing.T) {
	for _, s := range []models.Spec{
		{Model: "nsf", Dim: 2, Hidden: []int{1 << 16, 1 << 16}},
		{Model: "maf", Dim: 1 << 16, Hidden: []int{1 << 16}},
		{Model: "bnaf", Dim: 1 << 16},
		{Model: "realnvp", Dim: 1 << 16},
	} {
		_, err := models.New(s)
		require.ErrorContains(t, err, "want a smaller model", s.Model)
	}
}
