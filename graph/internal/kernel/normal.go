package kernel

import "math"

// logCDF is log Φ(x): by the complementary error function as far as it reaches,
// beyond by the asymptotic series of Mills' ratio.
func logCDF(x float64) float64 {
	switch {
	case x > 0:
		return math.Log1p(-0.5 * math.Erfc(x/math.Sqrt2))
	case x > -30:
		return math.Log(0.5 * math.Erfc(-x/math.Sqrt2))
	}
	return -0.5*x*x - 0.5*math.Log(2*math.Pi) - math.Log(hazard(x))
}

// hazard is φ(x)/Φ(x), about -x far below zero.
func hazard(x float64) float64 {
	if x > -30 {
		return math.Exp(-0.5*x*x) / math.Sqrt(2*math.Pi) / (0.5 * math.Erfc(-x/math.Sqrt2))
	}
	// 1/Mills' ratio: -x / (1 - 1/x² + 3/x⁴ - 15/x⁶ + 105/x⁸ …)
	q := 1 / (x * x)
	return -x / (1 - q*(1-q*(3-q*(15-q*105))))
}

// quantile is the z with log Φ(z) = l: near the middle by the inverse of the error
// function, below by Newton's method from the leading term of the tail.
func quantile(l float64) float64 {
	switch {
	case !(l <= 0):
		return math.NaN()
	case l > -1:
		return math.Sqrt2 * math.Erfinv(1+2*math.Expm1(l))
	case math.IsInf(l, -1):
		return l
	}
	z := -math.Sqrt(-2 * l)
	if l < -3 { // log Φ(z) ≈ -z²/2 - log(-z √2π)
		z = -math.Sqrt(math.Max(-2*l-math.Log(2*math.Pi*-2*l), 0.5))
	}
	for range 8 {
		d := (logCDF(z) - l) / hazard(z)
		z -= d
		if math.Abs(d) <= 1e-16*math.Abs(z) {
			break
		}
	}
	return z
}
