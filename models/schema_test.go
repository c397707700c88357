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
	"github.com/gorgeflow/gorge/models/internal/store"
)

// axis is the values of a column to sum over, and what each counts.
type axis struct {
	values []float64
	width  float64
}

func grid(lo, hi float64, n int) axis {
	a := axis{width: (hi - lo) / float64(n)}
	for i := range n {
		a.values = append(a.values, lo+(float64(i)+0.5)*a.width)
	}
	return a
}

func whole(lo, hi int) axis {
	a := axis{width: 1}
	for i := lo; i <= hi; i++ {
		a.values = append(a.values, float64(i))
	}
	return a
}

// Densities integrate and probabilities sum to one, over one period, over the levels.
func TestTotalProbability(t *testing.T) {
	x := kinds(3000, 4)
	axes := map[string]axis{"share": grid(10, 15, 300), "count": whole(80, 120), "z": grid(-9, 9, 400), "hour": grid(3, 27, 300), "score": whole(1, 10),
		"grade": {[]float64{0.5, 1, 2.5}, 1}, "colour": whole(0, 2), "month": whole(1, 12), "price": grid(0, 400, 4000)}
	for _, c := range []struct {
		a, b  int
		model string // maf has no circles
	}{{4, 7, "nsf-ar"}, {4, 7, "maf"}, {5, 6, "nsf"}, {2, 7, "nsf-ar"}, {1, 4, "nsf-ar"}, {3, 6, "maf"}, {0, 5, "nsf-ar"}, {8, 7, "nsf-ar"}, {8, 7, "maf"}} {
		a, b := everyKind.Columns[c.a], everyKind.Columns[c.b]
		t.Run(fmt.Sprintf("%s of %s and %s", c.model, a.Name, b.Name), func(t *testing.T) {
			two := mat.NewDense(3000, 2, nil)
			for i := range 3000 {
				two.SetRow(i, []float64{x.At(i, c.a), x.At(i, c.b)})
			}
			m := fitFor(t, models.Schema{Columns: []models.Column{a, b}}, models.Spec{Model: c.model, Layers: 2, Hidden: []int{16}, DType: "float64"},
				models.Data{X: two}, models.FitOptions{Steps: 150, LearnRate: 5e-3})
			p, q := axes[a.Name], axes[b.Name]
			all := mat.NewDense(len(p.values)*len(q.values), 2, nil)
			for i, v := range p.values {
				for j, w := range q.values {
					all.SetRow(i*len(q.values)+j, []float64{v, w})
				}
			}
			lp, err := m.LogProb(all, nil)
			require.NoError(t, err)
			total := 0.0
			for _, v := range lp {
				total += math.Exp(v) * p.width * q.width
			}
			require.InDelta(t, 1, total, 0.02)
			if !a.Discrete() {
				return
			}
			// Probabilities are the frequencies of samples.
			s, err := m.Sample(20000, nil, models.SampleOptions{Seed: 5})
			require.NoError(t, err)
			count := map[[2]float64]float64{}
			for i := range 20000 {
				count[[2]float64{s.At(i, 0), s.At(i, 1)}]++
			}
			for i, v := range lp {
				want := math.Exp(v)
				require.InDelta(t, want, count[[2]float64{all.At(i, 0), all.At(i, 1)}]/20000, 5*math.Sqrt(want/20000)+1e-3, "row %v", all.RawRowView(i))
			}
		})
	}
}

// A periodic column is the same after any number of turns, and its density has no
// edge where the numbers begin again.
func TestPeriodic(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	x := mat.NewDense(4000, 1, nil)
	for i := range 4000 { // about midnight
		x.Set(i, 0, 1.5*rng.NormFloat64())
	}
	s := schema("hour", models.Kind{Of: models.KindPeriodic, Period: 24, Origin: -6})
	for _, model := range []string{"nsf", "nsf-ar", "ncsf", "maf"} {
		m := fitFor(t, s, models.Spec{Model: model, Layers: 2, Hidden: []int{16}}, models.Data{X: x}, models.FitOptions{Steps: 300, LearnRate: 1e-2})
		require.Equal(t, model == "maf", m.Schema().Columns[0].Seam != nil, "cut open where there are no circles")
		m = reloaded(t, m)
		at := []float64{0, 24, -48, 23.75, -0.25, 1, 2, 12}
		lp, err := m.LogProb(mat.NewDense(len(at), 1, at), nil)
		require.NoError(t, err)
		require.InDelta(t, lp[0], lp[1], 1e-5)
		require.InDelta(t, lp[0], lp[2], 1e-5)
		require.InDelta(t, lp[3], lp[4], 1e-5)
		normal := func(h float64) float64 { return -0.5*h*h/2.25 - math.Log(1.5*math.Sqrt(2*math.Pi)) }
		for i, v := range at[3:7] {
			require.InDelta(t, normal(math.Remainder(v, 24)), lp[3+i], 0.2, "%s at %v", model, v)
		}
		require.Less(t, lp[7], -5.0)
		draws, err := m.Sample(1000, nil, models.SampleOptions{})
		require.NoError(t, err)
		for i := range 1000 {
			h := draws.At(i, 0)
			require.True(t, h >= -6 && h < 18, "%v", h)
		}
	}
}

// Angles and other columns that know of each other, across every seam: the models with
// circles find the entropy.
func TestMixedCircles(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 3))
	x := mat.NewDense(6000, 4, nil)
	for i := range 6000 { // a wind's direction, its speed, an hour by the direction, and one by both
		dir, speed := 360*rng.Float64(), rng.NormFloat64()
		rad := 2 * math.Pi * dir / 360
		x.SetRow(i, []float64{dir, speed + 2*math.Cos(rad), 24*dir/360 + 6 + rng.NormFloat64(), 3*math.Sin(rad) + speed + 0.5*rng.NormFloat64()})
	}
	s := schema("direction", models.Kind{Of: models.KindPeriodic, Period: 360}, "speed", models.Kind{},
		"hour", models.Kind{Of: models.KindPeriodic, Period: 24}, "sum", models.Kind{})
	half := 0.5 * (1 + math.Log(2*math.Pi))
	entropy := math.Log(360) + 3*half + math.Log(0.5)
	train, test := x.Slice(0, 5000, 0, 4), x.Slice(5000, 6000, 0, 4)
	for _, spec := range []models.Spec{{Model: "nsf"}, {Model: "ncsf", Norm: "act"}, {Model: "nsf-ar", Base: "mixture"}} {
		spec.Layers, spec.Hidden, spec.Blocks = 6, []int{48, 48}, -1
		m := fitFor(t, s, spec, models.Data{X: train}, models.FitOptions{Steps: 1200, LearnRate: 4e-3, Seed: 1})
		require.Equal(t, []int{0, 2}, m.Spec().Angles)
		m = reloaded(t, m)
		lp, err := m.LogProb(test, nil)
		require.NoError(t, err)
		t.Logf("%s: %.3f, entropy %.3f", spec.Model, -mean(lp), entropy)
		require.InDelta(t, entropy, -mean(lp), 0.25, spec.Model)
		draws, err := m.Sample(2000, nil, models.SampleOptions{})
		require.NoError(t, err)
		lp, err = m.LogProb(draws, nil)
		require.NoError(t, err)
		require.InDelta(t, entropy, -mean(lp), 0.35, "%s: samples", spec.Model)
	}
	for want, spec := range map[string]models.Spec{
		`mixing "shuffle" of 4 columns of which 2 are angles: want lu or none`: {Model: "ncsf", Mixing: "shuffle"},
		`base "torus" for 4 columns of which 2 are angles`:                     {Model: "nsf", Base: "torus"},
		"angles are not augmented":                                             {Model: "nsf", Augment: 1},
	} {
		_, err := models.NewFor(s, spec)
		require.ErrorContains(t, err, want)
	}
	for want, spec := range map[string]models.Spec{
		`model "maf" has no circles for angles; nsf, nsf-ar, ncsf have`: {Model: "maf", Dim: 2, Angles: []int{0}},
		"angles [2]: want some of the columns 0 … 1":                    {Dim: 2, Angles: []int{2}},
		`or "von-mises", no linear maps`:                                {Dim: 2, Angles: []int{0, 1}, Mixing: "lu"},
	} {
		_, err := models.New(spec)
		require.ErrorContains(t, err, want)
	}
	_, err := models.NewFor(schema("z", models.Kind{}), models.Spec{Model: "ncsf"})
	require.ErrorContains(t, err, `model "ncsf" is one of angles, and no column is periodic`)
}

// A categorical context is one-hot, a periodic one goes round: what depends on them
// is found.
func TestKindsOfContext(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	const n = 4000
	y, c := mat.NewDense(n, 1, nil), mat.NewDense(n, 3, nil)
	mean := []float64{5, -5, 0}
	for i := range n {
		k, hour := rng.IntN(3), 24*rng.Float64()
		y.Set(i, 0, mean[k]+2*math.Cos(2*math.Pi*hour/24)+0.5*rng.NormFloat64())
		c.SetRow(i, []float64{float64(k), hour, float64(rng.IntN(2))})
	}
	s := schema("y", models.Kind{})
	s.Context = schema("colour", models.Kind{Of: models.KindCategorical, Levels: []string{"red", "green", "blue"}},
		"hour", models.Kind{Of: models.KindPeriodic, Period: 24}, "size", models.Kind{Of: models.KindOrdinal, Levels: []string{"small", "large"}}).Columns
	m := fitFor(t, s, models.Spec{Model: "nsf", Layers: 2, Hidden: []int{32}}, models.Data{X: y, Context: c}, models.FitOptions{Steps: 600, LearnRate: 3e-3})
	require.Equal(t, 6, m.Spec().Context)
	m = reloaded(t, m)
	lp, err := m.LogProb(y, c)
	require.NoError(t, err)
	got := 0.0
	for _, v := range lp {
		got += v / n
	}
	require.InDelta(t, -0.5*(1+math.Log(2*math.Pi))-math.Log(0.5), got, 0.1)
	c.Set(4, 0, 3)
	_, err = m.LogProb(y, c)
	require.ErrorContains(t, err, `row 5, column "colour": 3 is no level`)
	_, err = m.LogProb(y, mat.NewDense(n, 6, nil))
	require.ErrorIs(t, err, models.ErrContext)
	require.ErrorContains(t, err, "want (4000, 3)")
}

func TestInfer(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	const n = 2000
	x := mat.NewDense(n, 9, nil)
	for i := range n {
		z := rng.NormFloat64()
		x.SetRow(i, []float64{z, math.Exp(3 * z), math.Exp(z / 3), float64(rng.IntN(2)), float64(rng.IntN(50)), float64(rng.IntN(1e6)),
			float64(rng.IntN(4)) / 4, 7, 1e-9 + math.Abs(z)})
	}
	cols := []string{"normal", "lognormal", "nearly", "yes", "count", "code", "quarter", "constant", "half"}
	s, err := models.Infer(models.Data{X: x, Names: cols}, nil)
	require.NoError(t, err)
	want := schema("normal", models.Kind{Of: "real"}, "lognormal", models.Kind{Of: "positive"}, "nearly", models.Kind{Of: "real"},
		"yes", models.Kind{Of: "categorical", Levels: []string{"0", "1"}}, "count", models.Kind{Of: "integer"}, "code", models.Kind{Of: "real"},
		"quarter", models.Kind{Of: "ordinal", Levels: []string{"0", "0.25", "0.5", "0.75"}}, "constant", models.Kind{Of: "real"}, "half", models.Kind{Of: "real"})
	for j, c := range s.Columns {
		require.Equal(t, want.Columns[j].Kind, c.Kind, c.Name)
	}
	s, err = models.Infer(models.Data{X: x, Names: cols}, map[string]models.Kind{"count": {Of: "ordinal"}, "lognormal": {}})
	require.NoError(t, err)
	require.Len(t, s.Columns[4].Levels, 50)
	require.Equal(t, "9", s.Columns[4].Levels[9])
	require.Equal(t, models.Kind{}, s.Columns[1].Kind)
	for want, known := range map[string]map[string]models.Kind{
		`no column "cuont", did you mean "count"`:     {"cuont": {Of: "integer"}},
		`column "normal": -`:                          {"normal": {Of: "positive"}},
		`more than 1024 distinct`:                     {"code": {Of: "ordinal"}},
		`column "constant": categorical with 1 level`: {"constant": {Of: "categorical"}},
		`leave it out`:                                {"code": {Of: "ignored"}},
	} {
		_, err := models.Infer(models.Data{X: x, Names: cols}, known)
		require.ErrorContains(t, err, want)
	}
	x.Set(6, 4, math.NaN())
	_, err = models.Infer(models.Data{X: x, Names: cols}, map[string]models.Kind{"count": {Of: "categorical"}})
	require.ErrorContains(t, err, `row 7, column "count": NaN is not a finite number`)
}

func TestDropMissing(t *testing.T) {
	nan := math.NaN()
	d := models.Data{X: mat.NewDense(4, 2, []float64{1, 2, nan, 3, 4, 5, 6, 7}), Context: mat.NewDense(4, 1, []float64{1, 2, nan, 4}), Weights: []float64{1, 2, 3, 4}}
	got, n := d.DropMissing()
	require.Equal(t, 2, n)
	require.Equal(t, []float64{1, 4}, got.Weights)
	require.True(t, mat.Equal(mat.NewDense(2, 2, []float64{1, 2, 6, 7}), got.X))
	require.True(t, mat.Equal(mat.NewDense(2, 1, []float64{1, 4}), got.Context))
	same, n := got.DropMissing()
	require.Zero(t, n)
	require.Equal(t, got, same)
}

// Files of format version 1 load and score as they did; see testdata/README.md.
func TestVersion1(t *testing.T) {
	m, err := models.Load("../testdata/models/version1_angles.safetensors")
	require.NoError(t, err)
	lp, err := m.LogProb(mat.NewDense(3, 2, []float64{0.52860, 3.03108, 0.17737, 2.79980, 1.14832, -3.08037}), nil)
	require.NoError(t, err)
	for i, want := range []float64{-3.5879796, -3.5868275, -3.6218393} {
		require.InDelta(t, want, lp[i], 2e-7)
	}
	m, err = models.Load("../testdata/models/version1_kinds.safetensors")
	require.NoError(t, err)
	lp, err = m.LogProb(mat.NewDense(3, 4, []float64{8.12307, 13.88652, 81, 0.59090, 5.70216, 12.17496, 137, -0.18039, 7.07860, 13.37348, 122, -0.05835}), nil)
	require.NoError(t, err)
	for i, want := range []float64{-10.098056, -10.811842, -9.77329} { // a density at the middle of the count's cell
		require.InDelta(t, want, lp[i], 1e-3)
	}
}

// What a file says about columns is checked before it is believed.
func TestHostileColumns(t *testing.T) {
	x := kinds(200, 1)
	m := fitFor(t, everyKind, models.Spec{Model: "realnvp", Layers: 1, Hidden: []int{4}}, models.Data{X: x, Names: names(everyKind)}, models.FitOptions{Steps: 1})
	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, m.Save(path))
	good, err := store.Read(path)
	require.NoError(t, err)
	one := `{"columns":[{"name":"a","mean":0,"scale":1,`
	for columns, want := range map[string]string{
		`{`:                          "columns: unexpected end",
		`{"columns":[]}`:             "0 columns, and 0 inputs of context; the model has 9 and 0",
		one + `"kind":"cubic"}]}`:    `kind "cubic"`,
		one + `"kind":"periodic"}]}`: "positive period",
		one + `"kind":"ordinal","levels":["a","b"],"cuts":[0,1]}]}`:     "2 ends of cells",
		one + `"kind":"ordinal","levels":["a","b"],"cuts":[0,0,1]}]}`:   `the cell of level "a" is from 0 to 0`,
		one + `"kind":"ordinal","levels":["a","b"],"cuts":[0,0.5,2]}]}`: "3 ends of cells",
		one + `"kind":"categorical","levels":["a","a"]}]}`:              "twice",
		one + `"seam":3}]}`:                                                     "seam at 3 of a column that is real",
		one + `"step":-1}]}`:                                                    "step -1",
		`{"columns":[{"name":"a","mean":0,"scale":0}]}`:                         "scaling by 0",
		`{"columns":[{"name":"a","mean":0,"scale":1e999}]}`:                     "columns: ",
		`{"columns":[],"context":[{"name":"c","scale":1,"kind":"categorical"}]`: "columns: ",
	} {
		bad := &store.File{Metadata: map[string]string{}, Tensors: good.Tensors}
		for k, v := range good.Metadata {
			bad.Metadata[k] = v
		}
		bad.Metadata["schema"] = columns
		require.NoError(t, store.Write(path, bad))
		_, err := models.Load(path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
	}
}

// Data without names have columns x1, x2, … and context c1, c2, …, in a schema and in a
// model alike; what a file cannot hold is refused before a fit.
func TestNames(t *testing.T) {
	x, _ := banana(100, 1)
	s, err := models.Infer(models.Data{X: x, Context: x}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"x1", "x2", "c1", "c2"}, append(names(s), s.Context[0].Name, s.Context[1].Name))
	_, err = models.NewFor(s, models.Spec{})
	require.NoError(t, err)
	m, err := models.New(models.Spec{Dim: 2, Context: 2})
	require.NoError(t, err)
	for j, c := range m.Schema().Context {
		require.Equal(t, s.Context[j].Name, c.Name)
	}
	_, err = models.NewFor(schema("a", models.Kind{Of: models.KindCategorical, Levels: []string{"\xfe", "\xff"}}), models.Spec{})
	require.ErrorContains(t, err, `column "a": level 1, "\xfe", is not UTF-8`)
	_, err = models.NewFor(schema("\xff", models.Kind{}), models.Spec{})
	require.ErrorContains(t, err, "not UTF-8")
}

// Columns that are ignored are kept by name only.
func TestIgnored(t *testing.T) {
	s := schema("id", models.Kind{Of: models.KindIgnored}, "z", models.Kind{})
	m := fitFor(t, s, models.Spec{Layers: 1, Hidden: []int{4}}, models.Data{X: kinds(200, 1).Slice(0, 200, 3, 4), Names: []string{"z"}}, models.FitOptions{Steps: 1})
	require.Equal(t, []string{"id"}, reloaded(t, m).Schema().Ignored)
	require.Equal(t, 1, m.Spec().Dim)
}

// What a log-probability is, is said.
func TestLogProbOf(t *testing.T) {
	require.Equal(t, "log-density in nats, in the units of the columns", first(everyKind, 2).LogProbOf())
	require.Equal(t, "log-probability in nats", models.Schema{Columns: everyKind.Columns[5:]}.LogProbOf())
	require.Equal(t, "log in nats of a probability (count, score, grade, colour, month) times a density in the units of the other columns", everyKind.LogProbOf())
	x := kinds(300, 1)
	for i := range 300 {
		x.Set(i, 3, math.Round(x.At(i, 3)))
	}
	s := schema("z", models.Kind{})
	m, err := models.NewFor(s, models.Spec{Layers: 1, Hidden: []int{4}})
	require.NoError(t, err)
	_, err = m.Fit(context.Background(), models.Data{X: x.Slice(0, 300, 3, 4)}, models.FitOptions{Steps: 1, Dequantise: true})
	require.NoError(t, err)
	require.Contains(t, m.Schema().LogProbOf(), "dequantised")
}
