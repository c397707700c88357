package layers_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/flows/flowtest"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// each is the set of rows whose columns are made by draw and satisfy holds, one by one.
func each(draw func(rng *rand.Rand) float64, holds func(v float64) bool) flowtest.Set {
	return flowtest.Set{
		Draw: func(rng *rand.Rand, dim int) []float64 {
			row := make([]float64, dim)
			for i := range row {
				row[i] = draw(rng)
			}
			return row
		},
		Holds: func(row []float64) bool {
			return !slices.ContainsFunc(row, func(v float64) bool { return !holds(v) })
		},
	}
}

// above is the half line beyond lo.
func above(lo float64) flowtest.Set {
	return each(func(rng *rand.Rand) float64 { return lo + math.Exp(0.7*rng.NormFloat64()) }, func(v float64) bool { return v >= lo })
}

func between(lo, hi float64) flowtest.Set {
	return each(func(rng *rand.Rand) float64 { return lo + (hi-lo)*(0.05+0.9*rng.Float64()) }, func(v float64) bool { return v >= lo && v <= hi })
}

// increasing are rows in increasing order.
var increasing = flowtest.Set{
	Draw: func(rng *rand.Rand, dim int) []float64 {
		row := []float64{rng.NormFloat64()}
		for i := 1; i < dim; i++ {
			row = append(row, row[i-1]+math.Exp(0.5*rng.NormFloat64()))
		}
		return row
	},
	Holds: func(row []float64) bool { return slices.IsSorted(row) },
}

// simplex are shares of one, the last of them left out.
var simplex = flowtest.Set{
	Draw: func(rng *rand.Rand, dim int) []float64 {
		row, sum := make([]float64, dim), 0.5+rng.Float64()
		for i := range row {
			row[i] = 0.5 + rng.Float64()
			sum += row[i]
		}
		for i := range row {
			row[i] /= sum
		}
		return row
	},
	Holds: func(row []float64) bool {
		sum := 0.0
		for _, v := range row {
			sum += v
		}
		return slices.Min(row) >= 0 && sum <= 1+1e-5
	},
}

// covariances are lower triangles, row by row, of positive diagonal.
var covariances = flowtest.Set{
	Draw: func(rng *rand.Rand, dim int) []float64 {
		row := make([]float64, dim)
		for i, at := 0, 0; at < dim; i++ {
			for j := range i + 1 {
				if row[at] = rng.NormFloat64(); j == i {
					row[at] = math.Exp(0.7 * row[at])
				}
				at++
			}
		}
		return row
	},
	Holds: func(row []float64) bool {
		for i, at := 0, 0; at < len(row); i++ {
			if at += i; !(row[at] > 0) {
				return false
			}
			at++
		}
		return true
	},
}

// correlations are what is below the diagonal of a triangle with rows of length one.
var correlations = flowtest.Set{
	Draw: func(rng *rand.Rand, dim int) []float64 {
		var out []float64
		for i := 1; len(out) < dim; i++ {
			row, sum := make([]float64, i), 0.5+rng.Float64()
			for j := range row {
				row[j] = rng.NormFloat64()
				sum += row[j] * row[j]
			}
			for _, v := range row {
				out = append(out, v/math.Sqrt(sum))
			}
		}
		return out
	},
	Holds: func(row []float64) bool {
		for i, at := 1, 0; at < len(row); i++ {
			sum := 0.0
			for range i {
				sum += row[at] * row[at]
				at++
			}
			if !(sum <= 1+1e-5) {
				return false
			}
		}
		return true
	},
}

// onto are the maps between the real line and a set; those of triangles are made at
// the nearest numbers of columns there are.
var onto = []struct {
	name string
	dims []int
	make func(p *graph.Params, dim int) *layers.Bijection
	c    flowtest.Case
}{
	{"exp", nil, func(*graph.Params, int) *layers.Bijection { return layers.NewExp() }, flowtest.Case{Data: above(0)}},
	{"softplus", nil, func(*graph.Params, int) *layers.Bijection { return layers.NewSoftplus() }, flowtest.Case{Data: above(0)}},
	{"sigmoid", nil, func(p *graph.Params, _ int) *layers.Bijection { return layers.NewSigmoid(p, -1, 3) }, flowtest.Case{Data: between(-1, 3)}},
	{"tanh", nil, func(*graph.Params, int) *layers.Bijection { return layers.NewTanh() }, flowtest.Case{Data: between(-1, 1)}},
	{"power 1.7", nil, func(p *graph.Params, _ int) *layers.Bijection { return layers.NewPower(p, 1.7) }, flowtest.Case{}},
	{"power 0.6", nil, func(p *graph.Params, _ int) *layers.Bijection { return layers.NewPower(p, 0.6) }, flowtest.Case{}},
	{"box-cox 0", nil, func(*graph.Params, int) *layers.Bijection { return layers.NewBoxCox(0) }, flowtest.Case{Data: above(0)}},
	{"box-cox 0.5", nil, func(*graph.Params, int) *layers.Bijection { return layers.NewBoxCox(0.5) }, flowtest.Case{Data: above(0), Noise: above(-2)}},
	{"yeo-johnson 0", nil, func(*graph.Params, int) *layers.Bijection { return layers.NewYeoJohnson(0) }, flowtest.Case{}},
	{"yeo-johnson 0.7", nil, func(*graph.Params, int) *layers.Bijection { return layers.NewYeoJohnson(0.7) }, flowtest.Case{}},
	{"yeo-johnson 2", nil, func(*graph.Params, int) *layers.Bijection { return layers.NewYeoJohnson(2) }, flowtest.Case{}},
	{"yeo-johnson 3", nil, func(*graph.Params, int) *layers.Bijection { return layers.NewYeoJohnson(3) }, flowtest.Case{Noise: above(-1)}},
	{"ordered", nil, func(*graph.Params, int) *layers.Bijection { return layers.NewOrdered() }, flowtest.Case{Data: increasing}},
	{"stick-breaking", nil, func(*graph.Params, int) *layers.Bijection { return layers.NewStickBreaking() }, flowtest.Case{Data: simplex}},
	{"covariance", []int{1, 3, 6, 66}, layers.NewCovarianceCholesky, flowtest.Case{Data: covariances}},
	{"correlation", []int{1, 3, 6, 66}, layers.NewCorrelationCholesky, flowtest.Case{Data: correlations}},
}

// Maps onto sets pass the conformance checks, with rows of the set for data.
func TestSets(t *testing.T) {
	for _, row := range onto {
		c := row.c
		c.FarFromIdentity = true
		c.Make = func(p *graph.Params, dim int) flows.Layer { return row.make(p, dim) }
		dims := row.dims
		if dims == nil {
			dims = []int{1, 2, 5, 64}
		}
		for _, dim := range dims {
			t.Run(fmt.Sprintf("%s/dim=%d", row.name, dim), func(t *testing.T) {
				c.Dim = dim
				flowtest.Run(t, c)
			})
		}
	}
}

// Noise that is no image of data is not a number, in either direction of λ.
func TestOutsideImage(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	for name, c := range map[string]struct {
		l   flows.Layer
		bad float64
	}{
		"box-cox 0.5": {layers.NewBoxCox(0.5), -2.1}, "box-cox -1": {layers.NewBoxCox(-1), 1.1},
		"yeo-johnson 3": {layers.NewYeoJohnson(3), -1.1}, "yeo-johnson -1": {layers.NewYeoJohnson(-1), 1.1},
	} {
		g := graph.New(p, graph.Eval)
		x, ld := c.l.Forward(g.Rows("u", 1), graph.Expr{})
		g.Output("x", x)
		g.Output("ld", ld)
		got := evaluate(t, g, 2, map[string][]float64{"u": {c.bad, 0.3}}, map[string]int{"x": 1, "ld": 1})
		require.True(t, math.IsNaN(got["x"][0]) && math.IsNaN(got["ld"][0]), "%s: %v", name, got)
		require.False(t, math.IsNaN(got["x"][1]) || math.IsNaN(got["ld"][1]), "%s: %v", name, got)
	}
}

// Maps onto sets agree with PyTorch's and SciPy's.
func TestGoldenSets(t *testing.T) {
	p := graph.NewParams(graph.Float64, 1)
	for _, c := range []struct {
		name   string
		l      flows.Layer
		dim    int
		golden string
		toData bool // theirs maps noise to data
	}{
		{"box-cox 0", layers.NewBoxCox(0), 1, "box_cox_0.0", false},
		{"box-cox 0.5", layers.NewBoxCox(0.5), 1, "box_cox_0.5", false},
		{"box-cox 1", layers.NewBoxCox(1), 1, "box_cox_1.0", false},
		{"box-cox 2", layers.NewBoxCox(2), 1, "box_cox_2.0", false},
		{"box-cox 2.7", layers.NewBoxCox(2.7), 1, "box_cox_2.7", false},
		{"box-cox -1", layers.NewBoxCox(-1), 1, "box_cox_m1.0", false},
		{"yeo-johnson 0", layers.NewYeoJohnson(0), 1, "yeo_johnson_0.0", false},
		{"yeo-johnson 0.5", layers.NewYeoJohnson(0.5), 1, "yeo_johnson_0.5", false},
		{"yeo-johnson 1", layers.NewYeoJohnson(1), 1, "yeo_johnson_1.0", false},
		{"yeo-johnson 2", layers.NewYeoJohnson(2), 1, "yeo_johnson_2.0", false},
		{"yeo-johnson 2.7", layers.NewYeoJohnson(2.7), 1, "yeo_johnson_2.7", false},
		{"yeo-johnson -1", layers.NewYeoJohnson(-1), 1, "yeo_johnson_m1.0", false},
		{"ordered", layers.NewOrdered(), 4, "ordered", true},
		{"stick-breaking", layers.NewStickBreaking(), 4, "stick_breaking", true},
		{"correlation", layers.NewCorrelationCholesky(p, 6), 6, "corr_cholesky", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, p.Err())
			z := loadZoo(t, c.golden)
			from, to := z["x"], z["y"]
			if c.golden == "corr_cholesky" { // whole matrices: what is below the diagonal
				var low []float64
				for r := 0; r < len(to); r += 16 {
					low = append(low, to[r+4], to[r+8], to[r+9], to[r+12], to[r+13], to[r+14])
				}
				to = low
			}
			out := map[string]int{"y": c.dim, "ld": 1, "back": c.dim, "lb": 1}
			g := graph.New(p, graph.Eval)
			x := g.Rows("x", c.dim)
			there, home := c.l.Forward, c.l.Inverse
			if !c.toData {
				there, home = home, there
			}
			y, ld := there(x, graph.Expr{})
			back, lb := home(y, graph.Expr{})
			g.Output("y", y)
			g.Output("ld", ld)
			g.Output("back", back)
			g.Output("lb", lb.Neg())
			got := evaluate(t, g, len(from)/c.dim, map[string][]float64{"x": from}, out)
			near(t, "y", to, got["y"], 1e-12)
			near(t, "log-determinant", z["logdet"], got["ld"], 1e-12)
			near(t, "back", from, got["back"], 1e-9)
			near(t, "log-determinant back", got["ld"], got["lb"], 1e-9)
		})
	}
}
