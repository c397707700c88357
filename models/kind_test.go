package models_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
)

// kinds is a table with a column of each kind: log-normal, a share, a count, normal.
func kinds(n int, seed uint64) *mat.Dense {
	rng := rand.New(rand.NewPCG(seed, 9))
	x := mat.NewDense(n, 4, nil)
	for i := range n {
		z := rng.NormFloat64()
		x.SetRow(i, []float64{math.Exp(2 + z), 10 + 5/(1+math.Exp(-rng.NormFloat64())), math.Floor(100 + 20*rng.NormFloat64()), z + 0.5*rng.NormFloat64()})
	}
	return x
}

var (
	kindNames = []string{"price", "share", "count", "z"}
	kindOf    = map[string]models.Kind{"price": {Of: models.KindPositive}, "share": {Of: models.KindBounded, Lo: 10, Hi: 15}, "count": {Of: models.KindInteger}}
)

// Kinds of columns: samples are of them, the log-density is in the user's units, its
// gradient is that of the log-density, and all of it survives the model file.
func TestKinds(t *testing.T) {
	x, test := kinds(6000, 1), kinds(3000, 2)
	m, err := models.New(models.Spec{Model: "nsf-ar", Dim: 4, Layers: 3, Hidden: []int{32}, DType: "float64", Seed: 1})
	require.NoError(t, err)
	rep, err := m.Fit(context.Background(), models.Data{X: x, Names: kindNames}, models.FitOptions{Steps: 400, LearnRate: 3e-3, Kinds: kindOf, Seed: 2})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, m.Save(path))
	m, err = models.Load(path)
	require.NoError(t, err)
	lp, err := m.LogProb(test, nil)
	require.NoError(t, err)
	mean := 0.0
	for _, v := range lp {
		mean -= v / float64(len(lp))
	}
	require.InDelta(t, rep.Valid, mean, 0.2)
	// Entropies: of x₁ = exp(2+z) it is that of a normal plus 2; of the logit of a share,
	// plus the mean of log(x(1-x)) and of the size of the interval; of a rounded normal
	// that of the normal; of z given x₁, that of its noise.
	half := 0.5 * (1 + math.Log(2*math.Pi))
	logit := 0.0
	for i := range 20000 {
		z := math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/20000-1)
		s := 1 / (1 + math.Exp(-z))
		logit += math.Log(s*(1-s)) / 20000
	}
	require.InDelta(t, (half+2)+(half+logit+math.Log(5))+(half+math.Log(20))+(half+math.Log(0.5)), mean, 0.15)

	s, slp, err := m.SampleLogProb(2000, nil, models.SampleOptions{Seed: 3})
	require.NoError(t, err)
	again, err := m.LogProb(s, nil)
	require.NoError(t, err)
	for i := range 2000 {
		require.Greater(t, s.At(i, 0), 0.0)
		require.True(t, s.At(i, 1) > 10 && s.At(i, 1) < 15)
		require.Equal(t, math.Trunc(s.At(i, 2)), s.At(i, 2))
		require.InDelta(t, again[i], slp[i], 0.5, "row %d", i) // rounding moves the count within its step
	}
	g, err := m.Score(test, nil)
	require.NoError(t, err)
	for _, j := range []int{0, 1, 3} {
		up, down := mat.DenseCopyOf(test), mat.DenseCopyOf(test)
		const h = 1e-6
		for i := range 50 {
			up.Set(i, j, test.At(i, j)+h)
			down.Set(i, j, test.At(i, j)-h)
		}
		a, err := m.LogProb(up, nil)
		require.NoError(t, err)
		b, err := m.LogProb(down, nil)
		require.NoError(t, err)
		for i := range 50 {
			want := (a[i] - b[i]) / (2 * h)
			require.InDelta(t, want, g.At(i, j), 1e-3*(1+math.Abs(want)), "row %d column %d", i, j)
		}
	}
}

// What does not fit a kind is named by row and column, in fitting and in scoring.
func TestKindMistakes(t *testing.T) {
	x := kinds(200, 1)
	fit := func(kinds map[string]models.Kind) error {
		m, err := models.New(models.Spec{Model: "realnvp", Dim: 4, Layers: 1, Hidden: []int{4}})
		require.NoError(t, err)
		_, err = m.Fit(context.Background(), models.Data{X: x, Names: kindNames}, models.FitOptions{Steps: 1, Kinds: kinds})
		return err
	}
	for _, c := range []struct {
		kinds map[string]models.Kind
		want  string
	}{
		{map[string]models.Kind{"prices": {Of: "positive"}}, `no column "prices", did you mean "price"`},
		{map[string]models.Kind{"price": {Of: "positve"}}, `column "price": kind "positve", did you mean "positive"`},
		{map[string]models.Kind{"share": {Of: "bounded", Lo: 3, Hi: 3}}, `bounded by 3 and 3: want finite lo < hi`},
		{map[string]models.Kind{"share": {Of: "bounded", Lo: 10, Hi: 12}}, `column "share"`},
		{map[string]models.Kind{"z": {Of: "positive"}}, `column "z"`},
		{map[string]models.Kind{"price": {Of: "integer"}}, `in a column of whole numbers`},
		{map[string]models.Kind{"price": {Of: "positive", Lo: 1}}, `lo and hi are for kind "bounded"`},
	} {
		require.ErrorContains(t, fit(c.kinds), c.want)
	}
	m, err := models.New(models.Spec{Model: "realnvp", Dim: 4, Layers: 1, Hidden: []int{4}})
	require.NoError(t, err)
	_, err = m.Fit(context.Background(), models.Data{X: x, Names: kindNames}, models.FitOptions{Steps: 1, Kinds: kindOf})
	require.NoError(t, err)
	for j, bad := range []float64{-1, 15, 2.5} {
		y := mat.DenseCopyOf(x)
		y.Set(7, j, bad)
		_, err := m.LogProb(y, nil)
		require.ErrorContains(t, err, fmt.Sprintf("row 8, column %q", kindNames[j]))
	}
}
