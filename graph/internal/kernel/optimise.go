package kernel

import "math"

// AdamNumbers are the coefficients of one step of Adam, the same for all
// parameters but for the decay.
type AdamNumbers struct {
	Clip         float64 // what gradients are multiplied by
	Beta1, Beta2 float64
	Fix1, Fix2   float64 // 1/(1-β₁ᵗ) and 1/(1-β₂ᵗ)
	Epsilon      float64
	Rate, Decay  float64
	Limit        float64 // of a parameter's absolute value
	Share        float64 // by which an average moves towards the parameters
}

// Adam makes one step on the parameters p with gradients g and moments m, v. Moments
// that have become subnormal are zero: where a gradient stays zero they would never
// get there, and processors are slow with them. An average, if not nil, then moves
// towards the parameters as by [Average], in the same pass.
func Adam[T Float](p, g, m, v, average []T, a AdamNumbers) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	c := [12]T{T(a.Clip), T(a.Beta1), T(1 - a.Beta1), T(a.Beta2), T(1 - a.Beta2), T(a.Fix1), T(a.Fix2), T(a.Epsilon), T(a.Rate), T(a.Rate * a.Decay), T(a.Limit), T(a.Share)}
	if average != nil {
		average = average[:len(p)]
	}
	if fastAdam(p, g, m, v, average, &c) {
		return
	}
	for i := range p {
		x := g[i] * c[0]
		m[i] = flushed(c[1]*m[i] + c[2]*x)
		v[i] = flushed(c[3]*v[i] + c[4]*(x*x))
		step := m[i] * c[5] / (T(math.Sqrt(float64(v[i]*c[6]))) + c[7])
		p[i] = min(max(p[i]-c[9]*p[i]-c[8]*step, -c[10]), c[10])
	}
	if average != nil {
		Average(average, p, c[11])
	}
}

// flushed is x or, for a subnormal number, zero.
func flushed[T Float](x T) T {
	least := math.Float64frombits(1 << 52)
	if single[T]() {
		least = float64(math.Float32frombits(1 << 23))
	}
	if math.Abs(float64(x)) < least {
		return 0
	}
	return x
}

// Average moves a towards b by the share w.
func Average[T Float](a, b []T, w T) {
	b = b[:len(a)]
	if fastAverage(a, b, w) {
		return
	}
	for i := range a {
		a[i] += w * (b[i] - a[i])
	}
}

// SumSquares is Σ x², added up in float64.
func SumSquares[T Float](x []T) float64 {
	if s, ok := fastSumSquares(x); ok {
		return s
	}
	s := 0.0
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}
