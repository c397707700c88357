package layers

import (
	"cmp"
	"fmt"

	"gonum.org/v1/gonum/integrate/quad"

	"github.com/gorgeflow/gorge/graph"
)

func (SumOfSquares) alike() {}

// SumOfSquares is the sum-of-squares polynomial of Jaini et al. (2019),
// arXiv:1905.02325: the integral of a mean of squared polynomials,
//
//	u = b + ∫₀ˣ 1/K Σ_k (1 + Σ_j a_kj (t/Bound)ʲ)² + MinSlope dt
//
// exact by Gauss-Legendre quadrature, with straight tails beyond ±Bound.
// Parameters of an element: K·(Degree+1) of a, row by row, then b.
type SumOfSquares struct {
	Polynomials int     // K; default 3
	Degree      int     // default 3
	Bound       float64 // default 10
	MinSlope    float64 // default 1e-3; negative for none
	NoShift     bool    // leaves b out
}

func (t SumOfSquares) settings() (k, degree int, bound, least float64) {
	return cmp.Or(t.Polynomials, 3), cmp.Or(t.Degree, 3), orDefault(t.Bound, 10), orDefault(t.MinSlope, 1e-3)
}

func (t SumOfSquares) check() error {
	k, d, b, _ := t.settings()
	if d < 1 || d > 16 {
		return fmt.Errorf("degree %d: want 1 to 16", d)
	}
	return cmp.Or(checkBins(k, 1, b, 0), checkSize("least slope", t.MinSlope))
}

// Params is Polynomials·(Degree+1), and one more for b.
func (t SumOfSquares) Params() int {
	k, d, _, _ := t.settings()
	return k*(d+1) + int(step(!t.NoShift))
}

// Inverse maps data to noise.
func (t SumOfSquares) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	k, d, b, least := t.settings()
	n := t.Params()
	coefficient := make([]graph.Expr, d+1)
	for j := range coefficient {
		var idx []int
		for e := range x.Cols() {
			for i := range k {
				idx = append(idx, e*n+i*(d+1)+j)
			}
		}
		coefficient[j] = h.Columns(idx)
	}
	density := func(x graph.Expr) graph.Expr {
		v := x.Scale(1 / b).Repeat(k)
		p := coefficient[d]
		for j := d - 1; j >= 0; j-- {
			p = p.Mul(v).Add(coefficient[j])
		}
		return p.Shift(1).Square().SumGroups(k).Affine(1/float64(k), least)
	}
	nodes, weights := make([]float64, d+1), make([]float64, d+1)
	quad.Legendre{}.FixedLocations(nodes, weights, 0, 1)
	u, logSlope = linearTails(x, b, func(x graph.Expr) (y, logSlope graph.Expr) {
		y = x.Zeros(x.Cols())
		for i := range nodes {
			y = y.Add(density(x.Scale(nodes[i])).Scale(weights[i]))
		}
		return y.Mul(x), density(x).Log()
	})
	if !t.NoShift {
		u = u.Add(part(h, n, n-1, n))
	}
	return u, logSlope
}

// Forward maps noise to data, numerically.
func (t SumOfSquares) Forward(u, h graph.Expr) (x, logSlope graph.Expr) {
	return solved(u, h, t.Inverse)
}
