package models_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
)

// schema makes one of pairs of a name and a kind.
func schema(pairs ...any) models.Schema {
	var s models.Schema
	for i := 0; i < len(pairs); i += 2 {
		s.Columns = append(s.Columns, models.Column{Name: pairs[i].(string), Kind: pairs[i+1].(models.Kind)})
	}
	return s
}

func names(s models.Schema) []string {
	var out []string
	for _, c := range s.Columns {
		out = append(out, c.Name)
	}
	return out
}

var everyKind = schema(
	"price", models.Kind{Of: models.KindPositive},
	"share", models.Kind{Of: models.KindBounded, Lo: 10, Hi: 15},
	"count", models.Kind{Of: models.KindInteger},
	"z", models.Kind{},
	"hour", models.Kind{Of: models.KindPeriodic, Period: 24},
	"score", models.Kind{Of: models.KindInteger, Lo: 1, Hi: 10},
	"grade", models.Kind{Of: models.KindOrdinal, Levels: []string{"0.5", "1", "2.5"}},
	"colour", models.Kind{Of: models.KindCategorical, Levels: []string{"red", "green", "blue"}},
	"month", models.Kind{Of: models.KindInteger, Period: 12, Origin: 1},
)

// kinds is a table with a column of each kind: log-normal, a share, a count, normal and
// close to the first; an hour, a mark, a grade, a colour and
// a month that know of each other.
func kinds(n int, seed uint64) *mat.Dense {
	rng := rand.New(rand.NewPCG(seed, 9))
	x := mat.NewDense(n, 9, nil)
	for i := range n {
		z, c := rng.NormFloat64(), rng.IntN(4)
		x.SetRow(i, []float64{
			math.Exp(2 + z), 10 + 5/(1+math.Exp(-rng.NormFloat64())), math.Floor(100 + 2*rng.NormFloat64()), z + 0.5*rng.NormFloat64(),
			math.Mod(24+23+2*rng.NormFloat64()+6*float64(c/3), 24), float64(1 + min(9, rng.IntN(6)+rng.IntN(6))),
			[]float64{0.5, 1, 2.5}[(c+rng.IntN(2))%3], float64(c % 3), float64(1 + (11+c+rng.IntN(3))%12),
		})
	}
	return x
}

// first is the schema of the first columns alone.
func first(s models.Schema, n int) models.Schema { return models.Schema{Columns: s.Columns[:n]} }

func fitFor(t testing.TB, s models.Schema, spec models.Spec, d models.Data, opts models.FitOptions) *models.Model {
	t.Helper()
	m, err := models.NewFor(s, spec)
	require.NoError(t, err)
	_, err = m.Fit(context.Background(), d, opts)
	require.NoError(t, err)
	return m
}

// reloaded is the model after a way through its file.
func reloaded(t testing.TB, m *models.Model) *models.Model {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, m.Save(path))
	out, err := models.Load(path)
	require.NoError(t, err)
	require.Equal(t, m.Schema(), out.Schema())
	return out
}

// Every kind survives the model file; samples are of it; what is said of a sample is
// what is said of the row; the gradient is that of the log-probability.
func TestKindsRoundTrip(t *testing.T) {
	x := kinds(2000, 1)
	for _, model := range []string{"nsf-ar float32", "nsf-ar float64", "nsf float64", "maf float64"} {
		name, dt, _ := strings.Cut(model, " ")
		m := fitFor(t, everyKind, models.Spec{Model: name, Layers: 2, Hidden: []int{16}, DType: dt, Seed: 1},
			models.Data{X: x, Names: names(everyKind)}, models.FitOptions{Steps: 100, LearnRate: 3e-3, Seed: 2})
		before, err := m.LogProb(x, nil)
		require.NoError(t, err)
		m = reloaded(t, m)
		after, err := m.LogProb(x, nil)
		require.NoError(t, err)
		require.Equal(t, before, after)

		s, slp, err := m.SampleLogProb(1000, nil, models.SampleOptions{Seed: 3})
		require.NoError(t, err)
		again, err := m.LogProb(s, nil) // each sample is of its kind, or this is an error
		require.NoError(t, err)
		for i := range slp {
			require.InDelta(t, again[i], slp[i], 2e-3*math.Max(1, math.Abs(slp[i])), "row %d", i)
			require.True(t, s.At(i, 4) >= 0 && s.At(i, 4) < 24, "hour %v", s.At(i, 4))
			require.True(t, s.At(i, 8) >= 1 && s.At(i, 8) <= 12, "month %v", s.At(i, 8))
		}
		for _, j := range []int{5, 6, 7} {
			require.Equal(t, distinct(x, j), distinct(s, j), "every level is drawn: column %d", j)
		}
		if dt == "float32" {
			continue
		}
		x := mat.DenseCopyOf(x.Slice(0, 50, 0, 9))
		g, err := m.Score(x, nil)
		require.NoError(t, err)
		for j := range 9 {
			if everyKind.Columns[j].Discrete() {
				require.Zero(t, g.At(3, j))
				continue
			}
			const h = 1e-6
			up, down := mat.DenseCopyOf(x), mat.DenseCopyOf(x)
			for i := range 50 {
				up.Set(i, j, x.At(i, j)+h)
				down.Set(i, j, x.At(i, j)-h)
			}
			a, err := m.LogProb(up, nil)
			require.NoError(t, err)
			b, err := m.LogProb(down, nil)
			require.NoError(t, err)
			for i := range 50 {
				want := (a[i] - b[i]) / (2 * h)
				require.InDelta(t, want, g.At(i, j), 1e-3*(1+math.Abs(want)), "%s row %d column %d", model, i, j)
			}
		}
	}
}

func distinct(x *mat.Dense, j int) []float64 {
	n, _ := x.Dims()
	v := mat.Col(nil, j, x)[:n]
	slices.Sort(v)
	return slices.Compact(v)
}

// Log-probabilities are in the user's units: their mean is the entropy of the rows.
func TestKindsEntropy(t *testing.T) {
	x, test := kinds(6000, 1), kinds(3000, 2)
	four := func(x *mat.Dense) mat.Matrix { n, _ := x.Dims(); return x.Slice(0, n, 0, 4) }
	s := first(everyKind, 4)
	m, err := models.NewFor(s, models.Spec{Model: "nsf-ar", Layers: 3, Hidden: []int{32}, DType: "float64", Seed: 1})
	require.NoError(t, err)
	rep, err := m.Fit(context.Background(), models.Data{X: four(x), Names: names(s)}, models.FitOptions{Steps: 400, LearnRate: 3e-3, Seed: 2})
	require.NoError(t, err)
	lp, err := m.LogProb(four(test), nil)
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
	share := 0.0
	for i := range 20000 {
		z := math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/20000-1)
		s := 1 / (1 + math.Exp(-z))
		share += math.Log(s*(1-s)) / 20000
	}
	require.InDelta(t, (half+2)+(half+share+math.Log(5))+(half+math.Log(2))+(half+math.Log(0.5)), mean, 0.15)
}

// What does not fit a kind is named by row and column, in fitting and in scoring.
func TestKindMistakes(t *testing.T) {
	type kind = models.Kind
	for _, c := range []struct {
		kind kind
		want string
	}{
		{kind{Of: "positve"}, `column "a": kind "positve", did you mean "positive"`},
		{kind{Of: "bounded", Lo: 3, Hi: 3}, `bounded by 3 and 3: want finite lo < hi`},
		{kind{Of: "bounded"}, `want finite lo < hi`},
		{kind{Of: "bounded", Lo: 0, Hi: math.Inf(1)}, `want finite lo < hi`},
		{kind{Of: "positive", Lo: 1}, `lo and hi are for kinds bounded and integer, not positive`},
		{kind{Of: "integer", Lo: 0.5, Hi: 3}, `want whole numbers`},
		{kind{Of: "integer", Lo: 4, Hi: 3}, `want finite lo < hi`},
		{kind{Of: "periodic"}, `want a positive period`},
		{kind{Of: "periodic", Period: -1}, `want a positive period`},
		{kind{Of: "periodic", Period: 1, Origin: math.NaN()}, `finite origin`},
		{kind{Period: 1}, `period and origin are for kinds periodic and integer, not real`},
		{kind{Of: "integer", Period: 1.5}, `integer with period 1.5 from 0: want whole numbers`},
		{kind{Of: "integer", Period: 7, Hi: 6}, `and no lo and hi`},
		{kind{Of: "integer", Origin: 1}, `integer with period 0 from 1: want whole numbers`},
		{kind{Of: "integer", Levels: []string{"a", "b"}}, `levels are for kinds ordinal and categorical`},
		{kind{Of: "ordinal"}, `ordinal with 0 levels`},
		{kind{Of: "categorical", Levels: []string{"a"}}, `categorical with 1 levels: want 2 to 1024`},
		{kind{Of: "categorical", Levels: []string{"a", "b", "a"}}, `level "a" is there twice`},
		{kind{Of: "ordinal", Levels: []string{"1", "1.0"}}, `levels "1" and "1.0" are the same number`},
		{kind{Of: "ordinal", Levels: []string{"1", ""}}, `level 2 has no name`},
	} {
		_, err := models.NewFor(schema("a", c.kind), models.Spec{})
		require.ErrorContains(t, err, c.want)
	}
	_, err := models.NewFor(schema("a", kind{}, "a", kind{}), models.Spec{})
	require.ErrorContains(t, err, "a name of its own")
	_, err = models.NewFor(schema("a", kind{Of: models.KindIgnored}), models.Spec{})
	require.ErrorContains(t, err, "no columns to model")

	x := kinds(200, 1)
	m := fitFor(t, everyKind, models.Spec{Model: "realnvp", Layers: 1, Hidden: []int{4}}, models.Data{X: x}, models.FitOptions{Steps: 1})
	for _, c := range []struct {
		column int
		bad    float64
		want   string
	}{
		{0, 0, "0 in a column of positive numbers"},
		{1, 15, "15 in a column bounded by 10 and 15, the ends left out"},
		{2, 2.5, "2.5 in a column of whole numbers"},
		{3, math.NaN(), "NaN is not a finite number"},
		{4, math.Inf(1), "+Inf is not a finite number"},
		{5, 11, "11 in a column of whole numbers from 1 to 10"},
		{6, 2, "2 is none of the levels 0.5, 1, 2.5"},
		{7, 3, "3 is no level: there are 3, numbered from 0"},
	} {
		y := mat.DenseCopyOf(x)
		y.Set(7, c.column, c.bad)
		where := fmt.Sprintf("row 8, column %q: %s", everyKind.Columns[c.column].Name, c.want)
		_, err := m.LogProb(y, nil)
		require.ErrorContains(t, err, where)
		again, err := models.NewFor(everyKind, models.Spec{Layers: 1, Hidden: []int{4}})
		require.NoError(t, err)
		_, err = again.Fit(context.Background(), models.Data{X: y}, models.FitOptions{Steps: 1})
		require.ErrorContains(t, err, where)
	}
	_, err = m.Fit(context.Background(), models.Data{X: x, Names: []string{"price", "share", "count", "hour", "z", "score", "grade", "colour", "month"}}, models.FitOptions{Steps: 1})
	require.ErrorContains(t, err, `column 4 of the data is "hour", the model's is "z": want price, share`)
}

// Values reads what it writes.
func TestValues(t *testing.T) {
	for _, c := range everyKind.Columns {
		v, err := c.Values()
		require.NoError(t, err)
		for _, x := range distinct(kinds(300, 1), slices.Index(names(everyKind), c.Name)) {
			got, err := v.Parse(v.Format(x))
			require.NoError(t, err)
			require.Equal(t, x, got, c.Name)
		}
	}
	colour, err := everyKind.Columns[7].Values()
	require.NoError(t, err)
	require.Equal(t, "blue", colour.Format(2))
	_, err = colour.Parse("bleu")
	require.ErrorContains(t, err, `"bleu" is none of the levels red, green, blue, did you mean "blue"`)
	count, err := models.Kind{Of: models.KindInteger}.Values()
	require.NoError(t, err)
	require.Equal(t, "12000000", count.Format(1.2e7))
	_, err = count.Parse("12a")
	require.ErrorContains(t, err, `"12a" is not a number`)
	_, err = count.Parse("1e999")
	require.ErrorContains(t, err, "not a finite number")
	zip, err := models.Kind{Of: models.KindCategorical, Levels: []string{"02134", "10115"}}.Values()
	require.NoError(t, err)
	x, err := zip.Parse("2134")
	require.NoError(t, err)
	require.Equal(t, "02134", zip.Format(x))
	tenth, err := models.Kind{Of: models.KindOrdinal, Levels: []string{"0.1", "0.3"}}.Values()
	require.NoError(t, err)
	require.NoError(t, tenth.Check(float64(float32(0.1))), "a number kept in 32 bits")
	require.Error(t, tenth.Check(0.1001))
}
