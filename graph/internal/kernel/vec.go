package kernel

import "math"

// The vector functions below set dst[i] = f(src[i]) for i < len(dst); dst and
// src may be the same slice. They are right at NaN, ±Inf, subnormals and ±0.

// Exp sets dst to eˣ.
func Exp[T Float](dst, src []T) { apply(dst, src, math.Exp) }

// Log sets dst to the natural logarithm.
func Log[T Float](dst, src []T) { apply(dst, src, math.Log) }

// Log1p sets dst to log(1+x).
func Log1p[T Float](dst, src []T) { apply(dst, src, math.Log1p) }

// Expm1 sets dst to eˣ-1.
func Expm1[T Float](dst, src []T) { apply(dst, src, math.Expm1) }

// Tanh sets dst to the hyperbolic tangent.
func Tanh[T Float](dst, src []T) { apply(dst, src, math.Tanh) }

// Sigmoid sets dst to 1/(1+e⁻ˣ).
func Sigmoid[T Float](dst, src []T) { apply(dst, src, SigmoidOf) }

// Softplus sets dst to log(1+eˣ).
func Softplus[T Float](dst, src []T) { apply(dst, src, SoftplusOf) }

// Erf sets dst to the error function.
func Erf[T Float](dst, src []T) { apply(dst, src, math.Erf) }

// Sin sets dst to the sine.
func Sin[T Float](dst, src []T) { apply(dst, src, math.Sin) }

// Cos sets dst to the cosine.
func Cos[T Float](dst, src []T) { apply(dst, src, math.Cos) }

// SigmoidOf is the logistic function of one number, without overflow.
func SigmoidOf(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

// SoftplusOf is log(1+eˣ) of one number, without overflow.
func SoftplusOf(x float64) float64 {
	return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}

func apply[T Float](dst, src []T, f func(float64) float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = T(f(float64(x)))
	}
}
