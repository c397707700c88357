package models_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
)

// Every name has a constructor, and the other way round.
func TestConstructors(t *testing.T) {
	byName := map[string]func(dim int, s models.Spec) (*models.Model, error){
		"realnvp": models.RealNVP, "nice": models.NICE, "maf": models.MAF, "iaf": models.IAF, "nsf": models.NSF, "nsf-ar": models.NSFAR,
		"made": models.MADE, "made-mog": models.MADEMoG, "maf-mog": models.MAFMoG, "naf": models.NAF, "bnaf": models.BNAF, "umnn": models.UMNN,
		"sos": models.SOS, "bernstein": models.Bernstein, "gaussianization": models.Gaussianization, "sylvester": models.Sylvester,
		"planar": models.Planar, "radial": models.Radial, "inn": models.INN, "gin": models.GIN,
		"flow++": models.FlowPlusPlus, "ncsf": models.NCSF,
	}
	require.Len(t, byName, len(models.Names()))
	for _, name := range models.Names() {
		require.Contains(t, byName, name)
		m, err := byName[name](3, models.Spec{Seed: 1})
		require.NoError(t, err, name)
		require.Equal(t, name, m.Spec().Model)
		require.Equal(t, 3, m.Spec().Dim)
	}
}

// The front page has every model and every base.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	for _, name := range append(models.Names(), models.Bases()...) {
		require.Contains(t, string(page), "`"+name+"`")
	}
}

// labelled are bananas of three classes, moved apart, with their classes.
func labelled(n int, seed uint64) (x, class *mat.Dense) {
	x, _ = banana(n, seed)
	class = mat.NewDense(n, 1, nil)
	for i := range n {
		k := i % 3
		class.Set(i, 0, float64(k))
		x.Set(i, 0, x.At(i, 0)+[]float64{-80, 0, 80}[k])
		x.Set(i, 1, x.At(i, 1)+[]float64{-10, 20, -10}[k])
	}
	return x, class
}

// Every base can be fitted, with a context and without, saved and loaded; its samples
// come with the density that scoring gives them.
func TestBasesInModels(t *testing.T) {
	for _, base := range models.Bases() {
		require.NotEmpty(t, models.DescribeBase(base))
		for _, conditional := range []bool{false, true} {
			if base == "class" && !conditional {
				continue
			}
			spec := models.Spec{Model: "realnvp", Dim: 2, Layers: 1, Hidden: []int{16}, Base: base, Seed: 2, DType: "float64"}
			x, class := labelled(300, 1)
			data := models.Data{X: x}
			var given mat.Matrix
			if conditional {
				spec.Context, data.Context, given = 1, class, class
			}
			switch base {
			case "torus", "von-mises":
				spec.Model, spec.Mixing = "ncsf", "none"
				data.X = turned(x)
			case "class":
				spec.Context = 3
			}
			m, err := models.New(spec)
			require.NoError(t, err, base)
			_, err = m.Fit(context.Background(), data, models.FitOptions{Steps: 20, Batch: 64})
			require.NoError(t, err, base)
			path := filepath.Join(t.TempDir(), "m.safetensors")
			require.NoError(t, m.Save(path))
			got, err := models.Load(path)
			require.NoError(t, err)
			a, err := m.LogProb(data.X, given)
			require.NoError(t, err)
			b, err := got.LogProb(data.X, given)
			require.NoError(t, err)
			require.Equal(t, a, b, base)
			u, err := m.Inverse(data.X, given)
			require.NoError(t, err, base)
			require.False(t, math.IsNaN(mat.Sum(u)))
			s, lp, err := m.SampleLogProb(300, given, models.SampleOptions{Seed: 1})
			require.NoError(t, err)
			again, err := m.LogProb(s, given)
			require.NoError(t, err)
			for i := range lp {
				require.InDelta(t, again[i], lp[i], 1e-5, "%s row %d", base, i)
			}
		}
	}
}

// A base that begins from data begins at what the layers make of them: after one step
// at next to no rate, a mixture fits three clouds far better than before.
func TestBaseStarts(t *testing.T) {
	x, _ := labelled(1500, 3)
	mean := func(base string, seed uint64) (float64, []float64) {
		m, err := models.RealNVP(2, models.Spec{Layers: 2, Hidden: []int{8}, Base: base, Norm: "act", Components: map[string]int{"mixture": 6, "made": 6}[base]})
		require.NoError(t, err)
		_, err = m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: 1, LearnRate: 1e-12, ValidFraction: -1, Seed: seed})
		require.NoError(t, err)
		lp, err := m.LogProb(x, nil)
		require.NoError(t, err)
		sum := 0.0
		for _, v := range lp {
			sum += v / float64(len(lp))
		}
		return sum, lp
	}
	normal, _ := mean("normal", 1)
	mixture, bits := mean("mixture", 1)
	made, _ := mean("made", 1)
	require.Greater(t, mixture, normal+0.3)
	require.Greater(t, made, normal+0.1) // columns by themselves
	_, again := mean("mixture", 1)
	require.Equal(t, bits, again)
	_, other := mean("mixture", 2)
	require.NotEqual(t, bits, other)
}

// Two rows are enough to begin with, whatever the number of components.
func TestBaseStartsOfFewRows(t *testing.T) {
	x := mat.NewDense(2, 2, []float64{1, 5, 2, 3})
	for _, model := range []string{"made-mog", "maf-mog"} {
		m, err := models.New(models.Spec{Model: model, Dim: 2, Hidden: []int{4}})
		require.NoError(t, err)
		_, err = m.Fit(context.Background(), models.Data{X: x}, models.FitOptions{Steps: 2})
		require.NoError(t, err)
	}
}

// A class-conditional flow tells classes apart as well as their densities do, and its
// posterior is Bayes' rule on its own densities.
func TestPosterior(t *testing.T) {
	x, class := labelled(3000, 1)
	m, err := models.NSF(2, models.Spec{Layers: 2, Hidden: []int{16}, Base: "class", Context: 3, Seed: 1})
	require.NoError(t, err)
	_, err = m.Fit(context.Background(), models.Data{X: x, Context: class}, models.FitOptions{Steps: 300, LearnRate: 3e-3, Seed: 1})
	require.NoError(t, err)
	test, of := labelled(3000, 2)
	classes := mat.NewDense(3, 1, []float64{0, 1, 2})
	for _, prior := range [][]float64{nil, {2, 0.5, 1}, {0, 1, 3}} {
		p, err := m.Posterior(test, classes, prior)
		require.NoError(t, err)
		logp := make([][]float64, 3)
		for k := range 3 {
			c := mat.NewDense(3000, 1, nil)
			c.Apply(func(int, int, float64) float64 { return float64(k) }, c)
			logp[k], err = m.LogProb(test, c)
			require.NoError(t, err)
		}
		for i := range 3000 {
			total, w := 0.0, []float64{1, 1, 1}
			if prior != nil {
				w = prior
			}
			for k := range 3 {
				total += w[k] * math.Exp(logp[k][i])
			}
			for k := range 3 {
				require.InDelta(t, w[k]*math.Exp(logp[k][i])/total, p.At(i, k), 1e-9)
			}
		}
	}
	p, err := m.Posterior(test, classes, nil)
	require.NoError(t, err)
	got, bayes := 0, 0
	for i := range 3000 {
		best := 0
		for k := range 3 {
			if p.At(i, k) > p.At(i, best) {
				best = k
			}
		}
		if float64(best) == of.At(i, 0) {
			got++
		}
		if trueClass(test.At(i, 0), test.At(i, 1)) == int(of.At(i, 0)) {
			bayes++
		}
	}
	// Within two in a hundred of the classifier that knows the densities.
	require.Greater(t, got, bayes-60)
	require.Less(t, bayes, 3000) // the classes do overlap
	// Samples of a class have that class.
	s, err := m.Sample(300, mat.NewDense(300, 1, nil), models.SampleOptions{})
	require.NoError(t, err)
	sum := 0.0
	for i := range 300 {
		sum += s.At(i, 0) / 300
	}
	require.InDelta(t, 20, sum, 10)
}

// trueClass is the class of largest density.
func trueClass(x, y float64) int {
	best, at := math.Inf(-1), 0
	for k, d := range [][]float64{{-80, -10}, {0, 20}, {80, -10}} {
		a := (x - d[0] - 100) / 30
		b := (y - d[1]) / 7
		if l := -a*a/2 - 2*(b-a*a/2)*(b-a*a/2); l > best {
			best, at = l, k
		}
	}
	return at
}

// Layers see what stands in the context behind the class.
func TestClassAndFurtherContext(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 2000
	x, given := mat.NewDense(n, 2, nil), mat.NewDense(n, 2, nil)
	for i := range n {
		k, shift := float64(i%2), rng.NormFloat64()
		given.SetRow(i, []float64{k, shift})
		x.SetRow(i, []float64{10*k + 3*shift + rng.NormFloat64(), 3*shift + rng.NormFloat64()})
	}
	schema := models.Schema{
		Columns: []models.Column{{Name: "a"}, {Name: "b"}},
		Context: []models.Column{{Name: "kind", Kind: models.Kind{Of: models.KindCategorical, Levels: []string{"0", "1"}}}, {Name: "shift"}},
	}
	m, err := models.NewFor(schema, models.Spec{Model: "maf", Layers: 2, Hidden: []int{16}, Base: "class"})
	require.NoError(t, err)
	require.Equal(t, 2, m.Spec().Classes)
	_, err = m.Fit(context.Background(), models.Data{X: x, Context: given}, models.FitOptions{Steps: 500, LearnRate: 5e-3})
	require.NoError(t, err)
	lp, err := m.LogProb(x, given)
	require.NoError(t, err)
	mean := 0.0
	for _, v := range lp {
		mean += v / n
	}
	require.InDelta(t, -math.Log(2*math.Pi*math.E), mean, 0.15) // noise of variance one in both
}

func TestBaseMistakes(t *testing.T) {
	for _, c := range []struct {
		spec models.Spec
		want string
	}{
		{models.Spec{Dim: 2, Base: "mixtur"}, `did you mean "mixture"`},
		{models.Spec{Dim: 2, Components: 3}, `3 components for base "normal"`},
		{models.Spec{Dim: 2, Base: "mixture", Components: -1}, "-1 components"},
		{models.Spec{Dim: 2, Base: "class"}, "without a context"},
		{models.Spec{Dim: 2, Base: "class", Context: 1}, "1 classes in a context of 1"},
		{models.Spec{Dim: 2, Base: "class", Context: 3, Classes: 4}, "4 classes in a context of 3"},
		{models.Spec{Dim: 2, Base: "class", Context: 3, Embed: 2}, "embedded"},
		{models.Spec{Dim: 2, Context: 3, Classes: 3}, `want base "class"`},
		{models.Spec{Dim: 2, Model: "made", Layers: 2}, `2 layers, base "made" for model "made"`},
		{models.Spec{Dim: 2, Model: "made-mog", Base: "normal"}, `base "normal" for model "made-mog"`},
		{models.Spec{Dim: 2, Model: "ncsf", Base: "normal"}, `"von-mises"`},
		{models.Spec{Dim: 2, Base: "von-mises"}, "of which 0 are angles: want another"},
	} {
		_, err := models.New(c.spec)
		require.ErrorContains(t, err, c.want)
	}
	_, err := models.NewFor(models.Schema{Columns: []models.Column{{Name: "a"}}, Context: []models.Column{{Name: "c"}, {Name: "d"}}}, models.Spec{Base: "class"})
	require.ErrorContains(t, err, "classes")
	m, err := models.New(models.Spec{Dim: 2, Layers: 1, Hidden: []int{4}, Base: "class", Context: 3})
	require.NoError(t, err)
	x := mat.NewDense(1, 2, nil)
	_, err = m.LogProb(x, mat.NewDense(1, 1, []float64{3}))
	require.ErrorContains(t, err, "3")
	_, err = m.Posterior(x, &mat.Dense{}, nil)
	require.ErrorContains(t, err, "no hypotheses")
	_, err = m.Posterior(x, nil, nil)
	require.ErrorIs(t, err, models.ErrContext)
	two := mat.NewDense(2, 1, []float64{0, 1})
	for _, prior := range [][]float64{{1}, {1, -1}, {0, 0}, {1, math.NaN()}} {
		_, err = m.Posterior(x, two, prior)
		require.ErrorContains(t, err, "prior")
	}
	p, err := m.Posterior(mat.NewDense(1, 2, []float64{1e30, 0}), two, []float64{1, 3})
	require.NoError(t, err)
	require.InDelta(t, 1, p.At(0, 0)+p.At(0, 1), 1e-12)
}
