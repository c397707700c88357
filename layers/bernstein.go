package layers

import (
	"cmp"
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// Bernstein is the Bernstein polynomial of Ramasinghe et al. (2022),
// arXiv:2102.03509, on [-Bound, Bound] with straight tails. Its Coefficients+1
// increments are softplus of the parameters, the second and the last of which
// serve twice; the first is the value at -Bound.
type Bernstein struct {
	Coefficients int     // parameters; default 8; at least 3
	Bound        float64 // default 5
	// Plain makes increments softplus(h) and the first value h - Coefficients log(2)/2,
	// as in zuko; by default the polynomial is the identity for h = 0.
	Plain bool
}

func (t Bernstein) settings() (m int, bound float64) {
	return cmp.Or(t.Coefficients, 8), orDefault(t.Bound, 5)
}

func (t Bernstein) check() error { m, b := t.settings(); return checkBins(m, 3, b, 0) }

// Params is Coefficients.
func (t Bernstein) Params() int { m, _ := t.settings(); return m }

// Inverse maps data to noise.
func (t Bernstein) Inverse(x, h graph.Expr) (u, logSlope graph.Expr) {
	m, b := t.settings()
	var idx []int
	for e := range x.Cols() {
		for j := range m + 1 {
			idx = append(idx, e*m+min(max(j, 1), m-1))
		}
	}
	first, rise := part(h, m, 0, 1), h.Columns(idx)
	if t.Plain {
		first, rise = first.Shift(-math.Ln2*float64(m)/2), rise.Softplus()
	} else {
		first = first.Shift(-b)
		even := 2 * b / float64(m+1)
		least := min(1e-3, even/2)
		rise = rise.Shift(inverseSoftplus(even - least)).Softplus().Shift(least)
	}
	theta := graph.Concat(first, first.Repeat(m+1).Add(rise.CumGroups(m+1))) // first, then m+1 of each
	var order []int
	d := x.Cols()
	for e := range d {
		order = append(order, e)
		for j := range m + 1 {
			order = append(order, d+e*(m+1)+j)
		}
	}
	theta = theta.Columns(order)
	return linearTails(x, b, func(x graph.Expr) (y, logSlope graph.Expr) {
		at := x.Affine(0.5/b, 0.5)
		slope := casteljau(rise, m+1, at).Scale(float64(m+1) / (2 * b))
		return casteljau(theta, m+2, at), slope.Log()
	})
}

// Forward maps noise to data, numerically.
func (t Bernstein) Forward(u, h graph.Expr) (x, logSlope graph.Expr) { return solved(u, h, t.Inverse) }

// casteljau evaluates the Bernstein polynomials of k coefficients each at t, by the
// recursion of de Casteljau: means of neighbours, without cancellation.
func casteljau(c graph.Expr, k int, t graph.Expr) graph.Expr {
	for ; k > 1; k-- {
		r := t.Repeat(k - 1)
		lo, hi := part(c, k, 0, k-1), part(c, k, 1, k)
		c = lo.Add(hi.Sub(lo).Mul(r))
	}
	return c
}
