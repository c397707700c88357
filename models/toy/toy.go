// Package toy has two-dimensional data sets that flows are tried on: the shapes
// of Grathwohl et al. (2019), arXiv:1810.01367, and Durkan et al. (2019),
// arXiv:1906.04032, from formulas of their own.
package toy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/gorgeflow/gorge/models"
)

type shape struct {
	name string
	draw func(r *rand.Rand) (x, y float64)
}

var shapes = []shape{
	{"moons", moons},
	{"eight-gaussians", eightGaussians},
	{"pinwheel", pinwheel},
	{"checkerboard", checkerboard},
	{"two-spirals", twoSpirals},
	{"swiss-roll", swissRoll},
	{"circles", circles},
	{"rings", rings},
	{"crescent", crescent},
	{"sine-wave", sineWave},
	{"diamond", diamond},
	{"grid", grid},
}

// Names lists the shapes.
func Names() []string {
	out := make([]string, len(shapes))
	for i, s := range shapes {
		out[i] = s.name
	}
	return out
}

// Sample draws n points of a shape; the seed decides them.
func Sample(name string, n int, seed uint64) (*mat.Dense, error) {
	if n < 1 {
		return nil, fmt.Errorf("toy: %d points: need at least one", n)
	}
	for i, s := range shapes {
		if s.name != name {
			continue
		}
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		out := mat.NewDense(n, 2, nil)
		for k := range n {
			x, y := s.draw(r)
			out.SetRow(k, []float64{x, y})
		}
		return out, nil
	}
	return nil, fmt.Errorf("toy: unknown shape %q%s: want one of %s", name, models.Nearest(name, Names()), strings.Join(Names(), ", "))
}

// moons are two half circles of radius one that reach into each other, with
// noise of 0.1.
func moons(r *rand.Rand) (x, y float64) {
	a := math.Pi * r.Float64()
	x, y = math.Cos(a), math.Sin(a)
	if r.IntN(2) == 1 {
		x, y = 1-x, 0.5-y
	}
	return x + 0.1*r.NormFloat64() - 0.5, y + 0.1*r.NormFloat64() - 0.25
}

// eightGaussians stand on a circle of radius two, with standard deviation 0.2.
func eightGaussians(r *rand.Rand) (x, y float64) {
	a := float64(r.IntN(8)) * math.Pi / 4
	return 2*math.Cos(a) + 0.2*r.NormFloat64(), 2*math.Sin(a) + 0.2*r.NormFloat64()
}

// pinwheel has five arms, each a Gaussian stretched along the radius and turned
// by an angle that grows with it.
func pinwheel(r *rand.Rand) (x, y float64) {
	u, v := 1+0.3*r.NormFloat64(), 0.1*r.NormFloat64()
	a := float64(r.IntN(5))*2*math.Pi/5 + 0.25*math.Exp(u)
	return 2 * (u*math.Cos(a) - v*math.Sin(a)), 2 * (u*math.Sin(a) + v*math.Cos(a))
}

// checkerboard is uniform on the eight dark squares of a board of four by four
// on [-2, 2]².
func checkerboard(r *rand.Rand) (x, y float64) {
	i, j := r.IntN(4), r.IntN(2)
	return float64(i) - 2 + r.Float64(), float64(2*j+i%2) - 2 + r.Float64()
}

// twoSpirals wind one and a half times about the origin, with noise of 0.1.
func twoSpirals(r *rand.Rand) (x, y float64) {
	t := 3 * math.Pi * math.Sqrt(r.Float64())
	x, y = -t*math.Cos(t)/3, t*math.Sin(t)/3
	if r.IntN(2) == 1 {
		x, y = -x, -y
	}
	return x + 0.1*r.NormFloat64(), y + 0.1*r.NormFloat64()
}

// swissRoll is one spiral with noise.
func swissRoll(r *rand.Rand) (x, y float64) {
	t := 1.5 * math.Pi * (1 + 2*r.Float64())
	return t*math.Cos(t)/5 + 0.1*r.NormFloat64(), t*math.Sin(t)/5 + 0.1*r.NormFloat64()
}

// circles are two circles of radius one and two, with noise of 0.08.
func circles(r *rand.Rand) (x, y float64) { return ring(r, float64(1+r.IntN(2)), 0.08) }

// rings are four circles.
func rings(r *rand.Rand) (x, y float64) { return ring(r, 0.75*float64(1+r.IntN(4)), 0.08) }

func ring(r *rand.Rand, radius, noise float64) (x, y float64) {
	a := 2 * math.Pi * r.Float64()
	return radius*math.Cos(a) + noise*r.NormFloat64(), radius*math.Sin(a) + noise*r.NormFloat64()
}

// crescent is x = y²/2 - 1 + noise with y normal.
func crescent(r *rand.Rand) (x, y float64) {
	y = r.NormFloat64()
	return y*y/2 - 1 + 0.5*r.NormFloat64(), y
}

// sineWave is y = sin 2.5x + noise with x normal.
func sineWave(r *rand.Rand) (x, y float64) {
	x = r.NormFloat64()
	return x, math.Sin(2.5*x) + 0.25*r.NormFloat64()
}

// diamond is a grid of fifteen by fifteen narrow Gaussians, turned by 45°.
func diamond(r *rand.Rand) (x, y float64) {
	a, b := float64(r.IntN(15)-7)/3.5+0.05*r.NormFloat64(), float64(r.IntN(15)-7)/3.5+0.05*r.NormFloat64()
	return (a - b) / math.Sqrt2, (a + b) / math.Sqrt2
}

// grid is five by five Gaussians of standard deviation 0.1, one apart.
func grid(r *rand.Rand) (x, y float64) {
	return float64(r.IntN(5)-2) + 0.1*r.NormFloat64(), float64(r.IntN(5)-2) + 0.1*r.NormFloat64()
}
