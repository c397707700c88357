package models_test

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
)

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}

// twoHumps is a column of two normal humps far apart, and its entropy.
func twoHumps(n int, seed uint64) (*mat.Dense, float64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := mat.NewDense(n, 1, nil)
	for i := range n {
		x.Set(i, 0, 5*float64(rng.IntN(2))+0.5*rng.NormFloat64())
	}
	return x, math.Log(2*0.5) + 0.5*math.Log(2*math.Pi*math.E)
}

// Affine couplings of one column are normal densities; with columns of noise beside it
// they learn two humps. Their bound integrates to no more than one, and to one over
// many draws; it is the nearer the more draws there are.
func TestAugment(t *testing.T) {
	x, entropy := twoHumps(4000, 1)
	test, _ := twoHumps(4000, 2)
	nll := map[int]float64{}
	for _, extra := range []int{0, 1, 3} {
		m, err := models.New(models.Spec{Model: "realnvp", Dim: 1, Layers: 6, Hidden: []int{32}, Augment: extra, Seed: 1})
		require.NoError(t, err)
		require.Equal(t, extra > 0, m.Bound())
		_, err = m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: 800, LearnRate: 5e-3, Seed: 2})
		require.NoError(t, err)
		lp, err := m.LogProb(test, nil)
		require.NoError(t, err)
		nll[extra] = -mean(lp)
		if extra == 0 {
			require.Equal(t, "log-density in nats, in the units of the columns", m.LogProbOf())
			continue
		}
		require.Contains(t, m.LogProbOf(), "lower bound on the log-density")
		const cells, from, to = 2000, -15.0, 20.0
		grid := mat.NewDense(cells, 1, nil)
		for i := range cells {
			grid.Set(i, 0, from+(to-from)*(float64(i)+0.5)/cells)
		}
		last := math.Inf(-1)
		for _, draws := range []int{1, 16, 300} {
			some, err := m.LogProbBound(test, nil, models.BoundOptions{Draws: draws})
			require.NoError(t, err)
			require.Greater(t, mean(some), last)
			last = mean(some)
			lp, err := m.LogProbBound(grid, nil, models.BoundOptions{Draws: draws})
			require.NoError(t, err)
			total := 0.0
			for _, v := range lp {
				total += math.Exp(v) * (to - from) / cells
			}
			require.InDelta(t, 1, total, 0.05, "%d draws of %d columns", draws, extra)
		}
		u, err := m.Inverse(test, nil)
		require.NoError(t, err)
		_, cols := u.Dims()
		require.Equal(t, 1+extra, cols)
	}
	require.Greater(t, nll[0], entropy+0.3)
	require.InDelta(t, entropy, nll[1], 0.1)
	require.InDelta(t, entropy, nll[3], 0.1)
}

// counts are two whole numbers that know of each other and a column that knows of both.
func counts(n int, seed uint64) *mat.Dense {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := mat.NewDense(n, 3, nil)
	for i := range n {
		a := rng.IntN(3)
		b := (a + rng.IntN(2)) % 3
		x.SetRow(i, []float64{float64(a), float64(10 + b), float64(a-b) + rng.NormFloat64()})
	}
	return x
}

func countSchema() models.Schema {
	return schema("a", models.Kind{Of: models.KindInteger}, "b", models.Kind{Of: models.KindInteger}, "c", models.Kind{})
}

// Integer columns with learnt noise: the probabilities of all numbers add up to one, the
// model beats the one with uniform noise, samples are whole, what is said of a sample is
// what is said of the row, the gradient is that of the bound, and all of it survives the
// model file.
func TestVariationalDequantise(t *testing.T) {
	x, test := counts(4000, 1), counts(1000, 2)
	data := models.Data{X: x, Names: []string{"a", "b", "c"}}
	fit := func(dequantise string) *models.Model {
		return fitFor(t, countSchema(), models.Spec{Model: "realnvp", Layers: 4, Hidden: []int{32}, DType: "float64", Dequantise: dequantise, Seed: 1},
			data, models.FitOptions{Steps: 600, LearnRate: 5e-3, Seed: 2})
	}
	uniform, m := fit("uniform"), fit("variational")
	require.False(t, uniform.Bound())
	require.True(t, m.Bound())
	require.Contains(t, m.LogProbOf(), "lower bound on the log in nats of a probability (a, b) times a density")
	u, err := uniform.LogProb(test, nil)
	require.NoError(t, err)
	v, err := m.LogProb(test, nil)
	require.NoError(t, err)
	entropy := math.Log(6) + 0.5*math.Log(2*math.Pi*math.E)
	t.Logf("nats: uniform %.3f, learnt %.3f, entropy %.3f", -mean(u), -mean(v), entropy)
	require.Greater(t, mean(v), mean(u))
	require.Greater(t, -mean(v), entropy-0.1)
	require.Less(t, -mean(v), entropy+0.3)

	total := 0.0
	const cells = 100
	grid := mat.NewDense(6*8*cells, 3, nil)
	for i := range 6 * 8 * cells {
		grid.SetRow(i, []float64{float64(i%6) - 1, float64(i/6%8 + 7), -10 + 20*(float64(i/48)+0.5)/cells})
	}
	lp, err := m.LogProbBound(grid, nil, models.BoundOptions{Draws: 40})
	require.NoError(t, err)
	for _, v := range lp {
		total += math.Exp(v) * 20 / cells
	}
	require.Less(t, total, 1.03)
	require.Greater(t, total, 0.9, "the other whole numbers are unlikely")

	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, m.Save(path))
	m, err = models.Load(path)
	require.NoError(t, err)
	again, err := m.LogProb(test, nil)
	require.NoError(t, err)
	require.Equal(t, v, again)
	part, err := m.LogProbBound(test.Slice(700, 1000, 0, 3), nil, models.BoundOptions{FirstRow: 700})
	require.NoError(t, err)
	require.Equal(t, v[700:], part, "a row's number chooses its noise")

	s, slp, err := m.SampleLogProb(500, nil, models.SampleOptions{Seed: 3})
	require.NoError(t, err)
	again, err = m.LogProb(s, nil)
	require.NoError(t, err)
	require.Equal(t, again, slp)
	for i := range 500 {
		for j := range 2 {
			require.Equal(t, math.Round(s.At(i, j)), s.At(i, j))
		}
	}

	few := mat.DenseCopyOf(test.Slice(0, 20, 0, 3))
	g, err := m.Score(few, nil)
	require.NoError(t, err)
	const h = 1e-5
	up, down := mat.DenseCopyOf(few), mat.DenseCopyOf(few)
	for i := range 20 {
		up.Set(i, 2, few.At(i, 2)+h)
		down.Set(i, 2, few.At(i, 2)-h)
	}
	a, err := m.LogProb(up, nil)
	require.NoError(t, err)
	b, err := m.LogProb(down, nil)
	require.NoError(t, err)
	for i := range 20 {
		require.Zero(t, g.At(i, 0))
		num := (a[i] - b[i]) / (2 * h)
		require.InDelta(t, num, g.At(i, 2), 1e-3*(1+math.Abs(num)), "row %d", i)
	}
}

// A fit of bounds that is stopped and resumed ends in the same bits, with a context.
func TestResumeBound(t *testing.T) {
	x := counts(400, 1)
	s := countSchema()
	s.Columns, s.Context = s.Columns[:2], s.Columns[2:]
	spec := models.Spec{Model: "nsf", Layers: 2, Hidden: []int{8}, Bins: 4, Augment: 2, Dequantise: "variational", Embed: 3}
	data := models.Data{X: x.Slice(0, 400, 0, 2), Context: x.Slice(0, 400, 2, 3), Names: []string{"a", "b"}, ContextNames: []string{"c"}}
	opts := models.FitOptions{Steps: 60, ValidEvery: 10, Batch: 64, Seed: 4}
	whole := fitFor(t, s, spec, data, opts)
	want, err := whole.LogProb(data.X, data.Context)
	require.NoError(t, err)
	opts.Checkpoint = filepath.Join(t.TempDir(), "checkpoint")
	ctx, cancel := context.WithCancel(context.Background())
	opts.Progress = func(p models.Progress) {
		if p.Step == 23 {
			cancel()
		}
	}
	m, err := models.NewFor(s, spec)
	require.NoError(t, err)
	r, err := m.Fit(ctx, data, opts)
	require.NoError(t, err)
	require.Equal(t, "interrupted", r.Stopped)
	opts.Progress, opts.Resume = nil, true
	m = fitFor(t, s, spec, data, opts)
	got, err := m.LogProb(data.X, data.Context)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, lp, err := m.SampleLogProb(400, data.Context, models.SampleOptions{})
	require.NoError(t, err)
	for _, v := range lp {
		require.False(t, math.IsNaN(v) || math.IsInf(v, 0))
	}
}

// What cannot be augmented or dequantised is said.
func TestBoundMistakes(t *testing.T) {
	for want, spec := range map[string]models.Spec{
		"angles are not augmented":                        {Model: "ncsf", Dim: 2, Augment: 1},
		"-1 columns of noise beside the data":             {Dim: 2, Augment: -1},
		`dequantise "variatonal", did you mean "variatio`: {Dim: 2, Dequantise: "variatonal"},
	} {
		_, err := models.New(spec)
		require.ErrorContains(t, err, want)
	}
	x, _ := banana(100, 1)
	m, err := models.New(models.Spec{Dim: 2, Layers: 1, Hidden: []int{4}, Dequantise: "variational"})
	require.NoError(t, err)
	_, err = m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: 1})
	require.ErrorContains(t, err, "variational dequantisation of no column")
	_, err = m.LogProbBound(x, nil, models.BoundOptions{Draws: -1})
	require.ErrorContains(t, err, "-1 draws")
}
