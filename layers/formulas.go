package layers

import (
	"math"

	"github.com/gorgeflow/gorge/graph"
)

// part takes the parameters lo … hi of each element, which has n of them in h.
func part(h graph.Expr, n, lo, hi int) graph.Expr {
	var idx []int
	for e := range h.Cols() / n {
		for j := lo; j < hi; j++ {
			idx = append(idx, e*n+j)
		}
	}
	return h.Columns(idx)
}

// row is a constant, the same numbers for each of the elements of x.
func row(x graph.Expr, values ...float64) graph.Expr {
	all := make([]float64, 0, x.Cols()*len(values))
	for range x.Cols() {
		all = append(all, values...)
	}
	return x.Graph().Constant(1, len(all), all)
}

// numbered is f(0), …, f(k-1).
func numbered(k int, f func(i int) float64) []float64 {
	v := make([]float64, k)
	for i := range v {
		v[i] = f(i)
	}
	return v
}

// copies repeats the whole run of k columns of each element n times.
func copies(x graph.Expr, k, n int) graph.Expr {
	var idx []int
	for e := range x.Cols() / k {
		for range n {
			for j := range k {
				idx = append(idx, e*k+j)
			}
		}
	}
	return x.Columns(idx)
}

// shares is a softmax over runs of k, each share at least least.
func shares(raw graph.Expr, k int, least float64) graph.Expr {
	return raw.Softmax(k).Affine(1-float64(k)*least, least)
}

// logShares is log softmax over runs of k.
func logShares(raw graph.Expr, k int) graph.Expr { return raw.Sub(raw.LogSumExp(k).Repeat(k)) }

// logSigmoid is log σ(x).
func logSigmoid(x graph.Expr) graph.Expr { return x.Neg().Softplus().Neg() }

// logits keeps what sigmoids are of within the numbers that sums of their logarithms
// can be made of, in the element type at hand.
func logits(x graph.Expr) graph.Expr {
	most := 1e38
	if g := x.Graph(); g != nil && g.Params().DType() == graph.Float64 {
		most = 1e307
	}
	return x.Clamp(-most, most)
}

// limited is limit·tanh(a/limit), or a itself for no limit.
func limited(a graph.Expr, limit float64) graph.Expr {
	if limit <= 0 {
		return a
	}
	return a.Scale(1 / limit).Tanh().Scale(limit)
}

// inverseSoftplus is the a with softplus(a) = v.
func inverseSoftplus(v float64) float64 { return v + math.Log(-math.Expm1(-v)) }

// solved is the inverse of f at y, numerically, with its log-slope.
func solved(y, h graph.Expr, f func(x, h graph.Expr) (y, logSlope graph.Expr)) (x, logSlope graph.Expr) {
	x = y.Solve(func(x graph.Expr, args []graph.Expr) (graph.Expr, graph.Expr) { return f(x, args[0]) }, h)
	_, logSlope = f(x, h)
	return x, logSlope.Neg()
}

// linearTails continues f beyond ±bound by its tangents there. Log-slopes are kept
// within ±40: those of float32 are digits lost of huge numbers, if they are larger.
func linearTails(x graph.Expr, bound float64, f func(x graph.Expr) (y, logSlope graph.Expr)) (y, logSlope graph.Expr) {
	in := x.Clamp(-bound, bound)
	y, logSlope = f(in)
	logSlope = logSlope.Clamp(-40, 40)
	// The slope is constant times one, so that the gradient in its logarithm is that of the
	// product: x alone, far out, may leave no room for a factor.
	at := logSlope.StopGrad()
	return y.Add(x.Sub(in).Mul(at.Exp()).Mul(logSlope.Sub(at).Exp())), logSlope
}

// identityTails is f within ±bound and the identity outside.
func identityTails(x graph.Expr, bound float64, f func(x graph.Expr) (y, logSlope graph.Expr)) (y, logSlope graph.Expr) {
	inside := x.Abs().Less(x.Graph().Scalar(bound))
	y, logSlope = f(x.Clamp(-bound, bound))
	return inside.Where(y, x), inside.Where(logSlope, x.Zeros(x.Cols()))
}

func step(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// pinned keeps x within an interval that it leaves by rounding alone; its gradient
// is that of x.
func pinned(x graph.Expr, lo, hi float64) graph.Expr {
	return x.Add(x.Clamp(lo, hi).Sub(x).StopGrad())
}

func logOf(n int) float64 { return math.Log(float64(n)) }
