package layers_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gorgeflow/gorge/flows"
	"github.com/gorgeflow/gorge/flows/flowtest"
	"github.com/gorgeflow/gorge/graph"
	"github.com/gorgeflow/gorge/layers"
)

// noise is the density of what a surjection forgets, given what it keeps: logistic
// noise through a coupling with a spline. Its tails are those of the noise, so that no
// likelihood weighs more than its fellows by orders of magnitude.
func noise(p *graph.Params, dim, given int) *flows.Flow {
	return flows.New(flows.NewLogistic(p, dim),
		layers.NewCoupling(p.In("q"), dim, layers.Even, rq, sat, layers.CouplingOptions{Context: given}))
}

// surjections are the layers one of whose directions draws noise.
var surjections = []struct {
	name  string
	noise func(dim int) int // columns of noise; as many as of data if nil
	dims  []int
	c     flowtest.Case
}{
	{"slice", func(dim int) int { return dim - 1 }, []int{2, 5, 64}, flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewSlice(p, dim, dim-1, noise(p, 1, dim-1), 0)
	}}},
	{"slice of most, context", func(dim int) int { return 1 }, []int{2, 5, 64}, flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewSlice(p, dim, 1, noise(p, dim-1, 3), 2)
	}}},
	{"augment", func(dim int) int { return dim + 1 }, []int{1, 2, 5, 64}, flowtest.Case{Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewAugment(p, dim, 1, noise(p, 1, dim), 0)
	}}},
	{"augment by two, context", func(dim int) int { return dim + 2 }, []int{1, 3, 64}, flowtest.Case{Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewAugment(p, dim, 2, noise(p, 2, dim+2), 2)
	}}},
	{"abs", nil, []int{1, 2, 5, 64}, flowtest.Case{Noise: flowtest.Positive, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewAbs(p, dim, layers.AbsOptions{})
	}}},
	{"abs with signs of a network, context", nil, []int{1, 2, 5, 64}, flowtest.Case{Context: 2, Noise: flowtest.Positive, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewAbs(p, dim, layers.AbsOptions{Net: &sat, Context: 2})
	}}},
	{"abs inverted", nil, []int{1, 2, 5, 64}, flowtest.Case{Data: flowtest.Positive, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.Invert(layers.NewAbs(p, dim, layers.AbsOptions{}))
	}}},
	{"max", func(int) int { return 1 }, []int{2, 5, 64}, flowtest.Case{Spread: 0.3, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewMax(p, dim, sat, 0)
	}}},
	{"max, context", func(int) int { return 1 }, []int{2, 4, 64}, flowtest.Case{Spread: 0.3, Context: 2, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewMax(p, dim, sat, 2)
	}}},
	{"uniform dequantize", nil, []int{1, 2, 5, 64}, flowtest.Case{Data: flowtest.Whole, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewUniformDequantize(p, dim, layers.Grid{})
	}}},
	{"uniform dequantize among others", nil, []int{1, 2, 5}, flowtest.Case{Data: flowtest.Whole, Make: func(p *graph.Params, dim int) flows.Layer {
		columns := make([]int, dim)
		for i := range columns {
			columns[i] = dim - 1 - i
		}
		return layers.NewAmong(p, dim, columns, layers.NewUniformDequantize(p, dim, layers.Grid{}))
	}}},
	{"variational dequantize", nil, []int{1, 2, 5, 64}, flowtest.Case{Data: flowtest.Whole, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewVariationalDequantize(p, dim, layers.Grid{}, noise(p, dim, dim), 0)
	}}},
	{"variational dequantize, context", nil, []int{1, 2, 5, 64}, flowtest.Case{Context: 2, Data: flowtest.Whole, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewVariationalDequantize(p, dim, layers.Grid{}, noise(p, dim, dim+2), 2)
	}}},
	{"variational dequantize of a column on a grid", nil, []int{3}, flowtest.Case{Data: halves, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewVariationalDequantize(p, dim, layers.Grid{Columns: []int{1}, Origin: []float64{0.25}, Width: []float64{0.5}}, noise(p, 1, dim), 0)
	}}},
	{"uniform dequantize of a column on a grid", nil, []int{3}, flowtest.Case{Data: halves, Make: func(p *graph.Params, dim int) flows.Layer {
		return layers.NewUniformDequantize(p, dim, layers.Grid{Columns: []int{1}, Origin: []float64{0.25}, Width: []float64{0.5}})
	}}},
}

// halves are rows whose column 1 is on the grid of 0.25 and halves from there.
var halves = flowtest.Set{
	Draw: func(rng *rand.Rand, dim int) []float64 {
		out := make([]float64, dim)
		for j := range out {
			out[j] = 1.5 * rng.NormFloat64()
		}
		out[1] = 0.25 + 0.5*math.Round(out[1]/0.5)
		return out
	},
	Holds: func(x []float64) bool { r := (x[1] - 0.25) / 0.5; return math.Abs(r-math.Round(r)) < 1e-6 },
}

// Every surjection passes the conformance checks.
func TestSurjections(t *testing.T) {
	for _, row := range surjections {
		for _, dim := range row.dims {
			if testing.Short() && dim > 2 {
				continue
			}
			t.Run(fmt.Sprintf("%s/dim=%d", row.name, dim), func(t *testing.T) {
				c := row.c
				c.Dim = dim
				if row.noise != nil {
					c.NoiseDim = row.noise(dim)
				}
				flowtest.RunSurjection(t, c)
			})
		}
	}
}
