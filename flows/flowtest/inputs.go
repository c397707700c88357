package flowtest

import (
	"math"
	"math/rand/v2"
)

// Set is a set of rows; the zero value is that of all of them.
type Set struct {
	// Draw returns a row of dim columns within the set, not close to its edge.
	Draw func(rng *rand.Rand, dim int) []float64
	// Holds says whether a row is in the set or, by rounding, on its edge.
	Holds func(row []float64) bool
	// Extreme returns a row at the extremes of the set; if nil, Draw does.
	Extreme func(rng *rand.Rand, dim int) []float64
}

// columnsOf are the numbers of columns of what a direction takes and gives.
func (c Case) columnsOf(d direction) (in, out int) {
	in, out = c.Dim, c.Dim
	if c.NoiseDim > 0 {
		out = c.NoiseDim
	}
	if d == forward {
		return out, in
	}
	return in, out
}

// set is where the inputs of a direction are.
func (c Case) set(d direction) Set {
	if d == forward {
		return c.Noise
	}
	return c.Data
}

// rows is n, or fewer of wide layers.
func (c Case) rows(n, wide int) int {
	if c.Dim > Wide {
		return min(n, wide)
	}
	return n
}

// inputs are rows for a direction and contexts: of its set or, if that is all rows,
// of normal numbers with the case's points among them.
func (c Case) inputs(d direction, n int, seed uint64) (x, ctx []float64) {
	rng := rand.New(rand.NewPCG(seed, 5))
	dim, _ := c.columnsOf(d)
	x, ctx = make([]float64, n*dim), make([]float64, n*c.Context)
	for i := range x {
		x[i] = 1.5 * rng.NormFloat64()
		if len(c.Points) > 0 && rng.IntN(4) == 0 {
			x[i] = c.Points[rng.IntN(len(c.Points))]
		}
	}
	for i := range ctx {
		ctx[i] = rng.NormFloat64()
	}
	if draw := c.set(d).Draw; draw != nil {
		for k := range n {
			copy(x[k*dim:(k+1)*dim], draw(rng, dim))
		}
	}
	return x, ctx
}

// directions are the units or, for wide layers, a few at random.
func (c Case) directions(seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 6))
	out := make([][]float64, c.rows(c.Dim, 3))
	for i := range out {
		out[i] = make([]float64, c.Dim)
		for j := range out[i] {
			if c.Dim > Wide { // of length about one
				out[i][j] = rng.NormFloat64() / math.Sqrt(float64(c.Dim))
			} else if i == j {
				out[i][j] = 1
			}
		}
	}
	return out
}

// columns are all columns or, for wide layers, the first, the last and one between.
func (c Case) columns(seed uint64) []int {
	if c.Dim > Wide {
		return []int{0, 1 + rand.New(rand.NewPCG(seed, 7)).IntN(c.Dim-2), c.Dim - 1}
	}
	out := make([]int, c.Dim)
	for i := range out {
		out[i] = i
	}
	return out
}
